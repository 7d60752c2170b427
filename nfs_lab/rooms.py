"""The namespaces that the server and the guest live in: a network and mounts of their own, gone with one process."""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from nfs_lab.needs import CannotRunError

SERVER, GUEST, TAP = "10.77.0.1", "10.77.0.2", "tap0"  # seen nowhere else: the network is the lab's own
ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL")  # even when this process is killed


class Rooms:
    """The namespaces, held open by a process that sleeps; `close` ends it, and the kernel unmounts and removes all."""

    def __init__(self) -> None:
        self.holder = subprocess.Popen(
            [*ENDS_WITH_US, "unshare", "--net", "--mount", "--propagation", "private", "sleep", "infinity"],
            start_new_session=True,  # Ctrl-C at the terminal reaches us alone
        )
        try:
            self._wait()
            self.do("ip", "link", "set", "lo", "up")
            self.do("ip", "tuntap", "add", TAP, "mode", "tap")
            self.do("ip", "link", "set", TAP, "up")
            self.give_address()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        deadline = time.monotonic() + 10
        # unshare has made both namespaces, and set its mounts apart, when it has become sleep.
        while Path(f"/proc/{self.holder.pid}/comm").read_text() != "sleep\n":
            if self.holder.poll() is not None or time.monotonic() > deadline:
                raise CannotRunError("This machine lets us make no network and mount namespaces (a plain container?).")
            time.sleep(0.01)

    def close(self) -> None:
        """End the holder."""
        self.holder.kill()
        self.holder.wait()

    def command(self, *command: str) -> Sequence[str]:
        """The command line that runs a command inside, and ends it with this process."""
        return [*ENDS_WITH_US, "nsenter", f"--target={self.holder.pid}", "--net", "--mount", "--", *command]

    def do(self, *command: str) -> None:
        """Run a command inside. Raises CannotRunError with what it said."""
        done = subprocess.run(self.command(*command), capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRunError(f"{' '.join(command)}: {done.stderr.strip() or f'exit code {done.returncode}'}")

    def seen(self, path: Path) -> Path:
        """A path inside, as it is reached from outside."""
        return Path(f"/proc/{self.holder.pid}/root{path}")

    def give_address(self) -> None:
        """Give the server its address, if it has none."""
        self.do("ip", "address", "replace", f"{SERVER}/24", "dev", TAP)

    def take_address(self) -> None:
        """Take the server's address away: it is as if its network were gone."""
        self.do("ip", "address", "del", f"{SERVER}/24", "dev", TAP)
