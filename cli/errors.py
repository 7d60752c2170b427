"""Errors as an operator wants them: one sentence on standard error and an exit code; a traceback only on request."""

import os
import sys
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

BAD, USAGE, UNHEALTHY, REFUSED, INTERRUPTED, PIPE = 1, 2, 3, 4, 130, 141
DEBUG = "FIRSTBELL_DEBUG"
_CURES = {
    "NoRegionError": "set AWS_REGION",
    "NoCredentialsError": "log in (`aws sso login`) or set AWS_PROFILE",
    "ProfileNotFound": "check AWS_PROFILE",
    "ExpiredToken": "log in again (`aws sso login`)",
    "ExpiredTokenException": "log in again (`aws sso login`)",
    "AccessDeniedException": "ask for that permission, or use another AWS_PROFILE",
    "ResourceNotFoundException": "check the name, AWS_PROFILE and AWS_REGION",
}

_OURS = {"SiteFileError", "CalendarError", "ScenarioError", "MissingVariableError"}  # by name: importing them is slow


class CommandError(Exception):
    """What a command cannot do, in one sentence with the place and the cure; `code` is the exit code."""

    def __init__(self, sentence: str, code: int = BAD) -> None:
        super().__init__(sentence)
        self.code = code


def explained(error: Exception) -> tuple[str, int]:
    """The sentence and the exit code for an error."""
    if isinstance(error, CommandError):
        return str(error), error.code
    if _of_aws(error):
        return _refused(error), REFUSED
    if isinstance(error, OSError):
        return _of_file(error), BAD
    if _OURS & {kind.__name__ for kind in type(error).__mro__}:
        return str(error), BAD
    unexpected = f"unexpected {type(error).__name__}: {error}"
    return f"{unexpected}; `firstbell --debug` shows where, please report it", BAD


def _of_aws(error: Exception) -> bool:
    return any(kind.__module__.partition(".")[0] in ("botocore", "boto3") for kind in type(error).__mro__)


def _refused(error: Exception) -> str:
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code", "") if isinstance(response, dict) else ""
    cure = _CURES.get(code) or _CURES.get(type(error).__name__, "check AWS_PROFILE, AWS_REGION and the network")
    return f"AWS refused: {str(error).rstrip('.')}; {cure}"


def _of_file(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    match error:
        case FileNotFoundError():
            return f"{place}there is no such file; check the path"
        case IsADirectoryError():
            return f"{place}this is a directory; name the file in it"
        case PermissionError():
            return f"{place}may not be opened; check its permissions"
        case _:
            return f"{place}{error.strerror or error}"


def debugging() -> bool:
    """Whether tracebacks are wanted."""
    return os.environ.get(DEBUG, "") not in ("", "0")


def say(sentence: str) -> None:
    """Write an error to standard error, each of its lines on its own, without control characters."""
    from firstbell.oncall.texts import one_line

    for line in sentence.splitlines() or [sentence]:
        typer.secho(f"firstbell: {one_line(line, 1000)}", err=True, fg=typer.colors.RED if _coloured() else None)


def _coloured() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def guarded(work: Callable[[], Any]) -> Any:
    """Do `work`; whatever goes wrong becomes a sentence and an exit code, unless tracebacks are wanted."""
    try:
        result = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # the reader has seen enough, as in `firstbell schema | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE) from None
    except Exception as error:
        if hasattr(error, "exit_code") or isinstance(error, typer.Abort) or debugging():  # Typer's own, or wanted
            raise
        sentence, code = explained(error)
        say(sentence)
        raise typer.Exit(code) from None
    return result


class Commands(TyperGroup):
    """The commands, guarded; `--debug` may stand anywhere before a `--`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take `--debug` out of the arguments."""
        end = args.index("--") if "--" in args else len(args)
        if "--debug" in args[:end]:
            os.environ[DEBUG] = "1"
            args = [a for a in args[:end] if a != "--debug"] + args[end:]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        return guarded(lambda: super(Commands, self).invoke(ctx))
