"""What the commands share: how the store is named, sizes and rates as people write them, exit codes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from urllib.parse import urlsplit

from firstbell.backup.engine import clock
from firstbell.backup.engine.credentials import of_process, region_of_process
from firstbell.backup.engine.s3 import Bucket, Where

OK, INCOMPLETE, USAGE, STOPPED, REFUSED = 0, 1, 2, 3, 4
EXIT_CODES = (
    "exit codes: 0 all is well; 1 done, but something is missing, quarantined or unreadable; 2 wrong usage; "
    "3 stopped before anything was written; 4 the store refused or did not answer, or the local disk is full; "
    "130 interrupted"
)
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)([kMG]?)B?(?:/s)?\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Let a command be told which store it works with."""
    group = parser.add_argument_group("store")
    group.add_argument("--store", required=True, metavar="s3://BUCKET/PREFIX", type=_store, help="where the sets are")
    group.add_argument("--region", default=region_of_process(), help="the bucket's AWS region (AWS_REGION)")
    group.add_argument("--endpoint", default="", metavar="URL", help="another S3 service than AWS's")
    group.add_argument(
        "--bandwidth", type=rate, default=0.0, metavar="RATE", help="bytes per second at most, such as 20M"
    )


def bucket_of(args: argparse.Namespace) -> Bucket:
    """The store that the arguments name. Raises RefusedError for an address that is none."""
    name, prefix = args.store
    region = args.region or ("us-east-1" if args.endpoint else "")
    if not region:
        raise argparse.ArgumentTypeError("the region is not known: give --region, or set AWS_REGION")
    return Bucket(Where(name, prefix, region, args.endpoint), of_process(), pace=clock.Pace(args.bandwidth))


def state_directory(given: str, site: str) -> str:
    """Where a site's state is kept on this machine."""
    if given:
        return given
    if os.geteuid() == 0:
        return f"/var/lib/firstbell/{site}"
    return os.path.expanduser(f"~/.local/state/firstbell/{site}")


def name(text: str) -> str:
    """A site's name; raises ArgumentTypeError for what could be a path."""
    if not _NAME.match(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a site's name: letters, digits, '-', '_', '.'")
    return text


def positive(text: str) -> int:
    """A number from 1 to 256."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 256):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 256")
    return int(text)


def rate(text: str) -> float:
    """Bytes per second from `500k`, `20M` or `1.5G`."""
    match = _RATE.match(text)
    if match is None or not float(match.group(1)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate; write 500k, 20M or 1.5G")
    return float(match.group(1)) * {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}[match.group(2)]


def _store(text: str) -> tuple[str, str]:
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc or ".." in parts.path.split("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a store; write s3://bucket/prefix")
    return parts.netloc, parts.path.strip("/")


def say(sentence: str) -> None:
    """Write a sentence to standard error, on one line and without control characters."""
    sys.stderr.write("firstbell backup: " + "".join(c if c.isprintable() else " " for c in sentence) + "\n")
