"""The term file: YAML in, a validated `Term` out, and peaks out to YAML; each mistake named with its line and key."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import yaml
from pydantic import TypeAdapter

from firstbell.calendar.term_values import PlannedPeak, Term, mistakes
from firstbell.calendar.values import CalendarError
from firstbell.yaml_file import FileError, Reader, TextLoader

_term = Reader(
    TypeAdapter(Term), "term file", "a mapping with keys such as lectures and peaks", FileError, TextLoader, mistakes
)
_peak = Reader(TypeAdapter(PlannedPeak), "peak", "a mapping")


def read_term(text: str | bytes, origin: str) -> Term:
    """Parse and validate a term file. Raises CalendarError, with all mistakes, when it is not one."""
    try:
        return _term.read(text, origin)
    except FileError as error:
        raise CalendarError(str(error)) from error


def read_peak(values: Mapping[str, object]) -> PlannedPeak:
    """Validate one entry of 'peaks', with its times as texts. Raises FileError with all mistakes."""
    return _peak.value(dict(values), "peak")


def write_peaks(peaks: Sequence[PlannedPeak]) -> str:
    """A term file with these peaks only; `read_term` makes the same of it."""
    entries = [{f.name: _plain(value) for f in fields(p) if (value := getattr(p, f.name)) != f.default} for p in peaks]
    return yaml.safe_dump({"peaks": entries}, sort_keys=False, allow_unicode=True, width=1000)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the term file, for editors."""
    return _term.json_schema()


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return value
