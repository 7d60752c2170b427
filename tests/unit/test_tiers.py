"""What the other tiers are wished to be: windows with their lead, merged where they must be, at the most's level."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firstbell.capacity.values import Peak, Plan, Step
from firstbell.loans.returning import TICK
from firstbell.loans.settings import Tier
from firstbell.loans.tiers import strongest, table, wishes
from firstbell.loans.values import Wish
from firstbell.site import AuroraTier, BalancerTier, EfsTier, Fleet, Kind, ReservationTier, Site, Tiers, WarmPoolTier

DAWN = datetime(2026, 5, 4, 0, 0, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LOG_IN, CLOSING = 25 * MINUTE, 2 * MINUTE
TIERS = Tiers(
    balancer=BalancerTier("arn:lb"),
    warm_pool=WarmPoolTier(),
    efs=EfsTier("fs-01234567"),
    aurora=AuroraTier("moodle"),
    reservation=ReservationTier("m7g.large", ("a", "b"), "arn:group"),
)
SITE = Site("campus", "UTC", Fleet("web", min_instances=2, max_instances=40), tiers=TIERS)
KINDS: list[Tier] = ["balancer", "warm_pool", "efs", "aurora", "reservation", "freeze"]


def peak(hour: float, hours: float = 2, people: int = 1000, kind: Kind = "exam", title: str = "") -> Peak:
    start = DAWN + hour * HOUR
    return Peak(start, start + hours * HOUR, people, kind, "x.ics", title or f"at {hour:g}", f"{hour} {hours} {people}")


def plan(*peaks: Peak, instances: int = 10) -> Plan:
    steps = (Step(DAWN, 2, ("",)), Step(DAWN + 8 * HOUR, instances, ("",)), Step(DAWN + 20 * HOUR, 2, ("",)))
    return Plan("campus", DAWN, DAWN + timedelta(days=14), steps, tuple(peaks))


def of(tier: Tier, *peaks: Peak, site: Site = SITE) -> list[tuple[str, str, float]]:
    """The windows of a tier: from, until (as day of the month, hour, minute), level."""
    found = [w for w in wishes(site, plan(*peaks)) if w.tier == tier]
    return list(dict.fromkeys((f"{w.start:%d %H:%M}", f"{w.end:%d %H:%M}", w.level) for w in found))


EXAM = peak(9)
WINDOWS: list[tuple[str, Tier, tuple[Peak, ...], list[tuple[str, str, float]]]] = [
    (
        "two hours before the log-in, in units for a thousand",
        "balancer",
        (peak(9, people=3000),),
        [("04 06:35", "04 11:02", 180)],
    ),
    ("AWS's least", "balancer", (EXAM,), [("04 06:35", "04 11:02", 100)]),
    ("a share of the planned instances", "warm_pool", (EXAM,), [("04 08:05", "04 11:02", 3)]),
    ("EFS for a day at least", "efs", (EXAM,), [("04 08:05", "05 08:05", 20)]),
    ("half units", "aurora", (peak(9, people=1100),), [("04 08:05", "04 11:02", 4.5)]),
    ("what is launched for it, in each zone", "reservation", (EXAM,), [("04 07:35", "04 11:02", 4)]),
    ("no lead", "freeze", (EXAM,), [("04 08:35", "04 11:02", 1)]),
    ("a small exam is frozen", "freeze", (peak(9, people=20),), [("04 08:35", "04 11:02", 1)]),
    ("and borrows nothing", "aurora", (peak(9, people=299),), []),
    ("a quiz is not frozen", "freeze", (peak(9, kind="quiz"),), []),
    ("but borrows", "aurora", (peak(9, kind="quiz"),), [("04 08:05", "04 11:02", 4)]),
    ("at once: together", "aurora", (peak(9), peak(10)), [("04 08:05", "04 12:02", 8)]),
    ("one after the other: the larger", "aurora", (peak(9), peak(11.5, people=2000)), [("04 08:05", "04 13:32", 8)]),
    (
        "a gap of more than the lead",
        "aurora",
        (peak(9), peak(12.5)),
        [("04 08:05", "04 11:02", 4), ("04 11:35", "04 14:32", 4)],
    ),
    ("the same gap is within the balancer's lead", "balancer", (peak(9), peak(12.5)), [("04 06:35", "04 14:32", 100)]),
    ("EFS takes one change of mode a day", "efs", (peak(9), peak(33)), [("04 08:05", "05 11:02", 20)]),
    (
        "EFS after two quiet days",
        "efs",
        (peak(9), peak(81)),
        [("04 08:05", "05 08:05", 20), ("07 08:05", "08 08:05", 20)],
    ),
    ("an exam of days is frozen all the time", "freeze", (peak(9, hours=33),), [("04 09:00", "05 18:00", 1)]),
    (
        "and borrows for its two rushes",
        "aurora",
        (peak(9, hours=33),),
        [("04 08:30", "04 10:00", 4), ("05 16:30", "05 18:00", 4)],
    ),
    ("nobody invited", "freeze", (peak(9, people=0),), []),
]


@pytest.mark.parametrize(("says", "tier", "peaks", "expected"), WINDOWS, ids=[c[0] for c in WINDOWS])
def test_a_tier_is_wished(
    says: str, tier: Tier, peaks: tuple[Peak, ...], expected: list[tuple[str, str, float]]
) -> None:
    assert of(tier, *peaks) == expected


def test_what_is_not_in_the_site_file_is_not_wished() -> None:
    bare = replace(SITE, tiers=Tiers(freeze=False))
    assert wishes(bare, plan(EXAM)) == ()
    assert {w.tier for w in wishes(replace(SITE, tiers=Tiers()), plan(EXAM))} == {"freeze"}


def test_the_table_has_a_line_for_each_tier_and_window() -> None:
    rows = table(wishes(SITE, plan(EXAM)))
    assert [(row.tier, row.level) for row in rows] == [
        ("balancer", "100 capacity units"),
        ("reservation", "4 instances each in a and b"),
        ("aurora", "at least 4 ACU"),
        ("warm pool", "3 instances"),
        ("efs", "20 MiB/s"),
        ("freeze", "AZRebalance and InstanceRefresh suspended"),
    ]
    assert {row.why for row in rows} == {"at 9 (1,000)"}


def test_a_reason_names_three_peaks_and_counts_the_others() -> None:
    [wish, *_] = wishes(SITE, plan(*(peak(9 + n / 10, title=f"Exam {n}") for n in range(5))))
    assert wish.reason == "Exam 0 (1,000), Exam 1 (1,000), Exam 2 (1,000) and 2 more"


PEAKS = st.lists(
    st.builds(
        peak,
        st.integers(0, 24 * 6).map(lambda n: n / 6 + 6),
        st.sampled_from([0.5, 1, 2, 3, 6, 30]),
        st.sampled_from([0, 100, 300, 900, 5000]),
        st.sampled_from(["exam", "quiz", "lecture", "deadline", "term_start"]),
    ),
    max_size=8,
    unique_by=lambda p: p.key,
)


def level(found: list[Wish], moment: datetime) -> float:
    return max((w.level for w in found if w.start <= moment < w.end), default=0.0)


@settings(deadline=None)
@given(PEAKS, st.builds(peak, st.integers(6, 30), people=st.sampled_from([300, 4000])))
def test_a_peak_more_never_lowers_anything(peaks: list[Peak], more: Peak) -> None:
    """But EFS, whose windows are cut by when AWS lets it change: there is the next test for that."""
    for tier in set(KINDS) - {"efs"}:
        without = [w for w in wishes(SITE, plan(*peaks)) if w.tier == tier]
        with_it = [w for w in wishes(SITE, plan(*peaks, more)) if w.tier == tier]
        for moment in {m for w in without for m in (w.start, w.start + (w.end - w.start) / 2, w.end - MINUTE)}:
            assert level(with_it, moment) >= level(without, moment)


NEED: dict[Tier, float] = {"balancer": 60, "efs": 20, "aurora": 4}  # for a thousand


@settings(deadline=None)
@given(PEAKS)
def test_who_sits_an_exam_finds_what_so_many_need(peaks: list[Peak]) -> None:
    found = wishes(SITE, plan(*peaks))
    for exam in peaks:
        if exam.kind == "exam" and exam.participants >= 300 and exam.end - exam.start <= 4 * HOUR:
            for tier, need in NEED.items():
                there = [w for w in found if w.tier == tier]
                assert level(there, exam.start - LOG_IN) >= need * exam.participants / 1000
                assert level(there, exam.end + CLOSING - MINUTE) >= need * exam.participants / 1000


@settings(deadline=None)
@given(PEAKS)
def test_windows_of_one_loan_are_a_tick_apart_and_have_whole_seconds(peaks: list[Peak]) -> None:
    last: dict[str, datetime] = {}
    for wish in wishes(SITE, plan(*peaks)):
        assert wish.start <= wish.rush < wish.end
        assert wish.end.microsecond == 0
        assert wish.start - TICK >= last.get(wish.key, wish.start - TICK)
        last[wish.key] = wish.end


@settings(deadline=None)
@given(PEAKS)
def test_everybody_who_sits_an_exam_does_so_while_it_is_frozen(peaks: list[Peak]) -> None:
    frozen = [w for w in wishes(SITE, plan(*peaks)) if w.tier == "freeze" and w.part == "AZRebalance"]
    for exam in peaks:
        if exam.kind == "exam" and exam.participants:
            assert any(w.start <= exam.start and exam.end <= w.end for w in frozen)


def test_a_thousand_peaks_take_no_time() -> None:
    many = plan(*(peak(9 + n / 3, hours=1.5) for n in range(1000)))
    assert len({w.key for w in wishes(SITE, many)}) == 8


def wanted(level: float, start: float, end: float, subject: str = "fs-01234567", tier: Tier = "efs") -> Wish:
    begins = DAWN + start * HOUR
    return Wish(begins, DAWN + end * HOUR, tier, "", subject, level, begins, f"{level:g}")


def test_of_several_wishes_for_a_setting_the_highest_counts_as_long_as_any_lasts():
    aurora = wanted(4, 9, 12, "moodle", "aurora")
    both = replace(wanted(40, 8, 11), reason="20; 40")
    assert strongest([wanted(20, 8, 10), wanted(40, 9, 11), aurora]) == {"efs": both, "aurora": aurora}


def test_a_wish_for_what_is_no_longer_the_site_s_is_left_out():
    assert strongest([wanted(20, 8, 10), wanted(90, 8, 12, "fs-76543210")]) == {"efs": wanted(20, 8, 10)}
