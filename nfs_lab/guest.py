"""The NFS client: a Linux kernel as a process of this machine, with this machine's files, read-only, as its root."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from nfs_lab import needs
from nfs_lab.rooms import GUEST, TAP, Rooms

HERE = Path(__file__).parent
BOOT_SECONDS = 60  # it boots in 2 on an idle machine


class GuestLostError(Exception):
    """The guest had ended, or did not answer and was ended; it can be booted again."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a script printed in the guest, its exit code, the seconds that it took, and how many processes live then."""

    output: str
    code: int
    seconds: float
    alive: int = 1  # the first one always does


class Guest:
    """The guest's kernel; scripts are handed over in a shared directory, and named on its console."""

    def __init__(self, rooms: Rooms, work: Path) -> None:
        self.rooms, self.work, self.shared = rooms, work, work / "shared"
        self.shared.mkdir()
        shutil.copy(HERE / "guest.sh", work)  # the project's own path may have blanks, the kernel's command line not
        self.environment = dict(os.environ, PATH=needs.search_path())
        if needs.has_amx():
            library = work / "xstate.so"
            built = subprocess.run(
                ["gcc", "-shared", "-fPIC", "-o", str(library), str(HERE / "xstate.c"), "-ldl"],
                capture_output=True,
                text=True,
                check=False,
            )
            if built.returncode:
                raise needs.CannotRunError(f"gcc cannot build xstate.c:\n{built.stderr}")
            self.environment["LD_PRELOAD"] = str(library)
        self.number = 0
        self.kernel: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Start it and wait until it obeys. Raises CannotRunError with what it printed last."""
        # Its pages are processes of their own, which a killed kernel would leave behind: so in a PID namespace.
        command = ("unshare", "--pid", "--fork", "--kill-child", "linux.uml", "mem=192M", "quiet", "panic=-1")
        files = ("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"uml_dir={self.work}/uml")
        devices = ("con=null", "con0=fd:0,fd:1", f"eth0=tuntap,{TAP}")
        first = ("init=/bin/sh", "--", f"{self.work}/guest.sh", GUEST, str(self.shared))
        self.console, theirs = socket.socketpair()
        with theirs:
            self.kernel = subprocess.Popen(
                self.rooms.command(*command, *files, *devices, *first),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=theirs.fileno(),
                env=self.environment,
                start_new_session=True,
            )
        try:
            self._read(rb"@@READY\s", BOOT_SECONDS)
        except GuestLostError as error:
            raise needs.CannotRunError(f"The guest's kernel does not boot here: {error}") from None

    def share(self, name: str, text: str) -> str:
        """Put a file where the guest finds it; returns its path there."""
        (self.shared / name).write_text(text, encoding="utf-8")
        return f"/run/lab/{name}"

    def run(self, script: str, seconds: float = 30) -> Ran:
        """Run a shell script in the guest as root. Raises GuestLostError when it has not ended in so many seconds."""
        self.number += 1
        self.share(f"{self.number}.sh", script)
        start = time.monotonic()
        try:
            self.console.sendall(f"{self.number}\n".encode())
        except OSError:
            self._lose("it has ended")
        output, code, alive = self._read(rf"\n@@{self.number} (\d+) (\d+)\n".encode(), seconds)
        return Ran(output.strip(), int(code), time.monotonic() - start, int(alive))

    def do(self, script: str, seconds: float = 30) -> str:
        """Run a script that must not fail; returns what it printed. Raises RuntimeError."""
        ran = self.run(script, seconds)
        if ran.code:
            raise RuntimeError(f"in the guest: {script!r} ended with {ran.code}: {ran.output}")
        return ran.output

    def _read(self, marker: bytes, seconds: float) -> list[str]:
        """What comes before the marker, and the marker's groups."""
        text, deadline = b"", time.monotonic() + seconds
        while not (found := re.search(marker, text)):
            try:
                self.console.settimeout(max(0.001, deadline - time.monotonic()))
                chunk, why = self.console.recv(65536), "it has ended"
            except OSError as error:  # TimeoutError is one
                chunk, why = b"", f"no answer within {seconds:g} s ({error})"
            if not chunk:
                told = "\n".join(text.decode(errors="replace").split("\n")[-30:]).strip()
                self._lose(f"{why}. It printed:\n{told}" if told else why)
            text += chunk
            if panic := re.search(rb"Kernel panic[^\n]*\n", text):  # some of them do not end it
                self._lose(panic[0].decode(errors="replace").strip())
        return [part.decode(errors="replace") for part in (text[: found.start()], *found.groups())]

    def _lose(self, why: str) -> NoReturn:
        self.stop()
        raise GuestLostError(why)

    def stop(self) -> None:
        """End it at once."""
        if self.kernel:
            parent = self.kernel.pid  # unshare, which ends with its child and takes note of that end
            with suppress(OSError, ValueError, subprocess.TimeoutExpired):
                os.kill(int(Path(f"/proc/{parent}/task/{parent}/children").read_text()), signal.SIGKILL)
                self.kernel.wait(5)
            self.kernel.kill()
            self.kernel.wait()
            self.console.close()
            self.kernel = None
