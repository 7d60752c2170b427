"""Observes a group for admission: AWS's present state and what is remembered, as values to decide on."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from firstbell.aws import autoscaling, clients, commands, servers
from firstbell.aws.table import Table
from firstbell.events import Hint
from firstbell.fleet import LAUNCH_WAIT, POOL_LAUNCH_WAIT, Instance
from firstbell.instances import storage_reports, waits
from firstbell.instances.admission import Candidate, Scene, overdue, wants_console
from firstbell.instances.answers import with_results
from firstbell.instances.holding import LAUNCHING
from firstbell.instances.keeping import PREFIX, Records, open_incidents
from firstbell.instances.records import Record
from firstbell.instances.verdicts import printable
from firstbell.site import Site

LAUNCH_WAITS = frozenset({LAUNCH_WAIT, POOL_LAUNCH_WAIT})
AGENT_WITHIN = timedelta(seconds=75)  # an agent that has not been announced until then is asked for


def concerns(table: Table, site: Site, hints: Iterable[Hint]) -> bool:
    """Whether one of the hints is worth a look: that of a probe or an agent is, if its instance may be launching."""
    return any(_concerns(table, site, hint) for hint in hints)


def _concerns(table: Table, site: Site, hint: Hint) -> bool:
    if hint.group not in ("", site.fleet.auto_scaling_group):
        return False
    if hint.why not in ("command", "agent") or not hint.instance:
        return True
    stored = table.get(f"SITE#{site.name}", PREFIX + hint.instance)
    if stored is None:  # an agent may be announced before the launch is
        return hint.why == "agent"
    return bool(stored.data.get("phase") == "admission")


def look(table: Table, site: Site, now: datetime, hints: Collection[Hint]) -> tuple[Scene, Records] | None:
    """The instances in their launch hook; None, after a single API call, if there are none.

    Between ticks only what the hints name is asked for: answers of their commands, and agents of none but those whose
    time is over.
    """
    group, shown = site.fleet.auto_scaling_group, _waiting(site)
    if not shown:
        waits.looked(group, (), LAUNCHING, now)
        return None
    records = Records.of(table, site.name, now)
    waiting = {i: it for i, it in shown.items() if not _leaves(it, records.get(i))}
    records.asked(partial(waits.begin, group, list(waiting.values()), records, LAUNCHING), None)
    ticks = any(hint.why == "schedule" for hint in hints)
    asked = None if ticks else {hint.key for hint in hints if hint.why == "command"}
    admitted = with_results([r for i in waiting if (r := records.get(i)) and r.phase == "admission"], records, asked)
    there, late = _agents(admitted, {hint.instance for hint in hints if hint.why == "agent"}, now)
    doubted = [r.instance for r in late if ticks or overdue(r, site, now)]
    agents = there | records.asked(partial(commands.online, doubted), frozenset[str]())
    found = [Candidate(r.waiting(waiting[r.instance], LAUNCHING), r.instance in agents, r) for r in admitted]
    candidates = tuple(_with_console(it, site, records) for it in found)
    reports = storage_reports.reports(site, records.all, now)
    raised, blind = open_incidents(table, site.name), bool(records.unanswered)
    return Scene(site, now, candidates, records.all, raised, reports, blind), records


def _waiting(site: Site) -> dict[str, Instance]:
    """Those in their launch hook, on the way into the warm pool too, by id."""
    group = autoscaling.group(site.fleet.auto_scaling_group)
    pooled = autoscaling.pooled_instances(group.name) if group.pooled else ()
    return {i.id: i for i in (*pooled, *group.instances) if i.state in LAUNCH_WAITS}


def _leaves(instance: Instance, record: Record | None) -> bool:
    """It has served and scales in to the warm pool: it shows the state of one that enters, but waits to be released."""
    return instance.state == POOL_LAUNCH_WAIT and record is not None and record.phase == "serving"


def _agents(
    admitted: Collection[Record], announced: Collection[str], now: datetime
) -> tuple[frozenset[str], list[Record]]:
    """Whose agent is there, for it answered last time or is just announced; and for whom that is late."""
    idle = [r for r in admitted if not r.command and not r.healthy]
    there = frozenset(r.instance for r in idle if r.reached or r.instance in announced)
    return there, [r for r in idle if r.instance not in there and (r.sent_at or now - r.since > AGENT_WITHIN)]


def _with_console(it: Candidate, site: Site, records: Records) -> Candidate:
    """Before one is given up whose agent never came, the end of its console is read, once: it is the only witness."""
    if not wants_console(it, site, records.now):
        return it
    try:
        said = printable(servers.console(it.id)) or "its console has no output"
    except Exception as error:  # noqa: BLE001 - it is given up all the same, and the ticket says what failed
        said = f"its console could not be read: {clients.error_code(error) or type(error).__name__}"
    seen = replace(it.record, log_tail=said)
    return replace(it, record=seen) if records.save(seen) else it
