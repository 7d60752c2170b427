"""A term file's entries become peaks: the timetable expanded day by day, holidays left out, times in UTC. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

from firstbell.calendar import zones
from firstbell.calendar.peaks import key_of
from firstbell.calendar.term_values import WEEKDAYS, ExamPeriod, Lecture, PlannedPeak, Semester, Term
from firstbell.calendar.values import CalendarError
from firstbell.capacity.values import Peak
from firstbell.site import CalendarSource, Kind

MOST = 10_000  # peaks in the time asked for
A_DAY = timedelta(days=1)
MORNING = timedelta(hours=2)  # of a term: as long as its people arrive by default (`Arrivals.term_start`)


@dataclass(frozen=True, slots=True)
class _Slot:
    """One occurrence of an entry, at times as they are written; `lasts` is added to the end."""

    name: str
    course: str
    kind: Kind
    participants: int | None
    start: datetime
    end: datetime
    lasts: timedelta = timedelta(0)


def peaks(
    term: Term, source: CalendarSource, zone: ZoneInfo, start: datetime, end: datetime, now: datetime
) -> tuple[list[Peak], list[str]]:
    """The peaks that touch the time from `start` to `end` (UTC), and what the plan should say about them.

    An entry without participants has the source's; what has expired at `now` is left out. Two entries of the same name
    and time are two peaks. Raises CalendarError when there are too many.
    """
    found: list[Peak] = []
    said: list[str] = []
    used: Counter[str] = Counter()
    for slot in _slots(term, source, zone, start, end, now):
        begins, ends = begins_at(slot.start, zone), ends_at(slot.end, zone) + slot.lasts
        if ends < start or begins >= end:
            continue
        said += [f"{source.label}: {slot.name!r}: {remark}" for remark in _remarks(slot, zone, begins, ends)]
        people = source.participants if slot.participants is None else slot.participants
        count = round((people or 0) * source.participants_factor)
        if count and begins <= ends:
            course = slot.course or f"{source.label}: {slot.name}"  # two files may call theirs alike
            used[key := key_of(course, begins, ends)] += 1
            if used[key] > 1:  # no course or name begins with a space
                key = key_of(f" {used[key]} {course}", begins, ends)
            found.append(Peak(begins, ends, count, slot.kind, source.label, slot.name, key, course=slot.course))
        if len(found) > MOST:
            raise CalendarError(
                f"{source.label}: more than {MOST:,} peaks from {start:%Y-%m-%d} to {end:%Y-%m-%d};"
                " make one lecture of those that begin together, or plan fewer days"
            )
    return sorted(found), [*dict.fromkeys(said), *_without_people(term, source)]


def holidays(term: Term, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], ...]:
    """The holidays, each from its first midnight to the one after its last day, in UTC, by their beginning."""
    return tuple(
        sorted(
            (begins_at(datetime.combine(h.start, time()), zone), ends_at(datetime.combine(h.end + A_DAY, time()), zone))
            for h in term.holidays
        )
    )


def _slots(
    term: Term, source: CalendarSource, zone: ZoneInfo, start: datetime, end: datetime, now: datetime
) -> Iterator[_Slot]:
    """The occurrences that may touch the time from `start` to `end`."""
    first, last = start.astimezone(zone).date() - 2 * A_DAY, end.astimezone(zone).date() + A_DAY
    days = [first + n * A_DAY for n in range((last - first).days + 1)]
    for peak in term.peaks:
        if peak.expires is None or ends_at(peak.expires, zone) > now:
            kind = peak.kind or source.kind or "exam"
            lasts = timedelta(minutes=peak.minutes or 0)
            yield _Slot(peak.title, peak.course, kind, peak.participants, peak.start, peak.end or peak.start, lasts)
    for day in days:
        yield from _starts(term, day)
        if not any(day in holiday for holiday in term.holidays):
            yield from _sittings(term, day)
            yield from _lectures(term, day)


def _starts(term: Term, day: date) -> Iterator[_Slot]:
    for semester in term.terms:
        if semester.start == day:
            at = datetime.combine(day, semester.at)
            yield _Slot(semester.name, "", "term_start", semester.participants, at, at, MORNING)


def _sittings(term: Term, day: date) -> Iterator[_Slot]:
    for period in term.exam_periods:
        if day in period and WEEKDAYS[day.weekday()] in period.days:
            for begins, ends in dict.fromkeys(period.sittings):
                start, end = datetime.combine(day, begins), datetime.combine(day, ends)
                yield _Slot(period.name, period.course, "exam", period.participants, start, end)


def _lectures(term: Term, day: date) -> Iterator[_Slot]:
    """The lectures of a day: in their term (in any without one), in a teaching week, in an odd or even ISO week."""
    running = {semester.name for semester in term.terms if day in semester}
    if term.teaching_weeks and not any(day in weeks for weeks in term.teaching_weeks):
        return
    parity = "odd" if day.isocalendar().week % 2 else "even"
    for lecture in term.lectures:
        in_term = lecture.term in running if lecture.term else running or not term.terms
        if in_term and WEEKDAYS[day.weekday()] in lecture.days and lecture.weeks in ("all", parity):
            at = datetime.combine(day, lecture.at)
            lasts = timedelta(minutes=lecture.minutes)
            yield _Slot(lecture.name, lecture.course, "lecture", lecture.participants, at, at, lasts)


def _remarks(slot: _Slot, zone: ZoneInfo, begins: datetime, ends: datetime) -> list[str]:
    doubts = [zones.note(moment, zone) for moment in (slot.start, slot.end) if moment.tzinfo is None]
    backwards = ["it ends before it begins and is not planned"] if ends < begins else []
    return [doubt for doubt in doubts if doubt] + backwards


def _without_people(term: Term, source: CalendarSource) -> list[str]:
    dated: Iterable[Semester | ExamPeriod | Lecture] = chain(term.terms, term.exam_periods, term.lectures)
    named = [entry.name for entry in dated if entry.participants is None]
    named += [peak.title for peak in term.peaks if peak.participants is None]
    if source.participants is not None or not named:
        return []
    names = ", ".join(repr(name) for name in named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
    return [f"{source.label}: no 'participants' for {names}, nor in the site file: not planned"]


def times(peak: PlannedPeak, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When (UTC) a peak of its own begins and ends."""
    return begins_at(peak.start, zone), ends_at(peak.end or peak.start, zone) + timedelta(minutes=peak.minutes or 0)


def begins_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """When (UTC) begins what is written to begin at `moment`, local time in `zone` unless it has an offset."""
    return moment.astimezone(UTC) if moment.tzinfo else zones.begins(moment, zone)


def ends_at(moment: datetime, zone: ZoneInfo) -> datetime:
    """When (UTC) ends what is written to end at `moment`."""
    return moment.astimezone(UTC) if moment.tzinfo else zones.ends(moment, zone)
