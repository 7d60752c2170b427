"""`peaks.yaml`, the term file that `firstbell peak` keeps for people who write no YAML: read, changed, written."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from firstbell.calendar import zones
from firstbell.calendar.term import ends_at, times
from firstbell.calendar.term_file import read_term, write_peaks
from firstbell.calendar.term_values import PlannedPeak, Term
from firstbell.calendar.values import CalendarError

NAME = "peaks.yaml"
MARK = "# Written by `firstbell peak`"
HEADER = f"{MARK}, which leaves out what has expired. Lines of your own belong into another term file.\n"
Edit = Callable[[list[PlannedPeak]], list[PlannedPeak] | None]
"""What is to become of the file's peaks; None when nothing is to change."""

KEPT = timedelta(days=1)  # after a peak's end, unless its expiry is given


def read(text: bytes, origin: str, zone: ZoneInfo) -> list[PlannedPeak]:
    """The file's peaks by their time, as they are numbered for people; none in an empty file.

    Raises CalendarError when it is no term file.
    """
    term = read_term(text, origin) if text.strip() else Term()
    return sorted(term.peaks, key=lambda peak: (*times(peak, zone), peak.title))


def edited(text: bytes, origin: str, zone: ZoneInfo, now: datetime, edit: Edit) -> bytes | None:
    """The file after `edit`, without what has expired at `now`; None when nothing is to change.

    Raises CalendarError when writing the file anew would lose what somebody wrote into it by hand.
    """
    _refuse_foreign(text, origin)
    peaks = edit(read(text, origin, zone))
    return None if peaks is None else _written(peak for peak in peaks if not is_expired(peak, zone, now))


def _written(peaks: Iterable[PlannedPeak]) -> bytes:
    return (HEADER + write_peaks(tuple(peaks))).encode()


def _refuse_foreign(text: bytes, origin: str) -> None:
    if not text.strip():
        return
    term = read_term(text, origin)
    comments = text.count(b"#") - _written(term.peaks).count(b"#")
    if not text.startswith(MARK.encode()) or comments or term != Term(peaks=term.peaks):
        raise CalendarError(
            f"{origin}: it has lines that `firstbell peak` did not write and would lose; change this file by hand, or"
            " give it another name and let the site file's calendars name it: {term: NAME}"
        )


def with_expiry(peak: PlannedPeak, zone: ZoneInfo) -> PlannedPeak:
    """The peak with the expiry that it has or, without one, the default."""
    if peak.expires is not None:
        return peak
    local = (times(peak, zone)[1] + KEPT).astimezone(zone)
    naive = local.replace(tzinfo=None)
    return replace(peak, expires=local if zones.note(naive, zone) else naive)


def is_expired(peak: PlannedPeak, zone: ZoneInfo, now: datetime) -> bool:
    """Whether it is planned no more."""
    return peak.expires is not None and ends_at(peak.expires, zone) <= now


def identity(peak: PlannedPeak, zone: ZoneInfo) -> tuple[str, datetime, datetime]:
    """What no two peaks of the file have in common: title and times."""
    return (peak.title, *times(peak, zone))
