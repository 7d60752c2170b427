"""Observes a group for admission and patrol: AWS's present state and what is remembered, as values to decide on."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from firstbell.aws import autoscaling, commands
from firstbell.aws.table import Table
from firstbell.events import Hint
from firstbell.fleet import LAUNCH_WAIT
from firstbell.instances.admission import Candidate, Scene
from firstbell.instances.holding import LAUNCHING
from firstbell.instances.keeping import PREFIX, Records, open_incidents
from firstbell.instances.patrol import Beat
from firstbell.instances.records import CLAIMED, Phase, Record, learn
from firstbell.instances.waits import begin
from firstbell.site import Site

LAUNCH_WAITS = frozenset({LAUNCH_WAIT, "Warmed:Pending:Wait"})  # the hook fires on the way into a warm pool, too


def concerns(table: Table, site: Site, hint: Hint | None, phase: Phase) -> bool:
    """Whether a hint is worth a look: an event of a probe is, when it is of an instance in that phase."""
    if hint is None or hint.why != "command" or not hint.instance:
        return True
    stored = table.get(f"SITE#{site.name}", PREFIX + hint.instance)
    return stored is not None and stored.data.get("phase") == phase


def launching(table: Table, site: Site, now: datetime) -> tuple[Scene, Records] | None:
    """The instances in their launch hook; None, after a single API call, if there are none."""
    group = autoscaling.group(site.fleet.auto_scaling_group)
    waiting = [i for i in group.instances if i.state in LAUNCH_WAITS]
    if not waiting:
        return None
    records = Records.of(table, site.name, now)
    begin(group.name, waiting, records, LAUNCHING)
    admitted = _with_results([r for i in waiting if (r := records.get(i.id)) and r.phase == "admission"], records)
    online = commands.online([r.instance for r in admitted if not r.command and not r.healthy])
    by_id = {i.id: i for i in waiting}
    candidates = tuple(Candidate(r.waiting(by_id[r.instance], LAUNCHING), r.instance in online, r) for r in admitted)
    return Scene(site, now, candidates, records.all, open_incidents(table, site.name)), records


def serving(table: Table, site: Site, now: datetime) -> tuple[Beat, Records]:
    """The instances in service and what their last probes said."""
    group = autoscaling.group(site.fleet.auto_scaling_group)
    records = Records.of(table, site.name, now)
    ids = [i.id for i in group.in_service]
    for instance in ids:
        known = records.get(instance)
        if known is None:
            records.save(Record(instance, now, phase="serving"))
        elif known.phase != "serving":
            records.save(replace(known, phase="serving", since=now))
    _with_results([r for i in ids if (r := records.get(i))], records)
    online = commands.online(ids)
    return Beat(site.name, now, tuple(ids), online, records.all, open_incidents(table, site.name)), records


def _with_results(found: Iterable[Record], records: Records) -> list[Record]:
    """The records after what became of their commands; those that another look is at right now are left to it."""
    found = list(found)
    results = {c: commands.invocations(c) for c in sorted({r.command for r in found} - {"", CLAIMED})}
    learnt = []
    for record in found:
        result = results.get(record.command, {}).get(record.instance)
        new = learn(record, result.status if result else "", result.output if result else "", records.now)
        if records.save(new):
            learnt.append(new)
    return learnt
