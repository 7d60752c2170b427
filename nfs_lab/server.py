"""The NFS server: nfs-ganesha with a few exports, each a small file system of its own in memory."""

import signal
import subprocess
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from nfs_lab.needs import CannotRunError
from nfs_lab.rooms import SERVER, Rooms

SITE = "riverside"
SENTINEL = ".firstbell-site"
LISTENING = ":0801 "  # port 2049, as /proc/net/tcp writes it


@dataclass(frozen=True, slots=True)
class Export:
    """An export: its tmpfs options, what the clients may do, and the site that its sentinel names, if any."""

    size: str = "size=1g"  # more than the probe wants free; memory is taken only for what is written
    access: str = "RW"
    squash: str = "No_Root_Squash"
    site: str = SITE


EXPORTS = {
    "/moodledata": Export(),
    "/other": Export(site="hill-top"),
    "/empty": Export(site=""),
    "/readonly": Export(access="RO"),
    "/squashed": Export(squash="Root_Squash"),
    "/small": Export(size="size=1m"),
    "/few": Export(size="size=8m,nr_inodes=20"),
}
# NFS 4 alone needs neither rpcbind nor statd. Without grace period a client may go on as soon as the server is back.
CONFIGURATION = """
NFS_CORE_PARAM {{ NFS_Protocols = 4; Bind_addr = {address}; Enable_NLM = false; Enable_RQUOTA = false; }}
NFSV4 {{ Graceless = true; Lease_Lifetime = 10; Only_Numeric_Owners = true; RecoveryRoot = {work}/recovery; }}
MDCACHE {{ Dir_Chunk = 0; }}
"""
EXPORT = """
EXPORT {{
  Export_Id = {number}; Path = {work}/exports{name}; Pseudo = {name}; Access_Type = {access}; Squash = {squash};
  SecType = sys; Protocols = 4; Transports = TCP; Attr_Expiration_Time = 0; FSAL {{ Name = VFS; }}
}}
"""


class Server:
    """The server's process and the directories that it exports."""

    def __init__(self, rooms: Rooms, work: Path) -> None:
        self.rooms, self.work = rooms, work
        self.process: subprocess.Popen[bytes] | None = None
        (work / "recovery").mkdir()
        for name, export in EXPORTS.items():
            directory = self.work / f"exports{name}"
            directory.mkdir(parents=True)
            rooms.do("mount", "-t", "tmpfs", "-o", f"mode=755,{export.size}", "export", str(directory))
            if export.site:
                (self.seen(name) / SENTINEL).write_text(export.site + "\n", encoding="ascii")

    def seen(self, export: str) -> Path:
        """An export's directory."""
        return self.rooms.seen(self.work / f"exports{export}")

    def start(self, without: Collection[str] = ()) -> None:
        """Start it and wait until it listens. Raises CannotRunError."""
        text = CONFIGURATION.format(address=SERVER, work=self.work)
        for number, (name, export) in enumerate(EXPORTS.items(), start=1):
            if name not in without:
                text += EXPORT.format(
                    number=number, work=self.work, name=name, access=export.access, squash=export.squash
                )
        configuration, log = self.work / "ganesha.conf", self.work / "ganesha.log"
        configuration.write_text(text, encoding="utf-8")
        command = ("ganesha.nfsd", "-F", "-f", str(configuration), "-L", str(log), "-p", str(self.work / "ganesha.pid"))
        self.process = subprocess.Popen(self.rooms.command(*command), start_new_session=True)
        deadline = time.monotonic() + 20
        while not self._listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                told = log.read_text(encoding="utf-8", errors="replace")[-1500:] if log.exists() else "no log"
                raise CannotRunError(f"ganesha.nfsd does not start:\n{told}")
            time.sleep(0.02)

    def _listens(self) -> bool:
        net = self.rooms.seen(Path(f"/proc/{self.rooms.holder.pid}/net"))
        lines = [line for name in ("tcp", "tcp6") for line in (net / name).read_text().splitlines()]
        return any(LISTENING in line and line.split()[3] == "0A" for line in lines)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP lets it hold every request without an answer, SIGCONT go on."""
        if self.process:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it as a crash would."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
