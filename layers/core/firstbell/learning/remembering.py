"""Learns from what happened: looks at CloudWatch, activities and journal when it is time, and keeps what it learned."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import assert_never

from firstbell import journal
from firstbell.aws import autoscaling, metrics
from firstbell.aws.table import Table
from firstbell.capacity.values import Learned, Peak, Plan
from firstbell.fleet import Group
from firstbell.learning import estimates, outcomes
from firstbell.learning.estimates import Interval
from firstbell.learning.memory import Action, Day, Memory, SaveMemory, SaveOutcome, Seen, decide, is_daily, learned
from firstbell.learning.outcomes import Outcome, Used
from firstbell.plain import from_plain, to_plain
from firstbell.site import Site

LEARNED = "LEARNED"
OUTCOME = "OUTCOME#"
KEPT = timedelta(days=365)
ENTRIES = 1000  # of the journal that are searched for admissions: some weeks
ASKED = 3  # instances that are asked for their samples; one that has just started shows too few


def recall(table: Table, site: Site) -> Learned:
    """What the next plan is made with: one read, cheap enough for every run. Empty on day one."""
    return learned(site, memory_of(table, site.name))


def memory_of(table: Table, site: str) -> Memory:
    """All that is remembered of the site called `site`, but for outcomes that no longer count."""
    return _read(table, site)[0]


def outcomes_of(table: Table, site: str, newest: int) -> list[Outcome]:
    """The newest outcomes of a site, newest first; they are kept for a year."""
    found = table.query(f"SITE#{site}", OUTCOME, newest_first=True, limit=newest)
    return [from_plain(Outcome, stored.data) for stored in found]


def learn(
    site: Site, table: Table, group: Group, plan: Plan | None, now: datetime, holidays: Iterable[Interval] = ()
) -> list[Action]:
    """What there is to keep: outcomes of peaks half an hour after their end, and once a day what the weeks were like.

    Mostly one read and an empty list. `plan` is the one in force, `holidays` are those of the calendars.
    """
    memory, version = _read(table, site.name)
    peaks = plan.peaks if plan else ()
    ended = tuple(outcomes.due(peaks, memory.judged, site, now))
    daily = is_daily(memory, now)
    if not ended and not daily:
        return []
    balancer = metrics.request_dimensions(group.target_groups)
    day = _day(site, table, group, balancer, memory.samples, now) if daily else None
    samples = (day.samples if day else None) or memory.samples
    points = _points(site, group, balancer, samples, ended, now) if ended else ()
    return decide(Seen(site, now, memory, version, peaks, ended, points, tuple(holidays), day))


def applier(table: Table, site: str) -> Callable[[Action], None]:
    """What carries one action of the site called `site` out."""

    def apply(action: Action) -> None:
        match action:
            case SaveOutcome(outcome):
                table.put(f"SITE#{site}", _key(outcome), to_plain(outcome), outcome.end + KEPT)
            case SaveMemory(memory, version):  # somebody else was faster: what they have not seen, the next run does
                table.replace(f"SITE#{site}", LEARNED, to_plain(memory), version)
            case _:
                assert_never(action)

    return apply


def _read(table: Table, site: str) -> tuple[Memory, int]:
    stored = table.get(f"SITE#{site}", LEARNED)
    if stored is None:
        return Memory(), 0
    try:
        return from_plain(Memory, stored.data), stored.version
    except ValueError:  # of a version that wrote it otherwise: learn anew
        return Memory(), stored.version


def _key(outcome: Outcome) -> str:
    """In order of time; a peak's own key may be longer than a table's may be."""
    return f"{OUTCOME}{outcome.start.isoformat()}#{sha256(outcome.key.encode()).hexdigest()[:12]}"


def _day(site: Site, table: Table, group: Group, balancer: dict[str, str], samples: float, now: datetime) -> Day:
    counted = [n for i in group.in_service[:ASKED] if (n := metrics.samples_per_hour(i.id, now)) is not None]
    samples = max(counted, default=samples)
    end = now.replace(minute=0, second=0, microsecond=0)
    points = _used(site, group, balancer, samples, end - estimates.WEEKS, end)
    entries = journal.newest(table, site.name, ENTRIES)
    admitted = {
        e.subject: e.at for e in entries if (e.function, e.action, e.error) == ("admit_instances", "Continue", "")
    }
    seconds = estimates.launches(autoscaling.activities(group.name), admitted)
    return Day(points, tuple(seconds), samples if counted else None)


def _points(
    site: Site, group: Group, balancer: dict[str, str], samples: float, ended: Iterable[Peak], now: datetime
) -> tuple[Used, ...]:
    """The use since the first of the peaks began, whole periods."""
    starts = [span.start for peak in ended for span in outcomes.spans(peak, site)]
    start = max(min(starts, default=now), now - estimates.WEEKS)
    begin = start - timedelta(seconds=start.timestamp() % outcomes.PERIOD.total_seconds())
    return _used(site, group, balancer, samples, begin, now) if starts else ()


def _used(
    site: Site, group: Group, balancer: dict[str, str], samples: float, start: datetime, end: datetime
) -> tuple[Used, ...]:
    """The points from `start` to `end`: 16,128 for eight weeks, which GetMetricData answers in one page."""
    found = metrics.usage(group.name, balancer, start, end, int(outcomes.PERIOD.total_seconds()))
    return tuple(estimates.used(found.cpu, found.requests, outcomes.PERIOD, samples, site))
