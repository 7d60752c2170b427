"""What the lab needs of this machine, and the sentences that say what is missing.

`python -m nfs_lab.needs` prints the names of the missing packages, for apt-get.
"""

import glob
import os
import shutil
from pathlib import Path

PACKAGE_OF = {  # Debian's, by the program that is looked for
    "ganesha.nfsd": "nfs-ganesha",
    "mount.nfs4": "nfs-common",
    "linux.uml": "user-mode-linux",
    "busybox": "busybox-static",
    "ip": "iproute2",
    "tc": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}
VFS = "/usr/lib/*/ganesha/libfsalvfs.so"  # ganesha's way to plain directories, of a package of its own
IN_THE_GUEST = ("/usr/bin/python3", "/etc/fstab", "/srv")  # its root is this machine's, read-only


class CannotRunError(Exception):
    """The lab cannot run here; the message says why, and what to do."""


def search_path() -> str:
    """PATH, and where a user who is not root has the system's programs."""
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def has_amx() -> bool:
    """Whether this processor's registers are larger than the guest's kernel expects (see xstate.c)."""
    return "amx_tile" in Path("/proc/cpuinfo").read_text(encoding="utf-8")


def missing_packages(path: str, vfs: str = VFS, amx: bool | None = None) -> list[str]:
    """The Debian packages of which a program is not found in `path`, in order and each once."""
    wanted = PACKAGE_OF | ({"gcc": "gcc libc6-dev"} if (has_amx() if amx is None else amx) else {})
    missing = [package for program, package in wanted.items() if not shutil.which(program, path=path)]
    missing += [] if glob.glob(vfs) else ["nfs-ganesha-vfs"]
    return list(dict.fromkeys(missing))


def check(path: str | None = None) -> None:
    """Raise CannotRunError with everything that is missing."""
    reasons = []
    if packages := missing_packages(path or search_path()):
        reasons.append("Packages are missing. Install them: sudo apt-get install -y " + " ".join(packages))
    if os.geteuid() != 0:
        reasons.append("It mounts and makes namespaces, so it must be root: sudo .venv/bin/python -m nfs_lab")
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        reasons.append(
            "There is no usable /dev/net/tun: sudo modprobe tun, or give it to the container (--device /dev/net/tun)"
        )
    reasons += [f"{name} is not here, and the guest needs it." for name in IN_THE_GUEST if not Path(name).exists()]
    if reasons:
        raise CannotRunError("\n".join(reasons))


if __name__ == "__main__":
    print(*missing_packages(search_path()))
