"""The mount probe: says in bounded time, in one JSON line, whether a shared directory is the right one and usable.

It runs on the instance, `python3 probe.py PATH` or `python3 - PATH`, and is embedded verbatim in an SSM document: so it
is one file of Python 3.9 and standard library, ASCII, without doubled braces. A process on a dead NFS mount can sleep
uninterruptibly: so a forked child does all that may touch the mount and tells each step over a pipe; the parent waits
for the pipe only, with deadlines, and abandons a child that stalls. The child holds the lock by inheritance: while it
is stuck, later probes say so and start no other.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pwd
import re
import select
import signal
import sys
import time
from collections import namedtuple
from typing import Any, NoReturn

MOUNTINFO = "/proc/self/mountinfo"  # the kernel answers without asking any file server
SENTINEL = ".firstbell-site"
CANARY = ".firstbell-canary-"
LOCK_DIRECTORIES = ("/run", "/tmp")  # noqa: S108 - the lock's name carries the user, and no link is followed
LEFTOVER_SECONDS = 3600  # a canary older than that belongs to a probe that died
LEAST_INODES = 1000  # Moodle's caches make thousands of files at once
STEP_SHARE = 0.5  # one step may take this share of the whole time, so that the stalled step is named early
Mount = namedtuple("Mount", "number parent point fstype source options")  # of a line of proc_pid_mountinfo(5)
LONGEST_TEXT = 500  # characters; Run Command lists only the first 2,500 of the output
VERDICT_OF = {"EROFS": "read_only", "ENOSPC": "full", "EDQUOT": "full", "ESTALE": "stale_handle"}
VERDICT_OF.update(EACCES="permission", EPERM="permission", EIO="hung", ETIMEDOUT="hung")  # EIO: a soft mount gave up


class Finding(Exception):  # noqa: N818 - what was found about the mount is no error of the probe
    """A verdict, and the detail in plain words."""


def parse_mount(line: str) -> Mount:
    """Read one line of mountinfo; blanks and backslashes in names are octal escapes. Raises ValueError."""
    left, _, right = line.partition(" - ")
    number, parent, _, _, point, options, *_ = left.split(" ")
    fstype, source, more = right.split(" ", 2)
    both = list(dict.fromkeys((options + "," + more).split(",")))
    if "ro" in both and "rw" in both:  # of the mount and of its file system: one "ro" is enough
        both.remove("rw")
    plain = [re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), name) for name in (point, fstype, source)]
    return Mount(number, parent, plain[0], plain[1], plain[2], ",".join(both))


def mount_at(path: str) -> Mount | None:
    """Walk from mount to mount as the kernel does, down to the one that is visible exactly at the path, if any."""
    with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape") as file:
        mounts = [parse_mount(line) for line in file.read().split("\n") if line]
    numbers = {mount.number for mount in mounts if mount.parent != mount.number}
    left = [m for m in mounts if path == m.point or path.startswith(m.point.rstrip("/") + "/")]
    tops, here = [m for m in left if m.parent not in numbers], None
    while tops:
        here = min(reversed(tops), key=lambda mount: len(mount.point))  # what came later hides what it covers
        left.remove(here)
        tops = [m for m in left if m.parent == here.number]
    return here if here and here.point == path else None


def locate(path: str) -> tuple[str, Mount | None]:
    """Resolve symlinks in the path's parents, and in its last part only while that is no mount point itself."""
    for _ in range(40):  # as many links as the kernel follows
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        mount = mount_at(path)
        if mount or not os.path.islink(path):
            return path, mount
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


def look_below(path: str, user: str) -> str:
    """Say whether the web server could write where nothing is mounted (by mode and owner, not by ACL)."""
    try:
        info, who = os.stat(path), pwd.getpwnam(user)
    except (OSError, KeyError) as error:  # no such directory, no such user
        return f"and what lies there is unknown: {error}"
    groups = os.getgrouplist(user, who.pw_gid)
    bits = info.st_mode >> (6 if info.st_uid == who.pw_uid else 3 if info.st_gid in groups else 0)
    if os.path.isdir(path) and (who.pw_uid == 0 or bits & 3 == 3):
        return f"and its bare directory is writable for {user}: uploads would be lost"
    return f"and what lies there is not writable for {user}"


