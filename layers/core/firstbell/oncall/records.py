"""What on-call keeps in the table, read back: one record that cannot be read must keep nobody from being called."""

from typing import TypeVar

from firstbell.aws.table import Stored
from firstbell.plain import from_plain

T = TypeVar("T")


def read(kind: type[T], stored: Stored | None) -> T | None:
    """The stored value; one that cannot be read (of a version that wrote it otherwise) counts as none."""
    try:
        return from_plain(kind, stored.data) if stored else None
    except ValueError:
        return None


def known(kind: type[T], found: list[Stored]) -> list[T]:
    """Those of the stored values that can be read, in their order."""
    return [value for one in found if (value := read(kind, one)) is not None]
