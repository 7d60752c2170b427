"""The engine's command line: one module `command_<name>` for each command, and what all errors become in the end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from firstbell.backup.engine import VERSION, options
from firstbell.backup.engine.credentials import CredentialsError
from firstbell.backup.engine.s3 import StoreError

_INTERRUPTED = 130
_COMMANDS = {  # each module has `add(subparsers)`, which sets `do`: arguments in, exit code out
    "run": "command_run",
    "list": "command_store",
    "verify": "command_store",
    "restore": "command_restore",
    "prune": "command_prune",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; the exit code."""
    parser = argparse.ArgumentParser(
        prog="firstbell backup",
        description="Back up a Moodle's files into one restorable set with its database.",
        epilog=options.EXIT_CODES,
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    arguments = sys.argv[1:] if arguments is None else arguments
    for module in _modules(arguments):
        module.add(commands)
    args = parser.parse_args(arguments)
    try:
        code: int = args.do(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        options.say("interrupted; the next run goes on from here")
        return _INTERRUPTED
    except argparse.ArgumentTypeError as error:
        options.say(str(error))
        return options.USAGE
    except (StoreError, CredentialsError) as error:
        options.say(str(error))
        return options.REFUSED
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        options.say(f"{place}{error.strerror or error}")
        return options.STOPPED if isinstance(error, (FileNotFoundError, PermissionError)) else options.REFUSED
    return code


def _modules(arguments: Sequence[str]) -> Iterable[Any]:
    """The module of the command that is asked for, or all: importing them takes longer than a run without change."""
    wanted = [_COMMANDS[arguments[0]]] if arguments and arguments[0] in _COMMANDS else dict.fromkeys(_COMMANDS.values())
    return [import_module(f"firstbell.backup.engine.{name}") for name in wanted]
