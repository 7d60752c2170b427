"""The command `restore`: a set, or some of its files, into a directory."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from typing import Any

from firstbell.backup.engine import clock, options
from firstbell.backup.engine.command_store import UNTRUSTED, add_set, add_speed, plain
from firstbell.backup.engine.crew import CrewError, Size
from firstbell.backup.engine.extracting import ArchiveError
from firstbell.backup.engine.landing import Manner, TargetError
from firstbell.backup.engine.names import is_hash
from firstbell.backup.engine.progress import Reporter, size
from firstbell.backup.engine.reading import Opened, the_set
from firstbell.backup.engine.restoring import Restored, Wish, hashes_in, restore

_SHOWN = 20


def add(commands: Any) -> None:
    """Let the command line have this command."""
    parser = commands.add_parser("restore", help="bring a set back into a directory", epilog=options.EXIT_CODES)
    parser.add_argument("directory", help="a moodledata, or where one is to be; it may be there already")
    add_set(parser)
    options.add_store(parser)
    which = parser.add_argument_group("what")
    which.add_argument("--hash", action="append", default=[], type=_hash, help="only this content; may be repeated")
    which.add_argument("--hashes", default="", metavar="FILE", help="only the contents that this file names")
    which.add_argument("--repair", action="store_true", help="of a live site: fetch only what is missing or too short")
    which.add_argument("--no-archive", action="store_true", help="leave secret, lang and muc/config.php alone")
    how = parser.add_argument_group("how")
    how.add_argument("--owner", type=_owner, metavar="USER[:GROUP]", help="of what is written (root: the directory's)")
    how.add_argument("--file-mode", type=_mode, default=0o660, metavar="OCTAL", help="permissions of files (0660)")
    how.add_argument("--directory-mode", type=_mode, default=0o2770, metavar="OCTAL", help="of directories (2770)")
    how.add_argument("--fsync", action="store_true", help="flush every file to the disk; slow")
    add_speed(parser)
    parser.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Restore; the exit code says whether everything came."""
    reporter, bucket, begun = Reporter("restore"), options.bucket_of(args), clock.seconds()
    try:
        wish = _wish(args)
        backup = the_set(bucket, args.set, args.site or "")
        total = backup.files if wish.hashes is None else len(wish.hashes)

        def told(done: Restored) -> None:
            reporter.tell(done.files + done.there, done.bytes, total)

        crew = Size(args.workers, args.connections)
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch, Opened(bucket, backup, scratch) as opened:
            done = restore(bucket, opened, wish, scratch, crew, told)
    except (TargetError, ArchiveError, *UNTRUSTED) as error:
        reporter.clear()
        options.say(plain(str(error)))
        return options.INCOMPLETE
    except CrewError as error:
        reporter.clear()
        options.say(str(error))
        return options.REFUSED
    reporter.clear()
    _show(backup.key, done, clock.seconds() - begun)
    return options.OK if done.whole else options.INCOMPLETE


def _wish(args: argparse.Namespace) -> Wish:
    hashes = None
    if args.hash or args.hashes:
        hashes = sorted({*args.hash, *(hashes_in(args.hashes) if args.hashes else ())})
    root = os.path.realpath(args.directory)
    uid, gid = args.owner or _owner_of(root)
    manner = Manner(args.file_mode, args.directory_mode, uid, gid, args.fsync)
    return Wish(root, manner, hashes, args.repair, not args.no_archive)


def _owner_of(root: str) -> tuple[int | None, int | None]:
    """Root gives what it writes to whom the directory belongs; others own what they write."""
    if os.geteuid() != 0 or not os.path.isdir(root):
        return None, None
    about = os.stat(root)
    return about.st_uid, about.st_gid


def _show(key: str, done: Restored, seconds: float) -> None:
    if not sys.stdout.isatty():
        fields = {"event": "restored", "key": key, "whole": done.whole, "seconds": round(seconds, 2), **done._asdict()}
        sys.stdout.write(json.dumps(fields, sort_keys=True) + "\n")
        return
    rate = f"{size(done.bytes / seconds)}/s" if seconds else ""
    came = f"{done.files:,} files came with {size(done.bytes)} in {seconds:.1f} s ({rate})"
    sys.stdout.write(f"{key}: {came}, {done.there:,} were there, {done.others:,} came from the archive\n")
    for title, count, lines in (
        ("corrupt or missing in the store", done.wrong_count, [f"{name}: {why}" for name, why in done.wrong]),
        ("not in this set", len(done.unknown), list(done.unknown)),
        ("links of the archive, not restored", len(done.links), list(done.links)),
    ):
        if count:
            sys.stdout.write(f"{title}: {count:,}\n")
            sys.stdout.writelines(plain(f"  {line}") + "\n" for line in lines[:_SHOWN])


def _hash(text: str) -> bytes:
    if not is_hash(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a content hash: 40 digits of 0-9 and a-f")
    return bytes.fromhex(text)


def _mode(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and not set(text) & {"8", "9"}):
        raise argparse.ArgumentTypeError(f"{text!r} is no permissions; write them in octal digits, such as 0660")
    return int(text, 8)


def _owner(text: str) -> tuple[int | None, int | None]:
    """User and group by name or number; the group is the user's own, unless it is said."""
    import grp
    import pwd

    user, colon, group = text.partition(":")
    try:
        uid, gid = (int(user), None) if user.isdigit() else pwd.getpwnam(user)[2:4]
        if colon:
            gid = int(group) if group.isdigit() else grp.getgrnam(group)[2]
    except KeyError:
        raise argparse.ArgumentTypeError(f"{text!r}: there is no such user or group on this machine") from None
    return uid, gid