class Examination:
    """What the child does: step by step, each told to the parent when it begins."""

    def __init__(self, pipe: int, wanted: argparse.Namespace) -> None:
        self.pipe, self.wanted, self.path = pipe, wanted, wanted.path

    def tell(self, **message: Any) -> None:
        """Send one message to the parent, with the moment in seconds."""
        # It does not fail when the parent is gone: the child holds the other end too, and so still removes its canary.
        os.write(self.pipe, (json.dumps(dict(message, at=time.monotonic())) + "\n").encode())

    def run(self) -> NoReturn:
        """Tell the verdict, healthy or the first finding, and end the process."""
        try:  # an abandoned child must not hold its caller's output open, nor outlive a killed parent for ever
            os.setsid()
            signal.alarm(int(self.wanted.timeout) + 5)
            for standard in (0, 1, 2):
                os.dup2(os.open(os.devnull, os.O_RDWR), standard)
            self.check_mount()
            sentinel, canary = self.check_sentinel(), self.check_canary()
            self.tell(step="space")
            space = self.check_space(self.wanted.min_free_mb, LEAST_INODES)
            self.tell(verdict="healthy", detail=f"{canary}; {space}; {sentinel}")
        except Finding as finding:
            self.tell(verdict=finding.args[0], detail=finding.args[1])
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "error without a number")
            verdict = VERDICT_OF.get(name, "unknown")
            used_up = "; " + self.check_space(0, 0) if verdict == "full" else ""  # bytes or inodes; neither: a quota
            self.tell(verdict=verdict, detail=f"{name}: {error}{used_up}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller shall read it
            self.tell(verdict="unknown", detail=repr(error))
        finally:
            os._exit(0)

    def check_mount(self) -> None:
        """Demand that the path is a mount point, of the type and from the source that are expected."""
        self.tell(step="mountinfo")
        self.path, mount = locate(self.path)
        if mount and mount.fstype == "autofs":
            os.listdir(self.path)  # it mounts on first use
            mount = mount_at(self.path)
        if not mount:
            raise Finding("not_mounted", f"{self.path} is no mount point, {look_below(self.path, self.wanted.user)}")
        self.tell(fstype=mount.fstype, source=mount.source, options=mount.options[:LONGEST_TEXT])
        if self.wanted.fstype and mount.fstype != self.wanted.fstype:
            raise Finding("wrong_source", f"its type is {mount.fstype}, not {self.wanted.fstype}")
        if self.wanted.source and mount.source.rstrip("/") != self.wanted.source.rstrip("/"):
            raise Finding("wrong_source", f"it comes from {mount.source}, not from {self.wanted.source}")

    def check_sentinel(self) -> str:
        """Demand that the sentinel names the site; returns what was done, for the detail."""
        if not self.wanted.site:
            return "sentinel not checked (no site given)"
        self.tell(step="sentinel")
        try:
            file = os.open(os.path.join(self.path, SENTINEL), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            entries = len(os.listdir(self.path))
            what = f"the mount has {entries} entries, but" if entries else "the mount is empty:"
            raise Finding("wrong_export", f"{what} no {SENTINEL}") from None
        with open(file, encoding="utf-8", errors="replace") as sentinel:
            name = sentinel.read(200).strip()
        if name != self.wanted.site:
            raise Finding("wrong_export", f"the sentinel names {name!r}, not {self.wanted.site!r}")
        return f"sentinel names {name}"

    def check_canary(self) -> str:
        """Have a file stored, read back and removed; then remove what dead probes of this host left."""
        prefix = CANARY + os.uname().nodename + "-"
        canary, data, done = os.path.join(self.path, prefix + str(os.getpid())), os.urandom(4096), 0
        self.tell(step="create")
        file = os.open(canary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            self.tell(step="write")
            while done < len(data):
                done += os.write(file, data[done:])
            self.tell(step="fsync")  # on NFS a full disk shows here, not at write
            os.fsync(file)
            self.tell(step="read")
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)  # from the server, not from this host's cache
            if os.pread(file, len(data) + 1, 0) != data:
                raise Finding("unknown", "what was read back is not what was written")
            now = os.fstat(file).st_mtime  # by the server's clock
        except BaseException:
            with contextlib.suppress(OSError):  # the first error is the finding; a later run removes the rest
                os.unlink(canary)
            raise
        finally:
            os.close(file)
        self.tell(step="unlink")
        os.unlink(canary)
        self.tell(step="tidy")
        with os.scandir(self.path) as entries:
            for entry in entries:
                ours = entry.name.startswith(prefix) and entry.name[len(prefix) :].isdigit()
                if ours and entry.is_file(follow_symlinks=False) and now - entry.stat().st_mtime > LEFTOVER_SECONDS:
                    os.unlink(entry.path)
        return "written, read back, removed"

    def check_space(self, megabytes: float, inodes: float) -> str:
        """Demand so much free space (some file systems count no inodes); returns the figures."""
        info = os.statvfs(self.path)
        free = info.f_bavail * info.f_frsize / 2**20
        text = f"{free:.0f} MB and {info.f_favail if info.f_files else 'uncounted'} inodes free"
        if free < megabytes or (info.f_files and info.f_favail < inodes):
            raise Finding("full", f"{text}; wanted are {megabytes:g} MB and {inodes} inodes")
        return text


def take_lock(path: str, timeout: float) -> int:
    """Return the locked file, or raise the Finding about the probe that holds it. It never lies in the mount."""
    directory = next(name for name in LOCK_DIRECTORIES if os.access(name, os.W_OK | os.X_OK))
    name = f"{directory}/firstbell-probe-{os.getuid()}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}"
    file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    for _ in range(3):  # a holder may be about to end, or about to note since when it holds
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.pwrite(file, str(time.monotonic()).ljust(80).encode(), 0)
            return file
        time.sleep(0.1)
    since, _, stalled = os.pread(file, 80, 0).decode("ascii").strip().partition(" ")
    age = time.monotonic() - float(since)
    if stalled or age > timeout:
        raise Finding("hung", f"an earlier probe is stuck for {age:.0f} s in step {stalled or 'unknown'}")
    raise Finding("unknown", f"another probe is running for {age:.1f} s")


def follow(pipe: int, answer: dict[str, Any], timeout: float) -> bool:
    """Take what the child tells into the answer until its verdict or its end; returns False when it stalls."""
    began = stepped = time.monotonic()
    rest, ms = b"", answer["ms"]
    while answer["verdict"] is None:
        limit = min(began + timeout, stepped + timeout * STEP_SHARE)
        if not select.select([pipe], [], [], max(0.0, limit - time.monotonic()))[0]:
            ms[answer["step"]] = round((time.monotonic() - stepped) * 1000, 1)
            answer.update(verdict="hung", detail=f"no answer for {ms[answer['step']]:.0f} ms in step {answer['step']}")
            return False
        chunk = os.read(pipe, 65536)
        if not chunk:
            answer.update(verdict="unknown", detail=f"the child ended without a verdict in step {answer['step']}")
        *lines, rest = (rest + chunk).split(b"\n")
        for message in map(json.loads, lines):
            at = message.pop("at")
            ms[answer["step"]] = round((at - stepped) * 1000, 1)
            stepped = at if "step" in message else stepped
            answer.update(message)
    return True


def probe(wanted: argparse.Namespace, answer: dict[str, Any]) -> None:
    """Fill in the answer about the mount, within the timeout and a fraction of a second."""
    answer["path"] = wanted.path
    with open(take_lock(wanted.path, wanted.timeout), "rb+", buffering=0) as lock:
        pipe, end_of_child = os.pipe()
        child = os.fork()
        if not child:
            Examination(end_of_child, wanted).run()
        os.close(end_of_child)
        answer["step"] = "start"
        if not follow(pipe, answer, wanted.timeout):
            lock.write(f"{time.monotonic()} {answer['step']}".ljust(80).encode())
            os.kill(child, signal.SIGKILL)  # it dies when it can: nobody waits for it
        os.close(pipe)
    if answer["verdict"] == "healthy":
        slowest, took = max(answer["ms"].items(), key=lambda item: item[1] if item[0] != "start" else 0.0)
        answer["step"] = None
        if took > wanted.slow_ms:
            answer.update(verdict="slow", step=slowest, detail=f"took {took:.0f} ms, more than {wanted.slow_ms:g}")


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; an empty expectation means any. Raises SystemExit, after a message on standard error."""
    parser = argparse.ArgumentParser(prog="probe", add_help=False)
    parser.add_argument("path", metavar="PATH")
    for name, default in (("--fstype", ""), ("--source", ""), ("--site", ""), ("--user", "www-data")):
        parser.add_argument(name, default=default)
    for name, number in (("--slow-ms", 2000.0), ("--timeout", 20.0), ("--min-free-mb", 256.0)):
        parser.add_argument(name, type=float, default=number)
    wanted = parser.parse_args(arguments)
    if not wanted.path or not 0 < wanted.timeout <= 86400:
        parser.error("PATH must not be empty, and --timeout above 0 and at most a day")
    wanted.path = os.path.abspath(wanted.path).replace("//", "/")
    return wanted


def main(arguments: list[str]) -> int:
    """Print the answer and return the exit code: 0 healthy, 1 a bad verdict, 2 unknown or wrong arguments."""
    answer: dict[str, Any] = {"probe": 1, "verdict": None, "step": None, "detail": "", "ms": {}, "fstype": None}
    answer.update(source=None, options=None, path="", host=os.uname().nodename)
    try:
        probe(read_arguments(arguments), answer)
    except Finding as finding:
        answer.update(verdict=finding.args[0], detail=finding.args[1])
    except SystemExit:
        answer.update(verdict="unknown", detail="wrong arguments: see standard error")
    except Exception as error:  # noqa: BLE001 - the caller reads the answer, not a traceback
        answer.update(verdict="unknown", detail=repr(error))
    answer["detail"] = answer["detail"][:LONGEST_TEXT]
    print(json.dumps(answer), flush=True)
    return {"healthy": 0, "unknown": 2}.get(answer["verdict"], 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
