"""The command `run`: make a backup set."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from firstbell.backup.engine import options
from firstbell.backup.engine.hashlist import HashListError
from firstbell.backup.engine.journal import JournalError
from firstbell.backup.engine.local import BusyError
from firstbell.backup.engine.progress import Reporter, size
from firstbell.backup.engine.running import BY_HASHES, CHANGED, FULL, HistoryError, Order, Outcome, run
from firstbell.backup.engine.sets import BackupSet, Database
from firstbell.backup.engine.source import SourceError
from firstbell.backup.engine.workers import Progress, WorkerError

_SHOWN = 5  # troubles of each kind that a person is shown


def add(commands: Any) -> None:
    """Let the command line have this command."""
    parser = commands.add_parser(
        "run", help="copy what is new of a moodledata and publish a set", epilog=options.EXIT_CODES
    )
    parser.add_argument("moodledata", help="the data directory of the site, with filedir in it")
    parser.add_argument("--site", required=True, type=options.name, help="name of the site, as in its sentinel")
    options.add_store(parser)
    _add_database(parser)
    _add_source(parser)
    speed = parser.add_argument_group("speed")
    speed.add_argument("--workers", type=options.positive, default=3, help="processes (3)")
    speed.add_argument("--connections", type=options.positive, default=8, help="connections of each worker (8)")
    speed.add_argument("--storage-class", default="", help="S3 storage class of files and packs (the bucket's own)")
    parser.add_argument("--state", default="", help="local directory for what was seen (/var/lib/firstbell/SITE)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be stored, and store nothing")
    parser.set_defaults(do=do)


def _add_database(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("database")
    group.add_argument("--hashes", default="", metavar="FILE", help="the database's contenthash,filesize lines")
    group.add_argument("--snapshot", default=None, metavar="NAME", help="snapshot of the database this set belongs to")
    group.add_argument("--snapshot-at", default=None, metavar="TIME", help="when it was begun (ISO, UTC)")


def _add_source(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("source")
    group.add_argument(
        "--look",
        choices=(CHANGED, FULL, BY_HASHES),
        default=CHANGED,
        help="list changed directories, all of them, or only look for what --hashes names (changed)",
    )
    group.add_argument("--new-source", action="store_true", help="the site has moved to another file system")
    group.add_argument(
        "--no-sentinel", action="store_true", help="moodledata has no .firstbell-site with the site's name"
    )
    group.add_argument("--afresh", action="store_true", help="build upon no earlier set (they stay as they are)")


def do(args: argparse.Namespace) -> int:
    """Make the set and say what is in it; the exit code."""
    if args.look == BY_HASHES and not args.hashes:
        options.say("--look hashes needs the list: give --hashes FILE")
        return options.USAGE
    reporter = Reporter("run")

    def tell(done: Progress) -> None:
        reporter.tell(done.files, done.bytes)

    try:
        outcome = run(_order(args), options.bucket_of(args), tell)
    except (SourceError, HistoryError, BusyError) as error:
        reporter.clear()
        options.say(f"{error} (nothing was stored)")
        return options.STOPPED
    except HashListError as error:
        options.say(f"{args.hashes}: {error}")
        return options.USAGE
    except (WorkerError, JournalError) as error:
        reporter.clear()
        options.say(f"{error} (no set was published; the next run goes on from here)")
        return options.REFUSED
    reporter.clear()
    _show(outcome)
    return options.OK if outcome.backup is None or outcome.backup.complete else options.INCOMPLETE


def _order(args: argparse.Namespace) -> Order:
    return Order(
        root=args.moodledata,
        site=args.site,
        state=options.state_directory(args.state, args.site),
        look=args.look,
        hashes=args.hashes,
        database=Database(args.snapshot, None, args.snapshot_at),
        workers=args.workers,
        senders=args.connections,
        store_class=args.storage_class,
        sentinel=not args.no_sentinel,
        new_source=args.new_source,
        afresh=args.afresh,
        dry=args.dry_run,
    )


def _show(outcome: Outcome) -> None:
    """Say it to a person at a terminal, or as a line of JSON."""
    if sys.stdout.isatty():
        sys.stdout.writelines(line + "\n" for line in _lines(outcome))
    else:
        sys.stdout.write(json.dumps(_fields(outcome), sort_keys=True) + "\n")


def _fields(outcome: Outcome) -> dict[str, Any]:
    backup, stored = outcome.backup, outcome.stored
    common = {"listed": outcome.listed, "requests": outcome.requests, "stored": stored.files, "bytes": stored.bytes}
    if backup is None:
        return {"event": "dry-run", **common}
    return {
        "event": "set",
        "key": backup.key,
        "complete": backup.complete,
        "files": backup.files,
        "new_files": backup.new_files,
        "missing": backup.missing_count,
        "missing_new": backup.missing_new,
        "quarantined": backup.quarantined.total,
        "unreadable": backup.unreadable.total,
        "seconds": backup.seconds,
        **common,
    }


def _lines(outcome: Outcome) -> list[str]:
    backup, stored = outcome.backup, outcome.stored
    if backup is None:
        return [f"would store {stored.files:,} files with {size(stored.bytes)}; {outcome.listed:,} directories listed"]
    return [
        f"{backup.key}: {backup.files:,} files with {size(backup.bytes)}, {backup.new_files:,} of them new "
        f"({size(backup.new_bytes)}), in {backup.seconds:.1f} s and {outcome.requests:,} requests",
        *_troubles(backup),
    ]


def _troubles(backup: BackupSet) -> list[str]:
    lines = []
    if backup.missing_count:
        lines.append(f"missing: {backup.missing_count:,} contents of the database, {backup.missing_new:,} of them new")
        lines += [f"  {name}" for name in backup.missing[:_SHOWN]]
    for kind, found in (("quarantined", backup.quarantined), ("unreadable", backup.unreadable)):
        if found.total:
            lines.append(f"{kind}: {found.total:,}")
            lines += [f"  {trouble.name}: {trouble.why}" for trouble in found.named[:_SHOWN]]
    return lines
