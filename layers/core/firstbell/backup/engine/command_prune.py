"""The command `prune`: what retention lets go. It says what it would remove, and removes only with --yes."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import timedelta, tzinfo
from typing import Any

from firstbell.backup.engine import clock, options
from firstbell.backup.engine.command_store import UNTRUSTED, plain
from firstbell.backup.engine.progress import size
from firstbell.backup.engine.pruning import Plan, PruneError, Rules, planned, refuse_too_much, removed
from firstbell.backup.engine.retention import Retention


def add(commands: Any) -> None:
    """Let the command line have this command."""
    usual = Retention()
    parser = commands.add_parser("prune", help="remove what retention lets go", epilog=options.EXIT_CODES)
    options.add_store(parser)
    parser.add_argument("--site", type=options.name, help="refuse sets of another site")
    for name in Retention._fields:
        most = getattr(usual, name)
        parser.add_argument(f"--{name}", type=_count, default=most, metavar="N", help=f"sets to keep ({most})")
    parser.add_argument("--timezone", type=_zone, default="UTC", help="whose days, weeks and months count (UTC)")
    parser.add_argument("--delay", type=_count, default=7, metavar="DAYS", help="what is younger stays in any case (7)")
    parser.add_argument(
        "--share", type=_share, default=0.1, metavar="S", help="of the content that may go at once (0.1)"
    )
    parser.add_argument("--names", action="store_true", help="print the name of every object that goes")
    parser.add_argument("--yes", action="store_true", help="do it; without this it is only said")
    parser.add_argument("--scratch", default=None, metavar="DIR", help="for temporary files (TMPDIR)")
    parser.set_defaults(do=do)


def do(args: argparse.Namespace) -> int:
    """Prune; the exit code."""
    bucket = options.bucket_of(args)
    rules = Rules(
        Retention(args.daily, args.weekly, args.monthly, args.yearly),
        args.timezone,
        timedelta(days=args.delay),
    )
    gone = 0
    try:
        with tempfile.TemporaryDirectory(dir=args.scratch) as scratch:
            plan = planned(bucket, rules, clock.now(), scratch, args.site or "")
        if args.yes:
            for count in removed(bucket, plan, args.share):
                gone += count
        _show(plan, args.yes, args.names)
        refuse_too_much(plan, args.share)
    except (PruneError, *UNTRUSTED) as error:
        options.say(plain(f"{error}" + (f" ({gone} objects were removed before)" if gone else "")))
        return options.INCOMPLETE if gone else options.STOPPED
    return options.OK


def _show(plan: Plan, done: bool, all_names: bool) -> None:
    if not sys.stdout.isatty():
        fields: dict[str, Any] = {"event": "pruned" if done else "would-prune", "kept": plan.kept, "sets": plan.sets}
        fields["objects"] = {k.strip("/"): {"objects": len(w.keys), "bytes": w.bytes} for k, w in plan.waste.items()}
        if all_names:
            fields["names"] = [key for kind in plan.waste.values() for key in kind.keys]
        sys.stdout.write(json.dumps({**fields, "bytes": plan.bytes}, sort_keys=True) + "\n")
        return
    for key, why in sorted(plan.kept.items()):
        sys.stdout.write(f"keep    {key}  {', '.join(why)}\n")
    word = "removed" if done else "remove"
    sys.stdout.writelines(f"{word:<7} {key}\n" for key in plan.sets)
    for kind, waste in plan.waste.items():
        sys.stdout.write(f"{word:<7} {len(waste.keys):,} of {waste.listed:,} {kind.strip('/')}, {size(waste.bytes)}\n")
        if all_names:
            sys.stdout.writelines(f"  {key}\n" for key in waste.keys)
    if not done:
        sys.stdout.write("nothing was removed; --yes does it\n")


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 10_000):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 10,000")
    return int(text)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 1")
    return share


def _zone(text: str) -> tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time zone that this machine knows; such as Europe/Berlin"
        ) from None
