"""Makes the weekly digest: reads the week, records what is to be told, and looks whether it arrived."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from firstbell import journal
from firstbell.alarms.tiers import MEASURES, Measure, named
from firstbell.aws import metrics
from firstbell.aws.table import Table
from firstbell.learning import remembering
from firstbell.oncall import records, resolving, summary
from firstbell.oncall.desk import KEPT
from firstbell.oncall.desk import PREFIX as INCIDENT
from firstbell.oncall.incident import Incident
from firstbell.oncall.signal import Signal
from firstbell.oncall.summary import Week
from firstbell.plain import from_plain, to_plain
from firstbell.running import Run
from firstbell.site import Site

WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
ENTRIES, OUTCOMES = 20_000, 200  # that are read at most
SAMPLES = Measure("group", "AWS/EC2", "CPUUtilization", "SampleCount")
SLOW = Measure("targets", "AWS/ApplicationELB", "TargetResponseTime", f"TC({summary.SLOW}:)")  # a count of the higher


def look(run: Run, sites: Sequence[Site]) -> list[Signal]:
    """On a Monday: record each site's digest, for the desk to deliver; then, what is to be said of how it arrived."""
    signals: list[Signal] = []
    for site in run.in_time(sites):
        with run.guard(site):
            signals += _look(run, site)
    return signals


def _look(run: Run, site: Site) -> list[Signal]:
    key, table, now = summary.due(site, run.now), run.table, run.now
    if not key:
        return []
    stored = table.get(f"SITE#{site.name}", INCIDENT + key)
    if stored is not None:
        return _arrival(table, site, from_plain(Incident, stored.data), now)
    if not summary.is_too_late(site, now):
        digest = summary.incident(site, key, _week(run, site))
        table.replace(f"SITE#{site.name}", INCIDENT + key, to_plain(digest), 0, now + KEPT)  # False: it is there
    return []


def _arrival(table: Table, site: Site, digest: Incident, now: datetime) -> list[Signal]:
    opened = resolving.open_incidents(table, site.name)
    lost = summary.undelivered(digest, site, now)
    not_known = {f"channel/{d.channel}" for d in digest.deliveries if d.state == "pending"}
    over = resolving.no_longer(opened, site.name, {"channel"}, lost.keys() | not_known, now)
    return [ticket for key, ticket in lost.items() if key not in opened] + over


def _week(run: Run, site: Site) -> Week:
    """All that is known of the last seven days; without what CloudWatch does not say, for the digest is a test too."""
    table, start, end = run.table, run.now - WEEK, run.now
    entries = [e for e in journal.newest(table, site.name, ENTRIES) if e.at >= start]
    outcomes = remembering.outcomes_of(table, site.name, OUTCOMES)
    backups = [s.data for s in table.query(f"SITE#{site.name}", "BACKUP#") if s.data["at"] >= start.isoformat()]
    points: dict[str, dict[datetime, float]] = {}
    with run.guard(site):
        points = _points(site, start, end)
    samples = remembering.memory_of(table, site.name).samples
    incidents = records.known(Incident, table.query(f"SITE#{site.name}", INCIDENT))
    return Week(
        start,
        end,
        acted=Counter((e.function, e.action) for e in entries if not e.error),
        failed=sum(bool(e.error) for e in entries),
        acted_from=entries[-1].at if len(entries) == ENTRIES else start,
        incidents=tuple(i for i in incidents if i.opened_at >= start and i.count),
        outcomes=tuple(o for o in outcomes if o.start >= start),
        backups=tuple(datetime.fromisoformat(b["at"]) for b in backups),
        backups_hold=str(backups[-1].get("holds", "")) if backups else "",
        instances=tuple(count / samples for count in points.get("samples", {}).values()),
        requests=sum(points["requests"].values()) if "requests" in points else None,
        slow=sum(points.get("slow", {}).values()),
    )


def _points(site: Site, start: datetime, end: datetime) -> dict[str, dict[datetime, float]]:
    """Hour by hour what CloudWatch has: of the group, and of the balancer where the site file names it."""
    asked = {"samples": (SAMPLES, {"AutoScalingGroupName": site.fleet.auto_scaling_group})}
    if (balancer := dict(named(site)).get("LoadBalancer")) is not None:
        of = {"LoadBalancer": balancer}
        asked |= {"requests": (MEASURES["requests"], of), "slow": (SLOW, of)}
    return metrics.series(asked, start, end, int(HOUR.total_seconds()))
