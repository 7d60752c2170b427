"""The site file: YAML in, a validated `Site` out; each mistake named with its place, value and what was expected."""

from typing import Any

from pydantic import TypeAdapter

from firstbell.site import Site
from firstbell.site.oncall import KINDS
from firstbell.yaml_file import LARGEST, FileError, Problem, Reader, TextLoader

__all__ = ["LARGEST", "Problem", "SiteFileError", "json_schema", "read_site"]


class SiteFileError(FileError):
    """The site file cannot be used; `problems` holds every mistake found."""

    @classmethod
    def because(cls, origin: str, says: str) -> "SiteFileError":
        """An error about the file as a whole."""
        return cls(origin, [Problem("", 0, says)])


_PRIVATE = frozenset(  # or what holds one
    {"calendars", "ical", "moodle", "token", "channels", "secret", "ping", *KINDS}
)
_reader = Reader(
    TypeAdapter(Site),
    "site file",
    "a mapping with name, timezone and fleet",
    SiteFileError,
    loader=TextLoader,
    private=_PRIVATE,
)


def read_site(text: str | bytes, origin: str = "site.yaml") -> Site:
    """Parse and validate a site file. Raises SiteFileError, with all mistakes, when it is not one."""
    return _reader.read(text, origin).of_its_type


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the site file, for editors."""
    return _reader.json_schema()
