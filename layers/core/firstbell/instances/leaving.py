"""Observes a group for release: who is in the terminate hook, what each still works on, and whom EC2 takes back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from firstbell.aws import autoscaling, balancer, spot
from firstbell.aws.table import Table
from firstbell.capacity.keeping import plan_of
from firstbell.events import Hint
from firstbell.fleet import POOL_LAUNCH_WAIT, POOL_TERMINATE_WAIT, TERMINATE_WAIT, Group, Instance
from firstbell.instances.answers import answers
from firstbell.instances.holding import TERMINATING
from firstbell.instances.keeping import PREFIX as SERVED
from firstbell.instances.keeping import Records, open_incidents
from firstbell.instances.records import CLAIMED, Record, learn_leaving
from firstbell.instances.release import GONE, Leaving, Scene
from firstbell.instances.waits import SETTLING, begin
from firstbell.plain import from_plain
from firstbell.readiness.freezing import exam_on
from firstbell.site import Site

PREFIX = "LEAVING#"
UNTOLD = "unknown"  # a state that AWS does not tell: perhaps it is still registered
ENDED_EVERY = 5  # minutes: nobody leaves, but an incident may be over


def look(table: Table, site: Site, hints: Sequence[Hint], now: datetime) -> tuple[Scene, Records, Records]:
    """Everything that leaves or is about to, and the records of those that have served and of those that leave.

    With nobody leaving it is one call, two for a group with a warm pool.
    """
    group = autoscaling.group(site.fleet.auto_scaling_group)
    served, left = Records(table, site.name, now), Records(table, site.name, now, PREFIX)
    codes, waiting = _taken_back(group, hints), _in_hook(table, site, group)
    if codes:
        served = Records.of(table, site.name, now)
    if waiting:
        left = Records.of(table, site.name, now, PREFIX)
    left.asked(partial(begin, group.name, waiting, left, TERMINATING), None)  # also remembers that nobody waits
    if not codes and not waiting:
        told = now.minute % ENDED_EVERY == 0
        return Scene(site, now, group, raised=open_incidents(table, site.name) if told else frozenset()), served, left
    exam = exam_on(site, plan_of(table, site.name), now)
    taken = tuple((i, code) for i, code in sorted(codes.items()) if _serves(served, i))
    raised, named = open_incidents(table, site.name), exam.named if exam else ""
    return Scene(site, now, group, _leaving(group, waiting, left), taken, named, raised), served, left


def _taken_back(group: Group, hints: Sequence[Hint]) -> dict[str, str]:
    """The instances in service that an event names and that EC2, asked itself, is taking back."""
    named = {h.instance for h in hints if h.why == "interruption"}
    serving = [i.id for i in group.in_service if i.id in named]
    return spot.taken_back(serving) if serving else {}


def _serves(records: Records, instance: str) -> bool:
    """Whether no other look has just terminated it, though AWS still shows it in service; it has a record then."""
    known = records.get(instance)
    if known is None:
        return records.save(Record(instance, records.now, phase="serving"))
    return known.phase != "ended" or records.now - (known.ended_at or known.since) >= SETTLING


def _in_hook(table: Table, site: Site, group: Group) -> list[Instance]:
    """The instances in their terminate hook.

    One that scales in to the warm pool waits in the state of one that is launched into it ("Use lifecycle hooks with a
    warm pool", Auto Scaling user guide); it is told from that by having served.
    """
    pool = autoscaling.pooled_instances(group.name) if group.pooled else ()
    going = [i for i in pool if i.state == POOL_TERMINATE_WAIT]
    back = [i for i in pool if i.state == POOL_LAUNCH_WAIT and _has_served(table, site, i.id)]
    return [*group.in_state(TERMINATE_WAIT), *going, *back]


def _has_served(table: Table, site: Site, instance: str) -> bool:
    stored = table.get(f"SITE#{site.name}", SERVED + instance)
    record = from_plain(Record, stored.data) if stored else None
    return bool(record and record.phase == "serving" and not record.pooled)


def _leaving(group: Group, waiting: Sequence[Instance], records: Records) -> tuple[Leaving, ...]:
    """What is known of each; those that another look is at right now are left to it."""
    arns = group.target_groups if waiting else ()
    targets = {arn: records.asked(partial(balancer.target_states, arn), None) for arn in arns}
    known = {i: r for i in waiting if (r := records.get(i.id)) and r.phase != "ended"}
    answered = answers({r.command for r in known.values()} - {"", CLAIMED}, records)
    found = []
    for instance, record in known.items():
        answer = answered.get(record.command, {}).get(instance.id)
        new = learn_leaving(record, answer.status if answer else "", answer.output if answer else "", records.now)
        states = tuple((arn, UNTOLD if of is None else of.get(instance.id, GONE)) for arn, of in targets.items())
        it = Leaving(new.waiting(instance, TERMINATING), states, new)
        if not it.registered:  # AWS has taken it out
            it = replace(it, record=replace(new, draining_since=new.draining_since or records.now))
        if records.save(it.record):
            found.append(it)
    return tuple(found)
