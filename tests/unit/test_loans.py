"""Loans, case by case: what is decided about one setting, and what on-call hears of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from firstbell.loans.returning import AFTER, AGAIN, BEFORE, SETTLE, decide
from firstbell.loans.settings import Tier, raised, said, text
from firstbell.loans.troubles import signals, trouble
from firstbell.loans.values import Book, Forget, Keep, Loan, Return, Save, Seen, Set, Unbook
from tests.unit.loan_world import DAY, HOUR, MINUTE, RESTING, START, SUBJECT, World, raised_pool, wish

END = START + 2 * HOUR
EXAM = wish("balancer", START, END, 200)
EFS = wish("efs", START, END, 40)
LONG_AGO = START - timedelta(days=3)


def lent(tier: Tier = "balancer", level: float = 200, **fields: object) -> Loan:
    """A loan that began at START and ends at END."""
    before = RESTING[tier]
    loan = Loan(tier, "", SUBJECT, before, (raised(tier, before, level),), END, END, START, START)
    return replace(loan, **fields)


def steps(change: object) -> list[str]:
    return [type(step).__name__ for step in getattr(change, "steps", ())]


def there(loan: Loan, **fields: object) -> Seen:
    """The loan's setting is raised, and its return is booked for its end."""
    return replace(Seen(loan.lent[-1], loan.end), **fields)


# ---------------------------------------------------------------- beginning

BEGIN = [
    ("a wish is recorded, booked and raised, in this order", EXAM, Seen(text(0)), ["Save", "Book", "Set"]),
    ("what is high enough already is no loan", EXAM, Seen(text(500)), []),
    ("what AWS is just changing waits for the next tick", EXAM, Seen(text(0), busy=True), []),
    ("the last minutes of a peak are not worth a loan", replace(EXAM, end=START + 4 * MINUTE), Seen(text(0)), []),
    ("an elastic file system needs none", EFS, Seen(text({"ThroughputMode": "elastic"})), []),
    ("a process that somebody suspended is no loan", wish("freeze", START, END, 1), Seen(text(True)), []),
]


@pytest.mark.parametrize(("says", "wanted", "seen", "expected"), BEGIN, ids=[c[0] for c in BEGIN])
def test_a_loan_begins(says, wanted, seen, expected):
    assert steps(decide(wanted, None, seen, START)) == expected


@pytest.mark.parametrize(
    ("says", "wanted", "seen", "end"),
    [
        ("ends with the peak", EXAM, Seen(text(0)), END),
        ("of EFS ends when AWS allows it", EFS, Seen(RESTING["efs"]), START + DAY),
        ("ends a day later with no decrease left", EXAM, Seen(text(0), exhausted=True), START + DAY),
    ],
    ids=lambda c: c if isinstance(c, str) else "",
)
def test_its_return_is_booked_for_when_it_is_possible(says, wanted, seen, end: datetime):
    change = decide(wanted, None, seen, START)
    assert change is not None
    [booking] = [step.loan for step in change.steps if isinstance(step, Book)]
    assert (booking.end, booking.due, booking.owner) == (end, END, "plan")
    assert "an exam" in change.reason


def test_what_begins_before_the_next_tick_begins_now():
    world = World("balancer", text(0), now=START - 15 * MINUTE)
    world.tick([EXAM])
    assert world.value == text(200)
    early = World("balancer", text(0), now=START - 16 * MINUTE)
    assert early.tick([EXAM]) is None


# ---------------------------------------------------------------- while it lasts

BIGGER, LONGER = replace(EXAM, level=300), replace(EXAM, end=END + HOUR)
LATER = START + 15 * MINUTE
KEEP = [
    ("all is well", EXAM, lent(), there(lent()), []),
    ("a longer peak moves the booking", LONGER, lent(), there(lent()), ["Save", "Book"]),
    ("a shorter one too", replace(EXAM, end=END - HOUR), lent(), there(lent()), ["Save", "Book"]),
    ("more is booked before it is raised", BIGGER, lent(), there(lent()), ["Save", "Set"]),
    ("less is not lowered", replace(EXAM, level=150), lent(), there(lent()), []),
    ("a reset by a deploy is raised again", EXAM, lent(), Seen(text(0), END), ["Save", "Set"]),
    ("killed before it was booked", EXAM, lent(), Seen(text(0)), ["Save", "Book", "Set"]),
    ("a booking that somebody deleted", EXAM, lent(), there(lent(), booked=None), ["Save", "Book"]),
    (
        "raised further, and killed before it was",
        BIGGER,
        lent(lent=(text(200), text(300))),
        there(lent()),
        ["Save", "Set"],
    ),
    ("not raised while AWS is changing it", BIGGER, lent(), there(lent(), busy=True), ["Save"]),
    ("there, but not in effect", EXAM, lent(), there(lent(), lacking=True), ["Save", "Set"]),
    ("changed by somebody: unbooked and left", EXAM, lent(), there(lent(), value=text(250)), ["Save", "Unbook"]),
    ("left, and still booked", EXAM, lent(left=True), there(lent(), value=text(250)), ["Save", "Unbook"]),
    ("left, whatever it is", EXAM, lent(left=True), Seen(text(0)), []),
    ("EFS a tick later", EFS, lent("efs", 40, end=START + DAY), there(lent("efs", 40, end=START + DAY)), []),
    (
        "EFS, raised again, is held for a day more",
        EFS,
        lent("efs", 40),
        Seen(RESTING["efs"], END),
        ["Save", "Book", "Set"],
    ),
]


