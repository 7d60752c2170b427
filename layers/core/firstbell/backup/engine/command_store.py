"""The commands `list` and `verify`: what is in the store, and whether it is what it should be."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from typing import Any

from firstbell.backup.engine import clock, options, verifying
from firstbell.backup.engine.crew import CrewError, Size
from firstbell.backup.engine.grouping import sample_size
from firstbell.backup.engine.manifest import ManifestError
from firstbell.backup.engine.progress import Reporter, size
from firstbell.backup.engine.reading import LATEST, Opened, ReadingError, Stored, stored, the_set
from firstbell.backup.engine.s3 import Bucket, NotThereError
from firstbell.backup.engine.sets import SetError
from firstbell.backup.engine.verifying import Found

UNTRUSTED = (ReadingError, SetError, ManifestError, NotThereError)  # what stands in the store is not what it should be
_SHOWN = 20
_HEADS = 100


def add(commands: Any) -> None:
    """Let the command line have these commands."""
    listing = commands.add_parser("list", help="show the sets of a store", epilog=options.EXIT_CODES)
    options.add_store(listing)
    listing.add_argument("--json", action="store_true", help="one line of JSON for each set")
    listing.set_defaults(do=show)
    parser = commands.add_parser("verify", help="prove that a set is in the store", epilog=options.EXIT_CODES)
    add_set(parser)
    options.add_store(parser)
    parser.add_argument("--deep", action="store_true", help="read every byte again, and hash it")
    parser.add_argument("--confidence", type=float, metavar="C", help="read a random sample instead, sized for this")
    parser.add_argument(
        "--share", type=float, default=0.001, metavar="P", help="of bad files that it would find (0.001)"
    )
    parser.add_argument("--new", action="store_true", help="also read all of the newest manifest")
    parser.add_argument(
        "--heads", type=int, default=_HEADS, metavar="N", help=f"objects asked for checksums ({_HEADS})"
    )
    add_speed(parser)
    parser.set_defaults(do=verify)


def add_set(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which set it is about."""
    parser.add_argument(
        "set", nargs="?", default=LATEST, help="its moment (20261124T031500Z, or how it begins); latest"
    )
    parser.add_argument("--site", type=options.name, help="refuse a set of another site")


def add_speed(parser: argparse.ArgumentParser) -> None:
    """Let a command be told how many at once, and where it may keep what does not fit into memory."""
    usual = Size()
    group = parser.add_argument_group("speed")
    group.add_argument(
        "--workers", type=options.positive, default=usual.processes, help=f"processes ({usual.processes} here)"
    )
    group.add_argument(
        "--connections", type=options.positive, default=usual.threads, help=f"of each worker ({usual.threads})"
    )
    group.add_argument("--scratch", default=None, metavar="DIR", help="for temporary files (TMPDIR)")


def show(args: argparse.Namespace) -> int:
    """List the sets; the exit code says whether all can be read."""
    found = list(stored(options.bucket_of(args)))
    for one in found:
        sys.stdout.write((json.dumps(_fields(one), sort_keys=True) if args.json else _line(one)) + "\n")
    if not found and not args.json:
        sys.stdout.write("there is no set yet\n")
    return options.OK if all(one.backup for one in found) else options.INCOMPLETE


def _fields(one: Stored) -> dict[str, Any]:
    if one.backup is None:
        return {"key": one.key, "problem": plain(one.problem)}
    backup = one.backup
    return {
        "key": one.key,
        "site": backup.site,
        "at": backup.at.isoformat(),
        "age_seconds": round((clock.now() - backup.at).total_seconds()),
        "complete": backup.complete,
        "files": backup.files,
        "bytes": backup.bytes,
        "new_files": backup.new_files,
        "new_bytes": backup.new_bytes,
        "missing": backup.missing_count,
        "missing_new": backup.missing_new,
        "quarantined": backup.quarantined.total,
        "unreadable": backup.unreadable.total,
        "manifests": len(backup.manifests),
        "snapshot": backup.database.snapshot,
        "seconds": backup.seconds,
    }


