"""Silences and the rota as the table keeps them."""

from datetime import datetime

from firstbell.aws.table import Table
from firstbell.oncall import records
from firstbell.oncall.muting import LONGEST, Silence
from firstbell.oncall.rota import Shifts
from firstbell.oncall.texts import one_line
from firstbell.plain import to_plain

PREFIX, ROTA = "SILENCE#", "ROTA"
TEXT = 200  # characters


def add(table: Table, site: str, silence: Silence, now: datetime) -> Silence:
    """Keep a silence, tidied. The same one again is one. Raises ValueError for one that must not be."""
    wanted = Silence(
        one_line(silence.owner, TEXT), one_line(silence.reason, TEXT), silence.matches, silence.start, silence.end
    )
    if not wanted.owner or not wanted.reason:
        raise ValueError("a silence needs an owner and a reason: somebody will ask")
    if not wanted.matches or len(wanted.matches) > TEXT:
        raise ValueError(f"the keys that are silenced are a text of 1 to {TEXT} characters")
    if wanted.end <= max(wanted.start, now):
        raise ValueError("a silence needs an end that is still to come")
    if wanted.end - max(wanted.start, now) > LONGEST:
        raise ValueError(f"a silence lasts {LONGEST.days} days at most; what is silent for longer wants another cure")
    table.put(f"SITE#{site}", PREFIX + wanted.id, to_plain(wanted), expires=wanted.end)
    return wanted


def those_of(table: Table, site: str, now: datetime) -> tuple[Silence, ...]:
    """The silences of a site that have not ended, in order of their end."""
    found = records.known(Silence, table.query(f"SITE#{site}", PREFIX))
    return tuple(sorted((s for s in found if s.end > now), key=lambda s: (s.end, s.id)))


def remove(table: Table, site: str, silence: Silence) -> None:
    """End a silence now: what it muted and is still open is told by the next tick."""
    table.delete(f"SITE#{site}", PREFIX + silence.id)


def rota(table: Table, site: str) -> Shifts | None:
    """The shifts as they were read last."""
    return records.read(Shifts, table.get(f"SITE#{site}", ROTA))


def keep_rota(table: Table, site: str, shifts: Shifts) -> None:
    """Keep the shifts in the place of those before."""
    table.put(f"SITE#{site}", ROTA, to_plain(shifts))
