# The guest's first process: it makes the read-only root usable, loads NFS, and runs one script for each line it reads.
# Its arguments: its own address, the directory that it shares with the lab.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root PYTHONDONTWRITEBYTECODE=1
stty -echo -onlcr
fail() { echo "@@CANNOT $*"; exec busybox poweroff -f; }
mount -t proc proc /proc && mount -t sysfs sys /sys || fail "mount /proc and /sys"
for place in /run /srv; do mount -t tmpfs -o mode=755 tmpfs $place || fail "mount a tmpfs on $place"; done
mkdir /run/lab && mount -t hostfs -o "$2" none /run/lab || fail "mount the shared directory"
mount -t tmpfs -o mode=1777 tmpfs /tmp || fail "mount a tmpfs on /tmp"
: >/run/fstab && mount --bind /run/fstab /etc/fstab || fail "put another file over /etc/fstab"
modules=/usr/lib/uml/modules/$(uname -r)
for wanted in nfsv4 sch_netem; do
  files=
  for file in $(grep "/$wanted\.ko:" "$modules/modules.dep" | tr -d :); do files="$file $files"; done # the deepest last
  for file in ${files:-no-$wanted.ko}; do
    grep -q "^$(basename "$file" .ko) " /proc/modules || busybox insmod "$modules/$file" || fail "load $modules/$file"
  done
done
echo web-1 >/proc/sys/kernel/hostname
echo 1 >/proc/sys/kernel/printk
ip link set lo up && ip address add "$1/24" dev eth0 && ip link set eth0 up || fail "set up the network"
echo "@@READY"
while read -r number; do
  # Through a pipe, as an agent reads: what holds the script's output open holds the answer back.
  { sh "/run/lab/$number.sh" </dev/null 2>&1; echo $? >/run/code; } | cat
  alive=0
  for process in /proc/[0-9]*; do [ -e "$process/exe" ] && alive=$((alive + 1)); done # the kernel's threads have none
  printf '\n@@%s %s %s\n' "$number" "$(cat /run/code)" $alive
done
exec busybox poweroff -f
