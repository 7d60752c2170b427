"""The mount probe: says in bounded time, in one JSON line, whether a shared directory is the right one and usable.

It runs on the instance, `python3 probe.py PATH` or `python3 - PATH`, and is embedded in an SSM document: so it is one
file of Python 3.9 and standard library, ASCII, without doubled braces. A process on a dead NFS mount can sleep
uninterruptibly: so a forked child does the work and notes each step and its limit in the lock file; the parent reads
them and abandons a child that stalls. Child and commands inherit the lock: while one is stuck, later probes start none.
All ends within (repairs + 1) x (timeout + 1 s) + repairs x 3 x COMMAND_SECONDS + WEB_SECONDS + LEAST_SECONDS + warming.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import http.client
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import time
from collections import deque, namedtuple
from contextlib import suppress
from typing import Any, NoReturn

MOUNTINFO = "/proc/self/mountinfo"  # proc_pid_mountinfo(5): the kernel answers without asking any file server
MOUNT = re.compile("([^ \n]+) ([^ \n]+) [^ \n]+ [^ \n]+ ([^ \n]+) ([^ \n]+) .*?- ([^ \n]+) ([^ \n]*) ([^ \n]+)")
Mount = namedtuple("Mount", "number parent point options fstype source more")
LOCK_DIRECTORIES = ("/run", "/tmp")  # noqa: S108 - the lock's name carries the user, and no link is followed
BOOT_LOG, SENTINEL, CANARY = "/var/log/cloud-init-output.log", ".firstbell-site", ".firstbell-canary-"
LEAST_INODES, STEP_SHARE = 1000, 0.5  # Moodle makes many files at once; of the timeout: the stalled step is named early
COMMAND_SECONDS, HOURLY = 10, 6  # for one command; a mount that must be repaired more often needs a person
WEB_SECONDS, LEAST_SECONDS = 10, 5  # for the cheap page; for any page, even when the time for warming is nearly over
MOST_BODY, MOST_LINKS, LONGEST_LINE, MOST_BOARD = 5_000_000, 20, 2400, 3800  # Run Command lists 2,500; one page
LINK = re.compile(r"""\b(?:href|src)=["'](?:(?:https?:)?//([^/"']+))?((?:/[\w.-]+)?/(?:theme|lib)/[!$-&(-~]+)""", re.A)
TASK = re.compile(r"\badmin/cli/(?:cron|adhoc_task|scheduled_task|automated_backups|(?:restore_)?backup)\.php(?![\w.])")
LOOPBACK = re.compile("0{24}01000000:|(?:0{16}FFFF0000)?[0-9A-F]{6}7F:")  # as /proc/net/tcp6 and tcp write it
VERDICT_OF = {"EROFS": "read_only", "ENOSPC": "full", "EDQUOT": "full", "ESTALE": "stale_handle"}
VERDICT_OF.update(EACCES="permission", EPERM="permission", EIO="hung", ETIMEDOUT="hung")  # EIO: a soft mount gave up
TEXTS = {"fstype": "", "source": "", "site": "", "user": "www-data", "web-host": "", "warm": "", "cron": ""}
NUMBERS = {"slow-ms": 2000.0, "timeout": 20.0, "min-free-mb": 256.0, "warm-ms": 1000.0, "warm-seconds": 45.0}
OPTIONS = {**TEXTS, **NUMBERS, "page": "/login/index.php", "web-port": 80, "repair": 0}  # and their defaults


class Finding(Exception):  # noqa: N818 - what was found is no error of the probe
    """A verdict, and the detail in plain words."""


def mount_at(path: str) -> Mount | None:
    """Walk from mount to mount as the kernel does, down to the one that is visible exactly at the path, if any."""
    with open(MOUNTINFO, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        rows = MOUNT.findall(file.read())
    mounts = [Mount(*(re.sub(r"\\([0-7]{3})", lambda c: chr(int(c[1], 8)), name) for name in row)) for row in rows]
    numbers = {mount.number for mount in mounts if mount.parent != mount.number}
    left = [m for m in mounts if path == m.point or path.startswith(m.point.rstrip("/") + "/")]
    tops, here = [m for m in left if m.parent not in numbers], None
    while tops:
        here = min(reversed(tops), key=lambda mount: len(mount.point))  # what came later hides what it covers
        left.remove(here)
        tops = [m for m in left if m.parent == here.number]
    return here if here and here.point == path else None


class Child:
    """The child process: it examines the mount, repairs it, asks the web server, or looks at what is worked on."""

    def __init__(self, wanted: argparse.Namespace, answer: dict[str, Any], board: int) -> None:
        self.wanted, self.answer, self.board, self.path = wanted, answer, board, wanted.path
        self.since, self.until, self.ends = time.monotonic(), time.monotonic() + wanted.timeout * STEP_SHARE, 0.0
        self.tell(step="start", ms={})

    def tell(self, **news: Any) -> None:
        """Write the answer so far for the parent, and for those who find the lock taken."""
        self.answer.update(news)
        os.pwrite(self.board, f"[{self.since}, {self.until}, {one_line(self.answer)}]\n".encode(), 0)

    def begin(self, step: str, limit: float | None = None) -> None:
        """Tell that a step begins, and how many seconds it may take: by default its share of what the mount has."""
        now, before, ms = time.monotonic(), self.answer["step"] or "verdict", self.answer["ms"]
        ms[before] = round(ms.get(before, 0.0) + (now - self.since) * 1000, 1)
        limit = min(self.wanted.timeout * STEP_SHARE, max(0.0, self.ends - now)) if limit is None else limit
        self.since, self.until = now, now + limit
        signal.alarm(int(limit) + 5)  # not to outlive a killed parent for ever
        self.tell(step=step)

    def run(self) -> NoReturn:
        """Do what the purpose wants, and end the process."""
        try:
            os.setsid()
            for standard in (0, 1, 2):  # an abandoned child must not hold its caller's output open
                os.dup2(os.open(os.devnull, os.O_RDWR), standard)
            (self.leave if self.wanted.purpose == "leaving" else self.judge)()
            while self.answer["verdict"] in ("not_mounted", "stale_handle") and self.repair():
                self.judge()
            if self.answer["verdict"] == "healthy" and self.wanted.web_host:
                self.ask_web()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller shall read it
            self.tell(verdict="unknown", detail=f"{type(error).__name__}: {error}")
        finally:
            os._exit(0)

    def judge(self) -> None:
        """Examine the mount within the timeout, and tell the verdict: healthy, or the first finding."""
        self.ends = time.monotonic() + self.wanted.timeout
        self.answer.update(verdict=None, fstype=None, source=None, options=None, warnings=[], ms={}, step="start")
        try:
            self.check_mount()
            sentinel, canary = self.check_sentinel(), self.check_canary()
            self.begin("space")
            space = self.check_space(self.wanted.min_free_mb, LEAST_INODES)
            self.answer["verdict"] = "healthy"  # what follows asks others: the directory of users may hang
            self.begin("under")
            verdict, detail = "healthy", f"{canary}; {space}; {self.look_at_bare(under=True)}; {sentinel}"
        except Finding as finding:
            verdict, detail = finding.args
        except OSError as error:
            name = errno.errorcode.get(error.errno or 0, "error without a number")
            verdict = VERDICT_OF.get(name, "unknown")
            used_up = [self.check_space(0, 0)] if verdict == "full" else []  # neither bytes nor inodes: a quota
            detail = "; ".join([f"{name}: {error}", *used_up])
        failed = self.answer["step"]
        self.begin("verdict", 1)
        slowest, took = max(self.answer["ms"].items(), key=lambda item: item[1] * (item[0] not in ("start", "under")))
        if verdict == "healthy" and took > self.wanted.slow_ms:
            failed, verdict, detail = slowest, "slow", f"took {took:.0f} ms, more than {self.wanted.slow_ms:g}"
        self.tell(verdict=verdict, detail=detail, step=None if verdict == "healthy" else failed)

    def check_mount(self) -> None:
        """Demand that the path is a mount point, of the type and from the source that are expected."""
        self.begin("mountinfo")
        path = os.path.join(os.path.realpath(os.path.dirname(self.path)), os.path.basename(self.path))
        mount = mount_at(path) or mount_at(os.path.realpath(path))  # a mount point itself is not touched for that
        self.path = mount.point if mount else path
        if mount and mount.fstype == "autofs":
            os.listdir(self.path)  # it mounts on first use
            mount = mount_at(self.path)
        if not mount:
            raise Finding("not_mounted", f"{self.path} is no mount point, and {self.look_at_bare(under=False)}")
        options = dict.fromkeys(f"{mount.options},{mount.more}".split(","))
        options.pop("rw" if "ro" in options else "", None)  # read-only as a mount or as a file system is enough
        self.tell(fstype=mount.fstype, source=mount.source, options=",".join(options))
        if self.wanted.fstype and mount.fstype != self.wanted.fstype:
            raise Finding("wrong_source", f"its type is {mount.fstype}, not {self.wanted.fstype}")
        if self.wanted.source and mount.source.rstrip("/") != self.wanted.source.rstrip("/"):
            raise Finding("wrong_source", f"it comes from {mount.source}, not from {self.wanted.source}")

    def check_sentinel(self) -> str:
        """Demand that the sentinel names the site; returns what was done, for the detail."""
        if not self.wanted.site:
            return "sentinel not checked (no site given)"
        self.begin("sentinel")
        try:
            file = os.open(os.path.join(self.path, SENTINEL), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            entries = len(os.listdir(self.path))
            there = f"has {entries} entries, but" if entries else "is empty:"
            raise Finding("wrong_export", f"the mount {there} no {SENTINEL}") from None
        name = os.read(file, 200).decode(errors="replace").strip()
        if name != self.wanted.site:
            raise Finding("wrong_export", f"the sentinel names {name!r}, not {self.wanted.site!r}")
        return f"sentinel names {name}"

    def check_canary(self) -> str:
        """Have a file stored, read back and removed; what a dead probe of this host left is removed first."""
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            name = f"{CANARY}{os.uname().nodename}-{os.getuid()}-{file.read().strip()}"
        canary, data, done = os.path.join(self.path, name), os.urandom(4096), 0
        self.begin("create")
        with suppress(FileNotFoundError):
            os.unlink(canary)
        stored = os.open(canary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            self.begin("write")
            while done < len(data):
                done += os.write(stored, data[done:])
            self.begin("fsync")  # on NFS a full disk shows here, not at write
            os.fsync(stored)
            self.begin("read")
            os.posix_fadvise(stored, 0, 0, os.POSIX_FADV_DONTNEED)  # from the server, not from this host's cache
            if os.pread(stored, len(data) + 1, 0) != data:
                raise Finding("unknown", "what was read back is not what was written")
        except BaseException:
            with suppress(OSError):  # the first error is the finding; a later run removes the file
                os.unlink(canary)
            raise
        self.begin("unlink")
        os.unlink(canary)
        return "written, read back, removed"

    def check_space(self, megabytes: float, inodes: float) -> str:
        """Demand so much free space (some file systems count no inodes); returns the figures."""
        info = os.statvfs(self.path)
        free = info.f_bavail * info.f_frsize / 2**20
        text = f"{free:.0f} MB and {info.f_favail if info.f_files else 'uncounted'} inodes free"
        if free < megabytes or (info.f_files and info.f_favail < inodes):
            raise Finding("full", f"{text}; wanted are {megabytes:g} MB and {inodes} inodes")
        return text

    def look_at_bare(self, under: bool) -> str:
        """Say whether the web server could write where nothing is mounted (by mode and owner, not by ACL)."""
        path, above, user = self.path, None, self.wanted.user
        try:
            if under:  # in a copy of the mount above, which has nothing mounted on it: open_tree(2), OPEN_TREE_CLONE
                path, kernel = os.path.basename(path), ctypes.CDLL(None, use_errno=True)
                above = kernel.syscall(428, -1, os.fsencode(os.path.dirname(self.path)), 1 | os.O_CLOEXEC)
                if above < 0:  # not root, or Linux before 5.2
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            info, known = os.stat(path, dir_fd=above), {account.pw_name for account in pwd.getpwall()}
            names = [name for name in ("www-data", "apache", "nginx") if name in known and user == "www-data"]
            who = pwd.getpwnam([*names, user][0])
        except (OSError, KeyError) as error:
            return f"the bare directory could not be looked at: {error}"
        groups = os.getgrouplist(who.pw_name, who.pw_gid)
        bits = info.st_mode >> (6 if info.st_uid == who.pw_uid else 3 if info.st_gid in groups else 0)
        if info.st_mode >> 12 != 4 or (who.pw_uid and bits & 3 != 3):  # no directory, or one that is not for writing
            return f"the bare directory is not writable for {who.pw_name}"
        bare = f"the bare directory is writable for {who.pw_name}: uploads would be lost"
        if under:
            cure = f"mount --bind {self.path[: -len(path)]} /mnt && install -d -o root -m755 /mnt/{path} && umount /mnt"
            self.tell(warnings=[f"{bare} whenever the mount is missing; cure: {cure}"])
        return bare

    def command(self, *words: str) -> str:
        """Run a command, which holds the lock as well; returns what went wrong, if anything did."""
        self.begin(words[0], COMMAND_SECONDS)
        with open(os.memfd_create("said"), "rb+") as said:  # unlike a pipe it ends, even when a daemon keeps it open
            code = subprocess.call(["env", "LC_ALL=C", *words], stdout=said, stderr=said, pass_fds=[self.board])  # noqa: S603, S607
            last = os.pread(said.fileno(), 20_000, 0).decode(errors="replace").strip().rpartition("\n")[2][:200]
        return (last or f"exit code {code}") if code else ""

    def repair(self) -> bool:
        """Mount anew, by fstab or else the systemd unit; returns False when that was done often enough."""
        now, was, repairs = time.monotonic(), self.answer["verdict"], self.answer["repairs"]
        recent = [at for at in os.pread(self.board, 200, MOST_BOARD).decode().split() if now - 3600 < float(at) <= now]
        often = len(recent) >= HOURLY
        if often or self.path == "/" or len(repairs) >= self.wanted.repair:
            self.tell(detail=self.answer["detail"] + f"; not repaired: {HOURLY} times an hour are enough" * often)
            return False
        os.pwrite(self.board, " ".join([*recent, str(now)]).ljust(200).encode(), MOST_BOARD)
        did = "umount -l" if was == "stale_handle" else ""
        repairs.append({"was": was, "did": did, "ok": False, "ms": 0.0, "said": f"no end within {COMMAND_SECONDS} s"})
        wrong = self.command("umount", "-l", self.path) if did else ""
        if not wrong:
            anew = "systemctl restart" if self.command("findmnt", "--fstab", self.path) else "mount"  # by path or unit
            repairs[-1]["did"] = f"{did}, {anew}" if did else anew
            wrong = self.command(*anew.split(), self.path)
        repairs[-1].update(ok=not wrong, ms=round((time.monotonic() - now) * 1000, 1), said=wrong)
        return True

    def leave(self) -> None:
        """Stop the timer; then count the requests from elsewhere and name Moodle's tasks, as /proc has them."""
        cron, port, requests, tasks = self.wanted.cron, f":{self.wanted.web_port:04X}", 0, []
        wrong = self.command("systemctl", "stop", "--", cron) if cron else ""
        self.begin("proc", self.wanted.timeout)
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            with suppress(FileNotFoundError), open(table, encoding="ascii") as lines:  # no IPv6, no tcp6
                for _, here, peer, state, *_ in map(str.split, lines):
                    requests += here.endswith(port) and state == "01" and not LOOPBACK.match(peer)  # 01: established
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        for process in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError), open(f"/proc/{process}/cmdline", errors="replace") as command:  # it may have ended
                task = TASK.search(command.read())
                with open(f"/proc/{process}/stat", errors="replace") as file:
                    began = int(file.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
                tasks += [f"{task[0]}, {now - began:.0f} s"] if task else []
        timer = f"error: {wrong}" if wrong else "stopped" if cron else "none"
        self.tell(leaving={"requests": requests, "tasks": tasks[:20], "timer": timer}, step=None)

    def ask(self, step: str, page: str, seconds: float) -> tuple[float, str, int | None, str]:
        """Ask for a page as the balancer does; returns milliseconds, what is wrong (no redirect is), status, text."""
        self.begin(step, seconds + 1)  # the socket's own limit is for each piece
        server = http.client.HTTPConnection("127.0.0.1", self.wanted.web_port, timeout=seconds)
        headers = {"Host": self.wanted.web_host, "X-Forwarded-Proto": "https", "User-Agent": "firstbell"}
        try:
            server.request("GET", page, headers=headers)
            reply = server.getresponse()
            text, status = reply.read(MOST_BODY).decode(errors="replace"), reply.status
            wrong = f"{page}: status {status}" if status >= 500 else ""
        except (OSError, ValueError, http.client.HTTPException) as error:
            status, wrong, text = None, f"{page}: no answer: {error!r}", ""
        return round((time.monotonic() - self.since) * 1000, 1), wrong, status, text

    def ask_web(self) -> None:
        """Ask for the cheap page; then warm the others and what they link, round by round, until each is fast."""
        took, wrong, status, _ = self.ask("web", self.wanted.page, WEB_SECONDS)
        self.tell(web={"page": self.wanted.page[:200], "status": status, "ms": took})
        pages = self.wanted.warm.split() if self.wanted.purpose == "admitting" and not wrong else []
        began, listed, last = time.monotonic(), len(pages), dict[str, Any]()
        hosts, rounds, done, left = ("", self.wanted.web_host), 0, False, self.wanted.warm_seconds if pages else 0
        while not done and left > 0:
            rounds += 1
            for page in pages:  # in the first round it grows by what the pages link
                if left > 0:
                    *last[page], _, text = self.ask("warm", page, max(left, LEAST_SECONDS))
                    links = [path.replace("&amp;", "&") for host, path in LINK.findall(text) if host in hosts]
                    pages += [p for p in dict.fromkeys(links) if p not in pages][: listed + MOST_LINKS - len(pages)]
                left = began + self.wanted.warm_seconds - time.monotonic()
            wrong = "; ".join(filter(None, (last[page][1] for page in pages[:listed] if page in last)))
            took, slowest = max((took, page) for page, (took, _) in last.items())
            done = not wrong and left > 0 and took < self.wanted.warm_ms
            whole, slowest = round((time.monotonic() - began) * 1000, 1), f"{slowest[:200]} took {took:.0f} ms"
            self.tell(warm={"done": done, "rounds": rounds, "pages": len(pages), "ms": whole, "slowest": slowest})
            time.sleep(min(1, left) if wrong and left > 0 else 0)
        self.tell(**({"verdict": "unknown", "detail": wrong} if wrong else {"step": None}))


def take_lock(path: str) -> int:
    """Return the locked file about this path, or raise the Finding about who holds it. It never lies in the mount."""
    fit = [d for d in LOCK_DIRECTORIES if os.access(d, os.W_OK | os.X_OK) and os.statvfs(d).f_bavail]  # it may be full
    name = f"{[*fit, *LOCK_DIRECTORIES][0]}/firstbell-probe-{os.getuid()}-{re.sub('[^A-Za-z0-9]', '-', path)[-99:]}"
    file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    for _ in range(3):  # a holder may be about to end, or about to tell its first step
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        time.sleep(0.1)
    _, until, told = json.loads(os.pread(file, MOST_BOARD, 0).partition(b"\n")[0])
    late = time.monotonic() - until
    state = f"is stuck for {late:.0f} s" if late > 0 else "is running"
    raise Finding("hung" if late > 0 else "unknown", f"another probe {state}, in step {told['step']}")


def probe(wanted: argparse.Namespace, answer: dict[str, Any]) -> None:
    """Fill in the answer by a child, within the time that the module says. Raises Finding."""
    board = os.memfd_create("board") if wanted.purpose == "leaving" else take_lock(wanted.path)
    with open(board, "rb+", buffering=0):
        child, pid, ended = Child(wanted, answer, board), os.fork(), 0
        if not pid:
            child.run()
        since, until = child.since, child.until
        while not ended and time.monotonic() < until:
            time.sleep(0.01)
            ended, _ = os.waitpid(pid, os.WNOHANG)
            with suppress(ValueError):  # half of it is written
                since, until, told = json.loads(os.pread(board, MOST_BOARD, 0).partition(b"\n")[0])
                answer.update(told)
        step, took, judged = answer["step"] or "end", round((time.monotonic() - since) * 1000, 1), answer["verdict"]
        if ended:
            fcntl.flock(board, fcntl.LOCK_UN)  # a daemon of the file system may keep the file open for ever
        else:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)  # it dies when it can
            answer["ms"][step] = took
    if judged in (None, "healthy") and (answer["step"] or not ended) and not answer["leaving"]:  # a bad one stays
        why = "the child ended" if ended else f"no answer for {took:.0f} ms"
        raise Finding("unknown" if ended or judged or wanted.purpose == "leaving" else "hung", f"{why} in step {step}")


def read_arguments(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; an empty expectation means any. Raises SystemExit, after a message on standard error."""
    parser = argparse.ArgumentParser(prog="probe", add_help=False)
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--purpose", choices=("admitting", "patrolling", "leaving"), default="patrolling")
    for name, default in OPTIONS.items():
        parser.add_argument("--" + name, type=type(default), default=default)
    wanted = parser.parse_args(arguments)
    if not wanted.path or not 0 < wanted.timeout <= 86400 or not 0 <= wanted.warm_seconds <= 3600:
        parser.error("PATH must not be empty, --timeout above 0 and at most a day, --warm-seconds at most 3600")
    wanted.path = os.path.abspath(wanted.path).replace("//", "/")
    return wanted


def one_line(answer: dict[str, Any]) -> str:
    """Write the answer as JSON, cut to what Run Command lists: the log's tail first, then long texts, then all."""
    texts = [key for key, value in answer.items() if isinstance(value, (str, list)) and key not in ("verdict", "step")]
    while len(json.dumps(answer)) > LONGEST_LINE and any(answer[key] for key in texts):
        long = [key for key in ("tail", "detail", "options") if len(answer[key] or "") > 100]
        key = long[0] if long else max(texts, key=lambda key: len(json.dumps(answer[key])))
        answer[key] = answer[key][len(answer[key]) // 2 :] if key == "tail" else answer[key][: len(answer[key]) // 2]
    return json.dumps(answer)


def main(arguments: list[str]) -> int:
    """Print the answer; return the exit code: 0 healthy or leaving, 1 a bad verdict, 2 unknown or wrong arguments."""
    answer: dict[str, Any] = {"probe": 1, "verdict": None, "step": None, "detail": "", "ms": {}, "fstype": None}
    answer.update(source=None, options=None, path="", host=os.uname().nodename, purpose=None, repairs=[], warnings=[])
    answer.update(web=None, warm=None, tail="", leaving=None)
    try:
        wanted = read_arguments(arguments)
        answer.update(path=wanted.path, purpose=wanted.purpose)
        probe(wanted, answer)
    except Finding as finding:
        answer.update(verdict=finding.args[0], detail=finding.args[1])
    except SystemExit:
        answer.update(verdict="unknown", detail="wrong arguments: see standard error")
    except Exception as error:  # noqa: BLE001 - the caller reads the answer, not a traceback
        answer.update(verdict="unknown", detail=f"{type(error).__name__}: {error}")
    code = {"healthy": 0, None: 0, "unknown": 2}.get(answer["verdict"], 1)
    if code == 1:
        with suppress(OSError), open(BOOT_LOG, encoding="ascii", errors="ignore") as log:
            answer["tail"] = re.sub("[^ -~]+", " ", "".join(deque(log, 20))).strip()[-600:]
    print(one_line(answer), flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
