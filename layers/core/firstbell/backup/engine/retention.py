"""Which backup sets are kept: the newest of so many days, weeks, months and years; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from typing import NamedTuple


class Retention(NamedTuple):
    """For how many days, weeks, months and years *that have a set* one is kept."""

    daily: int = 14
    weekly: int = 8
    monthly: int = 12
    yearly: int = 3


class Dated(NamedTuple):
    """A set by its key and moment (aware). It is sound when it left out nothing that it found."""

    key: str
    at: datetime
    sound: bool = True


def _day(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month, at.day)


def _week(at: datetime) -> tuple[int, ...]:
    return tuple(at.isocalendar())[:2]


def _month(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month)


def _year(at: datetime) -> tuple[int, ...]:
    return (at.year,)


_PERIODS: tuple[tuple[str, Callable[[datetime], tuple[int, ...]]], ...] = (
    ("daily", _day),
    ("weekly", _week),
    ("monthly", _month),
    ("yearly", _year),
)


def kept(sets: Iterable[Dated], retention: Retention, zone: tzinfo) -> dict[str, list[str]]:
    """Say why each kept set is kept, by key; a set that is not named may go.

    Periods are those of `zone`'s calendar (weeks: ISO 8601), and only periods with a set count: when backups stop,
    nothing more goes. Of each period the newest set stays, and if that is not sound, the newest sound one too; the
    newest set of all and the newest sound one always stay.
    """
    newest_first = sorted(sets, key=lambda one: (one.at, one.key), reverse=True)
    reasons: dict[str, list[str]] = {}
    for name, chosen in [("newest", newest_first[:1]), ("newest sound", _first_sound(newest_first))]:
        for one in chosen:
            reasons.setdefault(one.key, []).append(name)
    for name, period in _PERIODS:
        for members in _periods(newest_first, period, zone)[: getattr(retention, name)]:
            for one in members[:1] if members[0].sound else members[:1] + _first_sound(members):
                reasons.setdefault(one.key, []).append(name)
    return reasons


def _periods(
    newest_first: list[Dated], period: Callable[[datetime], tuple[int, ...]], zone: tzinfo
) -> list[list[Dated]]:
    groups: dict[tuple[int, ...], list[Dated]] = {}
    for one in newest_first:
        groups.setdefault(period(one.at.astimezone(zone)), []).append(one)
    return list(groups.values())


def _first_sound(newest_first: list[Dated]) -> list[Dated]:
    return [one for one in newest_first if one.sound][:1]
