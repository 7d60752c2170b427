"""Decides on a loan from what is wished, recorded and seen; deciding again on what came of it changes nothing. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from firstbell.loans.settings import Tier, raised, said
from firstbell.loans.values import (
    Book,
    Borrow,
    Change,
    Forget,
    Keep,
    Loan,
    Return,
    Save,
    Seen,
    Set,
    Step,
    Unbook,
    Wish,
)

TICK = timedelta(minutes=15)  # between two runs of the planner: what begins before the next one begins now
SHORTEST = timedelta(minutes=5)  # a loan for less is not worth its calls
SETTLE = timedelta(minutes=10)  # until what was set is surely seen: descriptions lag behind changes
BEFORE, AFTER = timedelta(minutes=2), timedelta(minutes=6)  # around its time, a return is left to AWS's booking
AGAIN = timedelta(hours=1)  # when AWS tries again what could not be returned in time
DAY = timedelta(hours=24)


def current(wish: Wish, now: datetime) -> bool:
    """Whether `wish` is to be fulfilled now: it begins before the next tick, and is not over."""
    return wish.start - TICK <= now < wish.end


def decide(wish: Wish | None, loan: Loan | None, seen: Seen, now: datetime) -> Change | None:
    """What to do about one setting: `wish` is the current one, if any, `seen` of the loan's subject or the wish's."""
    if loan is None:
        return _borrow(wish, seen, now) if wish else None
    if wish is None or wish.subject != loan.subject:
        return _return(loan, seen, now)
    return _let_go(loan, seen) or (None if loan.left else _keep(wish, loan, seen, now))


def _hold(tier: Tier, seen: Seen) -> timedelta:
    """How long after a raise AWS allows no decrease.

    EFS: 24 hours (EFS guide, managing throughput). A balancer: two decreases a day (ALB guide, LCU reservations).
    """
    return DAY if tier == "efs" or seen.exhausted else timedelta(0)


def _borrow(wish: Wish, seen: Seen, now: datetime) -> Change | None:
    target = raised(wish.tier, seen.value, wish.level)
    if seen.busy or target == seen.value or wish.end - now < SHORTEST:
        return None
    end = max(wish.end, now + _hold(wish.tier, seen))
    loan = Loan(wish.tier, wish.part, wish.subject, seen.value, (target,), wish.end, end, now, now)
    reason = f"{_from_to(loan, seen.value, target)} until {_time(end)}: {wish.reason}"
    return Borrow(loan, (Save(loan), Book(loan), Set(loan, target)), reason)


def _keeping(loan: Loan, reason: str, *steps: Step) -> Keep:
    return Keep(loan, (Save(loan), *steps), reason)


def _returning(loan: Loan, reason: str, *steps: Step) -> Return:
    return Return(loan, (Save(loan), *steps), reason)


def _let_go(loan: Loan, seen: Seen) -> Change | None:
    """Leave a setting alone that somebody changed, and take the booking away that would undo what they did."""
    if loan.left:
        again = "the booking is removed from what somebody changed"
        return _keeping(loan, again, Unbook(loan)) if seen.booked else None
    if not _changed(loan, seen):
        return None
    left = replace(loan, left=True)
    return _keeping(left, f"somebody changed it: {_is(loan, seen)}, and is left alone", Unbook(left))


def _keep(wish: Wish, loan: Loan, seen: Seen, now: datetime) -> Change | None:
    """Raise the setting if it is not, or not enough; a loan is never lowered while it lasts."""
    target = raised(loan.tier, loan.lent[-1], wish.level)
    sets = (seen.value != target or seen.lacking) and not seen.busy and wish.end - now >= SHORTEST
    since = now if sets else loan.since
    lent = loan.lent if target == loan.lent[-1] else (*loan.lent, target)
    end = max(wish.end, since + _hold(loan.tier, seen))
    kept = replace(loan, lent=lent, due=wish.end, end=end, since=since)
    if kept == loan and seen.booked == end and not sets:
        return None
    steps = ((Book(kept),) if seen.booked != end else ()) + ((Set(kept, target),) if sets else ())
    what = _from_to(loan, seen.value, target) if sets else _is(loan, seen)
    return _keeping(kept, f"{what} until {_time(end)}: {wish.reason}", *steps)


def _return(loan: Loan, seen: Seen, now: datetime) -> Change | None:
    gone = (Unbook(loan), Forget(loan))
    if loan.left:
        return _returning(loan, "the peak is over; somebody had changed it, and it stays theirs", *gone)
    if seen.value == loan.before:
        if seen.booked and now < loan.since + SETTLE:  # raised a moment ago, and perhaps not seen yet
            return None
        return _returning(loan, f"returned: {_is(loan, seen)}, as before the peak", *gone)
    if _changed(loan, seen):
        return _returning(loan, f"the peak is over; somebody changed it: {_is(loan, seen)}, and is left alone", *gone)
    if seen.booked == loan.end and loan.end - BEFORE <= now < loan.end + AFTER:
        return None
    allowed = loan.since + _hold(loan.tier, seen)
    if allowed > now:
        return _later(loan, seen, allowed, "AWS allows no decrease before")
    if seen.busy:
        coming = loan.end > now + BEFORE
        return _later(loan, seen, loan.end if coming else now + AGAIN, "AWS is still changing it; booked for")
    back = f"{_from_to(loan, seen.value, loan.before)}: the peak is over or no longer planned"
    if loan.end > now or loan.tier == "reservation":  # forgotten once it is seen returned
        return _returning(loan, back, Set(loan, loan.before))
    again = replace(loan, end=now + AGAIN)  # should this return fail, AWS makes it in an hour
    return _returning(again, back, Book(again), Set(again, loan.before))


def _later(loan: Loan, seen: Seen, end: datetime, why: str) -> Change | None:
    moved = replace(loan, end=end)
    if moved == loan and seen.booked == end:
        return None
    return _returning(moved, f"{_is(loan, seen)}: {why} {_time(end)}", *((Book(moved),) if seen.booked != end else ()))


def _changed(loan: Loan, seen: Seen) -> bool:
    return not seen.busy and seen.value not in (loan.before, *loan.lent)


def _is(loan: Loan, seen: Seen) -> str:
    return said(loan.tier, loan.part, seen.value)


def _from_to(loan: Loan, old: str, new: str) -> str:
    return f"from {said(loan.tier, loan.part, old)} to {said(loan.tier, loan.part, new)}"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
