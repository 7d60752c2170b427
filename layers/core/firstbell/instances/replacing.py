"""Replaces an instance that serves with a sick mount, one at a time, its replacement first; pure.

By Standby: AWS takes it out of the balancer and launches another in its place. It is terminated when as many serve as
are desired and it has drained (docs/decisions/0008-ways-in-and-out.md).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.fleet import STANDBY, Group
from firstbell.instances.actions import EnterStandby, Terminate
from firstbell.instances.records import Record
from firstbell.instances.storage import HELD, RECENT, Report, suspicion
from firstbell.readiness.freezing import Freeze
from firstbell.readiness.launch_troubles import Trouble
from firstbell.site import Site

NEEDED = 2  # bad verdicts in a row: one may be a passing moment
LAGS = timedelta(minutes=3)  # for so long AWS, or another look, may not know yet what was done
OF_AN_ONLY_ONE = frozenset({"not_mounted", "stale_handle"})
"""What an only one may be replaced for, if AWS vouches for the storage: the others tell as much of the file server, or
of the site file."""
NEEDS = frozenset({"Launch", "AddToLoadBalancer"})  # processes of the group without which no replacement comes
NOT_YET = "no other instance has been proven healthy since it became sick"
PATIENCE = timedelta(minutes=10)
SLOW_YET = f"it still serves, and has not been slow for {PATIENCE // timedelta(minutes=1)} minutes"


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a replacement is decided on.

    `reports` are AWS's of the storage, `drained` those that no target group has any more, `troubles` why launches fail,
    and `begun` is when the last replacement began, by whatever look (UTC).
    """

    site: Site
    now: datetime
    group: Group
    records: tuple[Record, ...]
    exam: Freeze | None = None
    reports: tuple[Report, ...] = ()
    drained: frozenset[str] = frozenset()
    troubles: tuple[Trouble, ...] = ()
    begun: datetime | None = None

    @property
    def suspected(self) -> bool:
        """Whether the storage is."""
        return bool(suspicion(self.records, self.now, self.reports))

    @property
    def serving(self) -> tuple[Record, ...]:
        """The records of those in service that stay there; AWS may show one for a moment that is on its way out."""
        ids = {i.id for i in self.group.in_service}
        return tuple(r for r in self.records if r.instance in ids and r.phase == "serving")

    @property
    def sick(self) -> tuple[Record, ...]:
        """Those that serve and are bad for good, the longest first."""
        found = [r for r in self.serving if r.bad_in_a_row >= NEEDED]
        return tuple(sorted(found, key=lambda r: (r.bad_since or self.now, r.instance)))

    @property
    def under_way(self) -> tuple[Record, ...]:
        """Those that are being replaced, until they have left the group."""
        gone = {i.id for i in self.group.instances if i not in self.group.in_service}
        held = {i.id for i in self.group.instances}
        return tuple(
            r
            for r in self.records
            if (r.phase == "replacing" and r.instance in held) or (r.phase == "ended" and r.instance in gone)
        )

    @property
    def enough(self) -> bool:
        """As many serve as are desired, so a replacement has come."""
        return len(self.serving) >= self.group.desired

    @property
    def awaited(self) -> tuple[Record, ...]:
        """Those that were taken out and whose replacement does not serve yet."""
        return () if self.enough else tuple(r for r in self.under_way if r.phase == "replacing")

    @property
    def counts(self) -> str:
        """How many serve, in words."""
        return f"{len(self.serving)} serve, {self.group.desired} are desired"

    def away(self, record: Record) -> timedelta:
        """For how long one has been taken out."""
        return self.now - (record.ended_at or self.now)


def decide(seen: Scene) -> list[EnterStandby | Terminate]:
    """Whom to take out of service or to end now. Deciding again after it is applied gives nothing new."""
    if seen.under_way:
        standing = {i.id for i in seen.group.in_state(STANDBY)}
        return [_end(seen, r) for r in seen.under_way if r.instance in standing and _may_end(seen, r)]
    for record in seen.sick:
        if not kept(seen, record):
            return [EnterStandby(record.instance, f"{said(record)}, and others were proven healthy meanwhile")]
    return []


def kept(seen: Scene, record: Record) -> str:
    """Why a sick one stays in service, in plain words; empty: it is to be replaced now."""
    group, verdict, only = seen.group, record.verdict, len(seen.serving) == 1
    instance = next(i for i in group.instances if i.id == record.instance)
    coming = len(group.in_service) + len(group.coming)
    others = ", ".join(r.instance for r in seen.under_way)
    troubles = [t.said for t in seen.troubles if t.zone in ("", instance.zone)]
    reasons = (
        (seen.suspected, "the storage is under suspicion"),
        (record.waits_for == HELD, "the storage has only just come back"),
        (verdict == "full", "a full file system is everybody's"),
        (record.judged_at is None or seen.now - record.judged_at >= RECENT, f"that is old: {record.no_answer}"),
        (instance.protected, "it is protected from scale-in: somebody wants to keep it"),
        (verdict == "slow" and seen.exam is not None, "it still serves, and an exam is on"),
        (verdict == "slow" and only, "it still serves, and is the only one in service"),
        (verdict == "slow" and seen.now - (record.bad_since or seen.now) < PATIENCE, SLOW_YET),
        (only and not _own_fault(seen, record), f"it is the only one in service, and {verdict} may not be its fault"),
        (not only and not _others_proven(seen, record), NOT_YET),
        (bool(others), f"{others} is to be gone first"),
        (seen.begun is not None and seen.now - seen.begun < LAGS, "a replacement was begun a moment ago"),
        (bool(group.suspended & NEEDS), f"{' and '.join(sorted(group.suspended & NEEDS))} is suspended in the group"),
        (coming < group.desired, f"only {coming} of {group.desired} are in service or on their way"),
        (bool(troubles), f"launches fail: {'; '.join(troubles)}"),
    )
    return next((text for holds, text in reasons if holds), "")


def _others_proven(seen: Scene, record: Record) -> bool:
    """Between its first and its last bad probe: then it was not the storage."""
    first, last = record.bad_since, record.judged_at
    if first is None or last is None:
        return False
    return any(r.healthy_at and first < r.healthy_at <= last for r in seen.records if r.instance != record.instance)


def _own_fault(seen: Scene, record: Record) -> bool:
    """Without a sibling as a witness: it was well here once, and AWS itself says that the storage is."""
    asked = bool(seen.site.moodledata.server or seen.site.moodledata.file_system)
    return asked and not seen.reports and record.healthy_at is not None and record.verdict in OF_AN_ONLY_ONE


def _may_end(seen: Scene, record: Record) -> bool:
    limit = seen.site.admission.exam_drain if seen.exam else seen.site.admission.drain
    drained = record.instance in seen.drained or seen.away(record) >= timedelta(seconds=limit)
    return record.phase == "replacing" and seen.enough and drained and not seen.suspected


def _end(seen: Scene, record: Record) -> Terminate:
    how = "has drained" if record.instance in seen.drained else "had time enough to drain"
    return Terminate(record.instance, f"it is replaced: {seen.counts}, and it {how}")


def said(record: Record) -> str:
    """What its probes say, for reasons and messages."""
    since = f" since {record.bad_since:%H:%M} UTC" if record.bad_since else ""
    return f"{record.verdict} in {record.bad_in_a_row} probes in a row{since}, the last time: {record.detail}"
