"""What each look adds to what is remembered, and what it must not take away."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from firstbell.capacity.demand import share
from firstbell.capacity.values import Learned, Peak
from firstbell.learning import estimates
from firstbell.learning.memory import Day, Memory, SaveMemory, SaveOutcome, Seen, decide, is_daily, learned
from firstbell.learning.outcomes import Outcome, Span, Used, spans
from firstbell.plain import from_plain, to_plain
from tests.unit.test_outcomes import EXAM, HOUR, MINUTE, NINE, SITE, peak, used

DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
NOW = EXAM.end + HOUR
MIDNIGHT = NINE - 9 * HOUR


def hours(weeks: int, vcpus: float = 1.0) -> tuple[Used, ...]:
    """The hours of the last weeks before today."""
    return tuple(Used(MIDNIGHT - n * HOUR, vcpus) for n in range(weeks * 168, 0, -1))


NOTHING = Memory()


def look(*ended: Peak, memory: Memory = NOTHING, peaks: Sequence[Peak] = (), come: float = 0.8, **more) -> Seen:
    points = tuple(used(*ended, come=come)) if ended else ()
    return Seen(SITE, NOW, memory, 3, tuple(peaks) or ended, ended, points, **more)


def kept(seen: Seen) -> Memory:
    """What is remembered after the look."""
    [memory] = [a.memory for a in decide(seen) if isinstance(a, SaveMemory)] or [seen.memory]
    return memory


def test_a_look_at_nothing_keeps_nothing():
    assert decide(look()) == []


def test_a_peak_that_ended_is_judged_kept_and_remembered():
    saved, memory = decide(look(EXAM))
    assert isinstance(saved, SaveOutcome)
    assert (saved.outcome.key, saved.subject) == (EXAM.key, EXAM.title)
    assert saved.outcome.share == 0.8
    assert saved.reason.startswith("600 invited, ")
    assert saved.reason.endswith("were used on average, 80%")
    assert memory == SaveMemory(
        Memory(past=spans(EXAM, SITE), judged=(EXAM.key,), newest=(saved.outcome,)), 3, "1 judged"
    )


def test_looking_again_at_what_was_judged_changes_nothing():
    memory = kept(look(EXAM))
    assert decide(replace(look(memory=memory, peaks=[EXAM]), points=())) == []


def test_a_peak_that_says_nothing_is_remembered_with_the_reason_and_no_outcome():
    other = peak(people=3000, kind="lecture", key="other")
    [memory] = decide(look(EXAM, other))
    assert isinstance(memory, SaveMemory)
    assert (memory.memory.newest, set(memory.memory.judged)) == ((), {EXAM.key, other.key})
    assert f"{EXAM.title} is not judged: other peaks were on at the same time" in memory.reason


def test_a_peak_whose_points_are_missing_is_no_ordinary_time_and_judged_later():
    waiting = replace(look(EXAM), points=())
    [memory] = decide(waiting)
    assert isinstance(memory, SaveMemory)
    assert (memory.memory.judged, memory.memory.past) == ((), spans(EXAM, SITE))
    on = replace(waiting, memory=memory.memory, peaks=(EXAM, peak(NOW - HOUR, key="on")))
    assert decide(on) == [], "and nothing is written while it waits, whatever else is on"
    assert kept(look(EXAM, memory=memory.memory)).judged == (EXAM.key,)


def test_keys_are_remembered_as_long_as_the_plan_has_their_peaks():
    later = peak(NINE + 5 * HOUR)
    memory = kept(look(EXAM, memory=Memory(judged=("gone", later.key)), peaks=[EXAM, later]))
    assert memory.judged == tuple(sorted((EXAM.key, later.key)))


def test_a_peak_that_is_judged_twice_counts_once():
    memory = replace(kept(look(EXAM)), judged=())
    assert len(kept(look(EXAM, memory=memory)).newest) == 1


def test_the_newest_twenty_of_each_kind_count():
    old = [
        Outcome(f"{kind}{n}", kind, "t", NINE - n * DAY, NINE, 9, 1.0, 1.0, 1.0)
        for kind in ("exam", "quiz")
        for n in range(1, 26)
    ]
    memory = kept(look(EXAM, memory=Memory(newest=tuple(old))))
    assert len(memory.newest) == 40
    assert [o.key for o in memory.newest if o.kind == "exam"][0::19] == ["exam19", EXAM.key]


@pytest.mark.parametrize(
    ("says", "memory", "expected"),
    [
        ("at first at once", Memory(), True),
        ("not again on the same day", Memory(NOW - DAY + MINUTE), False),
        ("a day later", Memory(NOW - DAY), True),
    ],
)
def test_the_daily_look(says: str, memory: Memory, expected: bool):
    assert is_daily(memory, NOW) == expected, says


def test_a_day_teaches_the_week_the_lead_time_and_the_samples():
    [saved] = decide(look(day=Day(hours(8, 1.23456), (200.0,) * 9, 12.0)))
    assert isinstance(saved, SaveMemory)
    memory = saved.memory
    assert memory.baseline == (1.2346,) * 168
    assert (memory.learned_at, memory.lead_time, memory.launches, memory.samples) == (NOW, 200, 9, 12.0)
    assert saved.reason == "the ordinary week: 1.23 to 1.23 vCPUs; the lead time: 200 s"


def test_a_first_day_says_what_is_not_known_yet():
    [saved] = decide(look(day=Day((), ())))
    assert saved.reason == (
        "the ordinary week: unknown before 3 weeks of data; the lead time: unknown before 5 launches"
    )


def test_what_was_known_stays_when_a_day_shows_nothing():
    known = Memory(NOW - DAY, (2.0,) * 168, 240, 30, 12.0)
    assert kept(look(memory=known, day=Day((), ()))) == replace(known, learned_at=NOW)


def test_peaks_that_are_over_or_under_way_and_holidays_are_not_ordinary():
    """All of the last Tuesday is something else: an exam that was remembered, one that is on, and a holiday."""
    exam, running = peak(NINE - WEEK, lasts=60), peak(NOW - HOUR, lasts=120)
    free = (MIDNIGHT - WEEK + 12 * HOUR, MIDNIGHT - WEEK + 24 * HOUR)
    memory = Memory(past=spans(exam, SITE))
    by_hour = tuple(replace(h, vcpus=float(h.start.hour)) for h in hours(3))
    day = Day(by_hour, ())
    found = kept(look(memory=memory, peaks=[running], holidays=(free, (NOW + DAY, NOW + 2 * DAY)), day=day))
    assert found.past == (spans(exam, SITE)[0], Span(*free), Span(spans(running, SITE)[0].start, NOW))
    assert found.baseline == estimates.baseline(by_hour, SITE.zone, found.past, 0.5)
    assert found.baseline[36] == 11.0, "Tuesday noon is as at eleven: two weeks of it are left, which are too few"


def test_a_holiday_counts_until_now_only_and_the_old_past_is_forgotten():
    memory = Memory(past=(Span(NOW - 9 * WEEK, NOW - 8 * WEEK - HOUR), Span(NOW - 9 * WEEK, NOW - 7 * WEEK)))
    found = kept(look(memory=memory, holidays=((NOW - DAY, NOW + DAY),), day=Day((), ())))
    assert found.past == (Span(NOW - 9 * WEEK, NOW - 7 * WEEK), Span(NOW - DAY, NOW))


def test_what_is_learned_is_what_the_plan_takes():
    memory = kept(look(EXAM, memory=Memory(baseline=(0.5,) * 168, lead_time=240), come=1.4))
    found = learned(SITE, memory)
    assert (found.baseline, found.lead_time) == (memory.baseline, 240)
    assert share(SITE, found, "exam") > share(SITE, Learned(), "exam")
    assert share(SITE, found, "quiz") == share(SITE, Learned(), "quiz")


def test_a_memory_is_read_as_it_was_written():
    memory = replace(kept(look(EXAM, day=Day(hours(8), (200.0,) * 9, 12.0))), lead_time=231)
    assert from_plain(Memory, to_plain(memory)) == memory