def _line(one: Stored) -> str:
    if one.backup is None:
        return plain(f"{one.key}: {one.problem}")
    backup = one.backup
    counts = {"missing": backup.missing_count, "quarantined": backup.quarantined.total}
    counts["unreadable"] = backup.unreadable.total
    lacks = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "complete"
    text = (
        f"{backup.at:%Y%m%dT%H%M%SZ}  {age((clock.now() - backup.at).total_seconds()):>8} ago  "
        f"{backup.files:>11,} files  {size(backup.bytes):>9}  {backup.new_files:>9,} new  {lacks}"
    )
    return plain(text + (f"  snapshot {backup.database.snapshot}" if backup.database.snapshot else ""))


def age(seconds: float) -> str:
    """A duration as people say it."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if abs(seconds) >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def plain(text: str) -> str:
    """On one line, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def verify(args: argparse.Namespace) -> int:
    """Verify a set; the exit code says whether it is whole."""
    reporter, bucket, crew = Reporter("verify"), options.bucket_of(args), Size(args.workers, args.connections)
    if args.confidence is not None:
        try:
            sample_size(args.confidence, args.share, 1)
        except ValueError as error:
            options.say(f"{error}")
            return options.USAGE
    begun = clock.seconds()
    try:
        backup = the_set(bucket, args.set, args.site or "")
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch, Opened(bucket, backup, scratch) as opened:
            steps = _steps(args, bucket, opened, scratch, crew, reporter)
    except UNTRUSTED as error:
        reporter.clear()
        options.say(plain(str(error)))
        return options.INCOMPLETE
    except CrewError as error:
        reporter.clear()
        options.say(str(error))
        return options.REFUSED
    reporter.clear()
    wrong = sum(found.wrong_count for found in steps.values())
    if sys.stdout.isatty():
        for step, found in steps.items():
            sys.stdout.writelines(line + "\n" for line in _verdict(step, found))
        sys.stdout.write(f"{backup.key}: {'not whole' if wrong else 'whole'}, in {clock.seconds() - begun:.1f} s\n")
    else:
        told = {step: {**found._asdict(), "wrong": found.wrong} for step, found in steps.items()}
        fields = {
            "event": "verified",
            "key": backup.key,
            "whole": not wrong,
            "steps": told,
            "complete": backup.complete,
        }
        sys.stdout.write(json.dumps({**fields, "seconds": round(clock.seconds() - begun, 2)}, sort_keys=True) + "\n")
    return options.INCOMPLETE if wrong else options.OK


def _steps(
    args: argparse.Namespace, bucket: Bucket, opened: Opened, scratch: str, crew: Size, reporter: Reporter
) -> dict[str, Found]:
    """What was asked for, by what it is called."""

    def told(found: Found) -> None:
        reporter.tell(found.files, found.bytes)

    steps = {"listing": verifying.by_listing(bucket, opened, crew)}
    if args.heads > 0:
        steps["checksums"] = verifying.by_checksums(bucket, opened, args.heads, crew)
    if args.deep:
        steps["reading"] = verifying.by_reading(opened, opened.packs, bucket, scratch, crew, told)
        return steps
    if args.confidence is not None:
        count = sample_size(args.confidence, args.share, opened.backup.files)
        records = verifying.sampled(opened, opened.counted[0], count)
        steps["sample"] = verifying.by_reading(records, opened.packs, bucket, scratch, crew, told)
    if args.new:
        steps["new"] = verifying.by_reading(opened.newest, opened.packs, bucket, scratch, crew, told)
    return steps


def _verdict(step: str, found: Found) -> list[str]:
    looked = f"{found.files:,} looked at" + (f", {size(found.bytes)}" if found.bytes else "")
    unproven = f", {found.unproven} without a checksum" if found.unproven else ""
    lines = [f"{step}: {looked}{unproven}, {found.wrong_count:,} wrong"]
    return [*lines, *(plain(f"  {name}: {why}") for name, why in found.wrong[:_SHOWN])]