@pytest.mark.parametrize(("says", "wanted", "loan", "seen", "expected"), KEEP, ids=[c[0] for c in KEEP])
def test_a_loan_goes_on(says, wanted, loan, seen, expected):
    change = decide(wanted, loan, seen, LATER)
    assert steps(change) == expected
    assert change is None or isinstance(change, Keep)


def test_what_we_may_have_set_is_remembered_so_that_it_is_not_taken_for_somebody_else_s():
    change = decide(BIGGER, lent(), there(lent()), LATER)
    assert change is not None
    assert change.loan.lent == (text(200), text(300))
    again = decide(BIGGER, change.loan, there(lent()), LATER + 15 * MINUTE)  # killed before it was raised
    assert again is not None
    assert again.steps[-1] == Set(again.loan, text(300))


# ---------------------------------------------------------------- its end

OVER = END + AFTER
EFS_LENT = lent("efs", 40, end=START + DAY)
ENDING = [
    ("vanished: returned at once", EXAM.start + HOUR, lent(), there(lent()), ["Save", "Set"]),
    ("vanished, where it was never booked nor raised", LATER, lent(), Seen(text(0)), ["Save", "Unbook", "Forget"]),
    ("vanished a moment ago, and what was raised is not seen yet", START + MINUTE, lent(), Seen(text(0), END), []),
    (
        "vanished, and the setting stands for another load balancer",
        LATER,
        lent(subject="old"),
        there(lent()),
        ["Save", "Set"],
    ),
    ("AWS has returned it", OVER, lent(), Seen(text(0)), ["Save", "Unbook", "Forget"]),
    ("AWS is about to", END - BEFORE, lent(), there(lent()), []),
    ("AWS is about it", END + AFTER - MINUTE, lent(), there(lent()), []),
    ("AWS did not, and forgot it", END + MINUTE, lent(), there(lent(), booked=None), ["Save", "Book", "Set"]),
    ("AWS did not: booked again first, should we fail too", OVER, lent(), there(lent()), ["Save", "Book", "Set"]),
    ("vanished, and EFS allows it tomorrow", LATER, EFS_LENT, there(EFS_LENT), []),
    ("vanished before the day was over", LATER, replace(EFS_LENT, end=START + 3 * DAY), there(EFS_LENT), ["Save"]),
    ("no decrease left", LATER, lent(), there(lent(), exhausted=True), ["Save", "Book"]),
    ("AWS is changing it, and its booking comes", LATER, lent(), there(lent(), busy=True), []),
    ("AWS is changing it, and its booking has passed", OVER, lent(), there(lent(), busy=True), ["Save", "Book"]),
    ("somebody changed it", LATER, lent(), there(lent(), value=text(250)), ["Save", "Unbook", "Forget"]),
    ("somebody had changed it", OVER, lent(left=True), Seen(text(200)), ["Save", "Unbook", "Forget"]),
]


@pytest.mark.parametrize(("says", "now", "loan", "seen", "expected"), ENDING, ids=[c[0] for c in ENDING])
def test_a_loan_ends(says, now, loan, seen, expected):
    change = decide(None, loan, seen, now)
    assert steps(change) == expected
    assert change is None or isinstance(change, Return)


def test_a_loan_of_something_else_is_returned_before_the_new_one_begins():
    loan = lent(subject="the old balancer")
    change = decide(EXAM, loan, there(loan), LATER)
    assert isinstance(change, Return)
    assert change.steps == (Save(loan), Set(loan, text(0)))


def test_a_reservation_ends_by_itself_and_is_not_extended_to_be_ended():
    loan = lent("reservation", 3)
    assert steps(decide(None, loan, there(loan), OVER)) == ["Save", "Set"]


def test_when_our_return_fails_too_aws_tries_again_in_an_hour():
    world = World("balancer", text(200), now=OVER, record=lent())
    world.tick([], steps=2)  # killed, or refused, at the return itself
    world.later(days=1)
    assert (world.value, world.wrong) == (text(0), [])
    assert world.record is not None
    assert world.record.end == OVER + AGAIN


def test_all_that_is_borrowed_is_given_back_in_one_quiet_day():
    world = World("warm_pool", RESTING["warm_pool"])
    wanted = [wish("warm_pool", START + HOUR, START + 3 * HOUR, 3)]
    seen = []
    for _ in range(4 * 24):
        world.tick(wanted)
        seen.append(world.value)
        world.later(minutes=15)
    assert seen[0] == seen[-1] == text(None)
    assert raised_pool(3) in seen
    assert (world.record, world.booking, world.wrong) == (None, None, [])


