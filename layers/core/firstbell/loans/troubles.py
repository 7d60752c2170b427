"""What on-call hears of loans: one not raised in time, one that cannot be returned, one that somebody changed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from firstbell.capacity.complaints import Complaint
from firstbell.loans.returning import AFTER, AGAIN, BEFORE, SETTLE, TICK
from firstbell.loans.settings import raised, said
from firstbell.loans.values import Change, Loan, Seen, Set, Wish
from firstbell.oncall.signal import Signal

NOT_RAISED = Complaint(
    "loan-not-raised",
    "A setting is not raised for a peak",
    "It was asked for, and AWS does not show it so, shortly before people come or while they are there.",
)
NOT_RETURNED = Complaint(
    "loan-not-returned",
    "A setting that was raised for a peak is not returned yet",
    "The peak is over or no longer planned. It costs money until it is returned.",
)
CHANGED = Complaint(
    "loan-changed",
    "Somebody changed a setting that was raised for a peak",
    "It is left alone from now on, and not returned either.",
)
KEYS = frozenset({NOT_RAISED.key, NOT_RETURNED.key, CHANGED.key})


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with one setting, and with which evidence."""

    complaint: Complaint
    evidence: str


def trouble(wish: Wish | None, loan: Loan | None, seen: Seen, change: Change | None, now: datetime) -> Trouble | None:
    """What is wrong, if anything; `wish` is the current one and `change` what was decided."""
    if loan is not None and (loan.left or (change is not None and change.loan.left)):
        return Trouble(CHANGED, _at(loan, seen)) if wish else None
    if loan is None and change is not None:  # it is being borrowed, late perhaps
        return None
    if wish is not None and (loan is None or loan.subject == wish.subject):
        return Trouble(NOT_RAISED, f"{_at(wish, seen)}: {wish.reason}") if _late(wish, loan, seen, now) else None
    if loan is not None and seen.value != loan.before and seen.value in loan.lent:
        return Trouble(NOT_RETURNED, _kept(loan, seen)) if _held(loan, seen, change, now) else None
    return None


def _late(wish: Wish, loan: Loan | None, seen: Seen, now: datetime) -> bool:
    before = loan.lent[-1] if loan else seen.value
    done = raised(wish.tier, before, wish.level) == seen.value and not seen.lacking and not (loan and seen.busy)
    asked = loan.opened if loan else wish.start
    return not done and now >= asked + SETTLE and now + TICK >= wish.rush


def _held(loan: Loan, seen: Seen, change: Change | None, now: datetime) -> bool:
    """Whether the return is not being made now, neither by us nor by AWS, or has failed before."""
    returning = change is not None and any(isinstance(step, Set) for step in change.steps)
    by_aws = seen.booked == loan.end and loan.end - BEFORE <= now < loan.end + AFTER
    return not by_aws and (not returning or now >= loan.due + AGAIN)


def _at(of: Wish | Loan, seen: Seen) -> str:
    return (
        f"{of.key} of {of.subject}: {said(of.tier, of.part, seen.value)}{', AWS is changing it' if seen.busy else ''}"
    )


def _kept(loan: Loan, seen: Seen) -> str:
    return f"{_at(loan, seen)}; it was {said(loan.tier, loan.part, loan.before)}"


def signals(site: str, found: Iterable[Trouble], now: datetime) -> list[Signal]:
    """One signal for each kind of trouble: a page where students may notice, a ticket where only money is at stake."""
    evidence: dict[Complaint, list[str]] = {}
    for one in found:
        evidence.setdefault(one.complaint, []).append(one.evidence)
    return [
        replace(complaint.signal(site, tuple(said[:20]), now), severity="page" if complaint is NOT_RAISED else "ticket")
        for complaint, said in evidence.items()
    ]
