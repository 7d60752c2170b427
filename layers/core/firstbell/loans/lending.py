"""Lends: reads records, settings and bookings, and carries out what was decided, step by step.

A site without loans and without a wish for now costs one query of the table; a tier is asked about while it has one.
"""

import json
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from firstbell.aws import autoscaling, balancer, clients, filesystem, rds, reservations, scheduler
from firstbell.aws.table import Stored, Table
from firstbell.capacity.values import Plan
from firstbell.environment import Environment
from firstbell.loans import tiers, troubles
from firstbell.loans.returning import current, decide
from firstbell.loans.settings import call, text
from firstbell.loans.values import Ask, Book, Change, Forget, Loan, Save, Seen, Set, Step, Unbook, Wish
from firstbell.oncall.signal import Signal
from firstbell.plain import from_plain, to_plain
from firstbell.site import Site

LOAN, ASKED = "LOAN#", "LOAN-ASKED#"  # one query finds both


@dataclass(frozen=True, slots=True)
class Unseen:
    """A setting that could not be read: nothing was decided about it. Applying it raises what AWS said."""

    subject: str
    error: Exception
    reason: str = "its setting or its booking cannot be read: nothing is changed"


class TakenError(Exception):
    """Another run changes the same loan; what this one decided may be out of date, and is not done."""


def changes(
    site: Site,
    plan: Plan | None,
    table: Table,
    environment: Environment,
    now: datetime,
    only: Container[str] | None = None,
) -> list[Change | Unseen | Signal]:
    """What is to be borrowed, kept and returned for `plan` and what else is asked for, and what on-call should hear.

    Nothing without a plan. `only`: the keys of the loans to look at, all of them where it is not given.
    """
    if plan is None:
        return []
    stored = table.query(f"SITE#{site.name}", "LOAN")
    loans = {loan.key: loan for loan in _loans(stored)}
    wished = [*tiers.wishes(site, plan), *_asked(stored)]
    wishes = tiers.strongest(wish for wish in wished if current(wish, now))
    decided: list[Change | Unseen | Signal] = []
    said = []
    for key in sorted(loans.keys() | wishes.keys()):
        if only is not None and key not in only:
            continue
        loan, wish = loans.get(key), wishes.get(key)
        try:
            seen = _look(site.name, loan or wishes[key], environment)
        except Exception as error:  # noqa: BLE001 - raised when it is applied, so that it stops no other tier
            decided.append(Unseen(key, error))
            continue
        change = decide(wish, loan, seen, now)
        decided += [change] if change else []
        trouble = troubles.trouble(wish, loan, seen, change, now)
        said += [trouble] if trouble else []
    return decided + troubles.signals(site.name, said, now)


def checked(found: Iterable[Change | Unseen | Signal]) -> frozenset[str]:
    """The keys of the incidents that the run which `found` these can say are over, where it does not raise them."""
    return frozenset() if any(isinstance(one, Unseen) for one in found) else troubles.KEYS


def asked(table: Table, site: str, now: datetime) -> tuple[Wish, ...]:
    """The wishes for now that others than the plan have."""
    return tuple(wish for wish in _asked(table.query(f"SITE#{site}", ASKED)) if current(wish, now))


def ask(table: Table, site: str, what: Ask) -> None:
    """Keep a wish; a later one for the same setting takes its place."""
    table.put(f"SITE#{site}", ASKED + what.wish.key, to_plain(what.wish), what.wish.end + timedelta(days=1))


def _loans(found: Iterable[Stored]) -> list[Loan]:
    own = (stored for stored in found if stored.sk.startswith(LOAN))
    return [replace(from_plain(Loan, stored.data), version=stored.version) for stored in own]


def _asked(found: Iterable[Stored]) -> list[Wish]:
    return [from_plain(Wish, stored.data) for stored in found if stored.sk.startswith(ASKED)]


def _look(site: str, of: Loan | Wish, environment: Environment) -> Seen:
    """The present setting; whether its return is booked is only asked if it can be."""
    if of.tier == "reservation":
        return _reserved(site, of)
    at = scheduler.booked(environment.schedule_group, _booking(site, of)) if isinstance(of, Loan) else None
    match of.tier:
        case "freeze":
            return Seen(text(of.part in autoscaling.group(of.subject).suspended), at)
        case "balancer":
            found = balancer.reserved_capacity(of.subject)
            return Seen(text(found.units), at, busy=found.pending, exhausted=found.decreases_left < 1)
        case "warm_pool":
            pool, leaving = autoscaling.warm_pool(of.subject)
            return Seen(text(pool), at, busy=leaving)
        case "efs":
            throughput, free = filesystem.throughput(of.subject)
            return Seen(text(throughput), at, busy=not free)
        case "aurora":
            scaling, free = rds.capacity_range(of.subject)
            return Seen(text(scaling), at, busy=not free)
        case _:
            assert_never(of.tier)


def _reserved(site: str, of: Loan | Wish) -> Seen:
    found = reservations.find(site, of.part)
    if found is None:
        return Seen(text(0))
    lacking = not reservations.in_effect(found, _capacity(of).group)
    return Seen(text(found.count), found.end, lacking=lacking)


def _capacity(of: Loan | Wish) -> reservations.Capacity:
    return reservations.Capacity(**json.loads(of.subject))


def _booking(site: str, of: Loan | Wish) -> str:
    """The name of the booking: at most 64 letters, digits, dots, dashes and underscores."""
    return f"{site}.{of.key.replace('#', '.')}"


def applier(table: Table, site: str, environment: Environment) -> Callable[[Change | Unseen], None]:
    """What carries out one change of the site called `site`; a step that fails ends the change."""

    def apply(change: Change | Unseen) -> None:
        if isinstance(change, Unseen):
            raise change.error
        for step in change.steps:
            _do(step, table, site, environment)

    return apply


def _do(step: Step, table: Table, site: str, environment: Environment) -> None:
    loan, pk = step.loan, f"SITE#{site}"
    match step:
        case Save():
            if not table.replace(pk, LOAN + loan.key, to_plain(loan), loan.version):
                raise TakenError(f"another run has just changed the loan {loan.key}: the next one sees what came of it")
        case Forget():
            table.delete(pk, LOAN + loan.key)
        case Book() | Set() | Unbook() if loan.tier == "reservation":
            _reserve(step, site)
        case Book():
            at_end = call(loan.tier, loan.part, loan.subject, loan.before)
            office = scheduler.Office(environment.schedule_group, environment.returns_role, environment.dead_letters)
            given = json.loads(at_end.parameters)
            scheduler.book(office, _booking(site, loan), loan.end, at_end.service, at_end.operation, given)
        case Set(value=value):
            now = call(loan.tier, loan.part, loan.subject, value)
            clients.call(now.service, now.operation, json.loads(now.parameters))
        case Unbook():
            scheduler.unbook(environment.schedule_group, _booking(site, loan))
        case _:
            assert_never(step)


def _reserve(step: Book | Set | Unbook, site: str) -> None:
    """The same for a capacity reservation, whose own end is the booking."""
    loan = step.loan
    match step:
        case Book():
            reservations.extend(site, loan.part, loan.end)
        case Set(value=value) if count := int(value):
            reservations.reserve(site, loan.part, _capacity(loan), count, loan.end, loan.since)
        case Set():
            reservations.cancel(site, loan.part)
        case Unbook():
            return
        case _:
            assert_never(step)
