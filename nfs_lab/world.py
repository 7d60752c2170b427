"""What a case does to the world: mount, break, repair, ask the probe; and how the next case finds it fresh."""

import shutil
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from nfs_lab import ssm
from nfs_lab.guest import Guest, Ran
from nfs_lab.rooms import SERVER, Rooms
from nfs_lab.server import SENTINEL, SITE, Server

POINT = "/srv/moodledata"
DIRECTORY = "/moodledata/inner"  # inside an export, to be mounted by itself
WEB_PORT = 8080
HARD, SOFT = "hard", "soft,timeo=10,retrans=1"  # soft: it gives up after some seconds
USUAL = {"path": POINT, "fstype": "nfs4", "source": f"{SERVER}:/moodledata", "site": SITE}
# Ends what a case started, and takes away even a mount on a frozen server, which nobody can look at.
FRESH = f"""
for process in /proc/[0-9]*; do
  case ${{process#/proc/}} in
    1 | $$ | $PPID) ;;
    *) [ -e $process/exe ] && kill -9 ${{process#/proc/}} ;;
  esac
done
tc qdisc del dev eth0 root 2>/dev/null
while umount -f -l {POINT} 2>/dev/null; do :; done
find /run /tmp -xdev -mindepth 1 -maxdepth 1 ! -name lab ! -name fstab ! -name code -exec rm -rf {{}} +
: >/run/fstab
rmdir {POINT} 2>/dev/null
mkdir {POINT}
"""


@dataclass(frozen=True, slots=True)
class Probed:
    """Runs of the document's script, and how many processes they left behind."""

    runs: tuple[Ran, ...]
    left: int


@dataclass
class World:
    """The server, the guest and the network between them, as the cases see them."""

    rooms: Rooms
    server: Server
    guest: Guest
    damaged: bool = field(default=False, init=False)

    def fresh(self) -> None:
        """Undo whatever a case did. Boots the guest again when a case lost it."""
        if self.damaged:
            self.server.kill()
            self.rooms.give_address()
            self.server.start()
            self.damaged = False
        for canary in self.server.seen("/moodledata").glob(".firstbell-canary-*"):
            canary.unlink()  # of a case that killed the server under it
        if not self.guest.kernel:
            self.guest.boot()
        self.guest.do(FRESH)

    # ---------------------------------------------------------------- the client

    def mount(self, export: str = "/moodledata", options: str = HARD) -> None:
        """Mount an export in the guest."""
        self.guest.do(f"mount -t nfs4 -o {options} {SERVER}:{export} {POINT}")

    def mount_disk(self) -> None:
        """Mount a local file system in the guest."""
        self.guest.do(f"mount -t tmpfs -o size=1g tmpfs {POINT}")

    def line_in_fstab(self, export: str = "/moodledata") -> None:
        """Let the guest know how to mount."""
        self.guest.do(f"echo {SERVER}:{export} {POINT} nfs4 hard,_netdev 0 0 >/run/fstab")

    def open_bare_directory(self) -> None:
        """Let anybody write where nothing is mounted yet."""
        self.guest.do(f"chmod 777 {POINT}")

    def delay(self, milliseconds: int) -> None:
        """Send every packet of the guest so much later."""
        self.guest.do(f"tc qdisc add dev eth0 root netem delay {milliseconds}ms")

    def serve_web(self) -> None:
        """Run a web server in the guest that has a log-in page."""
        connect = f"import socket; socket.create_connection(('127.0.0.1', {WEB_PORT}))"
        self.guest.do(f"""
            mkdir -p /run/www/login && echo Log in >/run/www/login/index.php
            setsid python3 -m http.server --directory /run/www {WEB_PORT} </dev/null >/dev/null 2>&1 &
            for try in $(seq 50); do python3 -c "{connect}" 2>/dev/null && exit 0; sleep 0.1; done; exit 1""")

    # ---------------------------------------------------------------- the server

    def freeze_server(self) -> None:
        """Let the server hold every request."""
        self.damaged = True
        self.server.send(signal.SIGSTOP)

    def thaw_server(self) -> None:
        """Let the server go on."""
        self.server.send(signal.SIGCONT)

    def kill_server(self) -> None:
        """Crash the server."""
        self.damaged = True
        self.server.kill()

    def restart_server(self, without: str = "") -> None:
        """Crash it and start it again, perhaps with an export less."""
        self.kill_server()
        self.server.start({without})

    def cut(self) -> None:
        """Take the server's address away."""
        self.damaged = True
        self.rooms.take_address()

    def reconnect(self) -> None:
        """Give the server its address back."""
        self.rooms.give_address()

    def make_directory(self, site: str = SITE) -> None:
        """Make the directory inside an export, anew if it is there, with a sentinel."""
        directory = self.server.seen(DIRECTORY)
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir()
        if site:
            (directory / SENTINEL).write_text(site, encoding="ascii")

    def fill(self, export: str, files: bool = False) -> None:
        """Use up an export's space, or with `files` its inodes."""
        directory = self.server.seen(export)
        try:
            for number in range(1000):
                (directory / f"file-{number}").write_bytes(b"" if files else b"\0" * 65536)
        except OSError:
            return
        raise RuntimeError(f"the export {export} cannot be filled")

    # ---------------------------------------------------------------- the probe

    def probe(self, given: Mapping[str, str], user: str, times: int, seconds: float) -> Probed:
        """Run the document's script in the guest as Run Command does, so many times."""
        name = self.guest.share(f"ssm-{self.guest.number}.sh", ssm.script(given))
        command = f"setpriv --reuid={user} --regid={user} --clear-groups sh {name}" if user != "root" else f"sh {name}"
        before = self.guest.run(":").alive
        runs = tuple(self.guest.run(command, seconds) for _ in range(times))
        left, deadline = runs[-1].alive - before, time.monotonic() + 2
        while left > 0 and time.monotonic() < deadline:  # who was told to end may need a moment
            left = self.guest.run("sleep 0.1").alive - before
        return Probed(runs, left)

    def notice(self) -> None:
        """Run the probe once while something is broken."""
        self.probe({**USUAL, "timeoutSeconds": "2"}, "root", 1, seconds=30)
