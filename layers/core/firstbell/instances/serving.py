"""Observes the instances in service for the patrol: AWS's present state, what is remembered, and whose turn it is."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from firstbell.aws import autoscaling, balancer, commands
from firstbell.aws.table import Stored, Table
from firstbell.capacity import keeping as capacity
from firstbell.fleet import STANDBY, Group
from firstbell.instances import patrol
from firstbell.instances.actions import EnterStandby
from firstbell.instances.answers import with_results
from firstbell.instances.applying import Action
from firstbell.instances.keeping import Records, open_incidents
from firstbell.instances.patrol import Beat
from firstbell.instances.records import Record
from firstbell.instances.replacing import LAGS, NEEDED, Scene
from firstbell.instances.storage_reports import reports
from firstbell.readiness import freezing
from firstbell.readiness.launch_troubles import launch_troubles
from firstbell.site import Site

STANDS = frozenset({STANDBY, "EnteringStandby"})
LAST = "REPLACEMENT"  # where the site's last replacement is written down
KEPT = timedelta(days=2)
LOST = timedelta(minutes=15)  # so long one is looked for in Standby that AWS put there without telling us


class OvertakenError(Exception):
    """Another look has begun a replacement since this one observed; the next look decides anew."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to begin a replacement, as long as nobody has begun one since it was read: of two looks one has it."""

    table: Table
    site: str
    last: Stored | None

    @classmethod
    def of(cls, table: Table, site: str) -> "Turn":
        """Read it, before anything that the replacement is decided on."""
        return cls(table, site, table.get(f"SITE#{site}", LAST))

    @property
    def begun(self) -> datetime | None:
        """When the last replacement began."""
        return datetime.fromisoformat(self.last.data["at"]) if self.last else None

    def took(self, record: Record, now: datetime) -> bool:
        """Whether it was to be replaced a moment ago, and nobody has noted that it is: AWS's answer was lost."""
        if self.last is None or self.begun is None or record.phase != "serving" or record.since > self.begun:
            return False
        return self.last.data["instance"] == record.instance and now - self.begun < LOST

    def take(self, instance: str, now: datetime) -> None:
        """Begin the replacement of `instance`. Raises OvertakenError."""
        data, version = {"instance": instance, "at": now.isoformat()}, self.last.version if self.last else 0
        if not self.table.replace(f"SITE#{self.site}", LAST, data, version, now + KEPT):
            raise OvertakenError(f"{instance} is not taken out of service: another replacement has just begun")

    def first(self, apply: Callable[[Action], None], now: datetime) -> Callable[[Action], None]:
        """What applies actions by `apply`, a replacement only after its turn is taken."""

        def carry_out(action: Action) -> None:
            if isinstance(action, EnterStandby):
                self.take(action.subject, now)
            apply(action)

        return carry_out


def look(table: Table, site: Site, now: datetime) -> tuple[Beat, Records, Turn]:
    """The instances in service, what their last probes said, and, once one is sick, all that its replacement needs."""
    turn = Turn.of(table, site.name)
    group = autoscaling.group(site.fleet.auto_scaling_group)  # before the records: who serves has been proven in them
    records = Records.of(table, site.name, now)
    _begin(group, records, turn)
    ids = [i.id for i in group.in_service]
    with_results([r for i in ids if (r := records.get(i))], records)
    scene = Scene(site, now, group, records.all, reports=reports(site, records.all, now), begun=turn.begun)
    reached = {r.instance for r in scene.serving if r.reached}
    others = [r.instance for r in scene.serving if not r.reached and patrol.is_due(r, now)]
    online = records.asked(partial(commands.online, others), frozenset[str]())
    if any(r.bad_in_a_row for r in scene.serving) or scene.under_way:
        scene = _closer(table, scene)
    return Beat(scene, online | reached, open_incidents(table, site.name)), records, turn


def _begin(group: Group, records: Records, turn: Turn) -> None:
    """Note who has come into service, and who is in Standby by us; one that somebody took back begins anew."""
    for instance in (i.id for i in group.instances if i.state in STANDS):
        known = records.get(instance)
        if known and turn.took(known, records.now):
            records.save(replace(known, phase="replacing", ended_at=turn.begun))
    for instance in (i.id for i in group.in_service):
        known = records.get(instance)
        if known is None:
            records.save(Record(instance, records.now, phase="serving"))
        elif known.phase == "replacing" and records.now - (known.ended_at or known.since) > LAGS:
            records.save(Record(instance, records.now, phase="serving", attempts=known.attempts))
        elif known.phase not in ("serving", "replacing"):
            records.save(replace(known, phase="serving", since=records.now))


def _closer(table: Table, scene: Scene) -> Scene:
    """What is looked at only while an instance is sick or being replaced."""
    site, group, now = scene.site, scene.group, scene.now
    out = {r.instance for r in scene.under_way}
    states = [balancer.target_states(arn) for arn in group.target_groups] if out else []
    wanted = out or any(r.bad_in_a_row >= NEEDED for r in scene.serving)
    return replace(
        scene,
        exam=freezing.exam_on(site, capacity.plan_of(table, site.name), now),
        drained=frozenset(i for i in out if not any(i in found and found[i] != "unused" for found in states)),
        troubles=launch_troubles(autoscaling.activities(group.name), now) if wanted else (),
    )