# ---------------------------------------------------------------- settings

RAISED = [
    ("units", "balancer", text(0), 150.2, text(151)),
    ("never fewer than before", "balancer", text(400), 150, text(400)),
    (
        "from bursting",
        "efs",
        RESTING["efs"],
        60,
        text({"ThroughputMode": "provisioned", "ProvisionedThroughputInMibps": 60.0}),
    ),
    ("in half steps", "aurora", RESTING["aurora"], 3.2, text({"MinCapacity": 3.5, "MaxCapacity": 16.0})),
    ("at most the maximum", "aurora", RESTING["aurora"], 64, text({"MinCapacity": 16.0, "MaxCapacity": 16.0})),
    (
        "from a pause, which has no seconds above zero",
        "aurora",
        text({"MinCapacity": 0.0, "MaxCapacity": 16.0, "SecondsUntilAutoPause": 600}),
        2,
        text({"MinCapacity": 2.0, "MaxCapacity": 16.0}),
    ),
    ("a pool of its own", "warm_pool", text(None), 3, raised_pool(3)),
    ("a larger pool", "warm_pool", raised_pool(2), 5, raised_pool(5)),
    ("a pool that is large enough", "warm_pool", raised_pool(7), 5, raised_pool(7)),
]


@pytest.mark.parametrize(("says", "tier", "value", "level", "expected"), RAISED, ids=[c[0] for c in RAISED])
def test_a_setting_is_raised(says, tier: Tier, value, level, expected):
    assert raised(tier, value, level) == expected
    assert raised(tier, expected, level) == expected
    assert said(tier, "", expected)


# ---------------------------------------------------------------- what on-call hears

PRESSING = EXAM.rush - 15 * MINUTE
TROUBLES = [
    ("all is well", EXAM, lent(), there(lent()), LATER, None),
    ("asked for a moment ago", EXAM, lent(), Seen(text(0), END), START + SETTLE - MINUTE, None),
    ("asked for, and not there", EXAM, lent(), Seen(text(0), END), LATER, "loan-not-raised"),
    ("asked for, and there is time", replace(EXAM, rush=END), lent(), Seen(text(0), END), LATER, None),
    ("still being provisioned when people come", EXAM, lent(), there(lent(), busy=True), LATER, "loan-not-raised"),
    ("there, but not in effect", EXAM, lent(), there(lent(), lacking=True), LATER, "loan-not-raised"),
    ("AWS takes no request", EXAM, None, Seen(text(0), busy=True), LATER, "loan-not-raised"),
    ("borrowed late", EXAM, None, Seen(text(0)), LATER, None),
    ("nothing to borrow", EXAM, None, Seen(text(900)), LATER, None),
    ("changed by somebody", EXAM, lent(), there(lent(), value=text(250)), LATER, "loan-changed"),
    ("left to somebody", EXAM, lent(left=True), Seen(text(250)), LATER, "loan-changed"),
    ("left to somebody, and over", None, lent(left=True), Seen(text(250)), OVER, None),
    ("being returned", None, lent(), there(lent()), LATER, None),
    ("AWS is about to return it", None, lent(), there(lent()), END, None),
    ("returned", None, lent(), Seen(text(0)), OVER, None),
    ("held by EFS", None, EFS_LENT, there(EFS_LENT), LATER, "loan-not-returned"),
    ("held by the day's limit", None, lent(), there(lent(), exhausted=True), LATER, "loan-not-returned"),
    ("overdue", None, lent(), there(lent(), booked=None), END + AGAIN, "loan-not-returned"),
]


@pytest.mark.parametrize(("says", "wanted", "loan", "seen", "now", "expected"), TROUBLES, ids=[c[0] for c in TROUBLES])
def test_on_call_hears_of(says, wanted, loan, seen, now, expected):
    found = trouble(wanted, loan, seen, decide(wanted, loan, seen, now), now)
    assert (found.complaint.key if found else None) == expected
    for signal in signals("campus", [found] if found else [], now):
        assert signal.severity == ("page" if expected == "loan-not-raised" else "ticket")
        assert (signal.key, signal.runbook) == (expected, expected)
        assert signal.evidence[0].startswith(f"{loan.key if loan else 'balancer'} of {SUBJECT}: ")


def test_several_settings_with_the_same_trouble_are_one_incident():
    loans = [lent(), lent("aurora", 4)]
    found = [trouble(replace(EXAM, tier=x.tier, level=2), x, Seen(x.before, END), None, LATER) for x in loans]
    [signal] = signals("campus", [one for one in found if one], LATER)
    assert len(signal.evidence) == 2


def test_every_step_says_which_loan_it_is_of():
    loan = lent()
    assert {step.loan.key for step in (Save(loan), Book(loan), Set(loan, ""), Unbook(loan), Forget(loan))} == {
        "balancer"
    }
    assert replace(loan, part="b").key == "balancer#b"
