"""The one place where the present moment is read; everything else takes time as an argument.

The twin replaces the source, so that the real handlers run in virtual time.
"""

from collections.abc import Callable
from datetime import UTC, datetime


def _wall() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _wall


def now() -> datetime:
    """The present moment, UTC, whole seconds: what AWS's scheduled actions and our keys can hold."""
    return _source().replace(microsecond=0)


def use(source: Callable[[], datetime] | None) -> None:
    """Take the time from `source` (aware, UTC) from now on; None returns to the wall clock."""
    global _source
    _source = source or _wall
