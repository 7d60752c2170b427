"""Readiness: are the planned instances healthy before a peak begins? Said while there is time to do something; pure."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.capacity.values import Peak, Plan
from firstbell.fleet import Group
from firstbell.oncall.signal import Signal

AHEAD = timedelta(minutes=15)  # it is asked every 5 minutes: at least twice before a peak, and 10 minutes ahead
KEY = "readiness/"


@dataclass(frozen=True, slots=True)
class Ready:
    """The group and how its instances stand behind the balancer: the worst state of each over its target groups.

    Without a target group a target counts as healthy when it is in service and AWS calls it healthy.
    """

    group: Group
    targets: tuple[tuple[str, str], ...]

    @property
    def healthy(self) -> tuple[str, ...]:
        """The instances that serve."""
        return tuple(instance for instance, state in self.targets if state == "healthy")


def soon(plan: Plan | None, raised: frozenset[str], now: datetime) -> bool:
    """Whether anything is to be looked at: a peak is near, or an earlier complaint is open."""
    return bool(raised) or (plan is not None and any(_near(p, now) for p in plan.peaks))


def decide(site: str, plan: Plan | None, ready: Ready, raised: frozenset[str], now: datetime) -> list[Signal]:
    """A page for each near peak that lacks instances; its end when they are there, or when the peak is over.

    `raised` are the keys of the open incidents about readiness.
    """
    peaks = {KEY + p.key: p for p in plan.peaks} if plan else {}
    signals = []
    for key, peak in sorted(peaks.items()):
        lacking = _needed(plan, peak) - len(ready.healthy)
        if lacking > 0 and _near(peak, now) and key not in raised:
            signals.append(_page(site, key, peak, _needed(plan, peak), ready, now))
        elif lacking <= 0 and key in raised:
            signals.append(
                _end(site, key, f"{len(ready.healthy)} instances are healthy: enough for {peak.title}.", now)
            )
    gone = [key for key in sorted(raised) if key not in peaks or peaks[key].end <= now]
    told = {signal.key for signal in signals}
    return signals + [
        _end(site, key, "The peak is over, or no longer planned.", now) for key in gone if key not in told
    ]


def _near(peak: Peak, now: datetime) -> bool:
    return timedelta(0) < peak.start - now <= AHEAD


def _needed(plan: Plan | None, peak: Peak) -> int:
    return plan.at(peak.start).instances if plan and plan.steps else 0


def _page(site: str, key: str, peak: Peak, needed: int, ready: Ready, now: datetime) -> Signal:
    group, healthy = ready.group, len(ready.healthy)
    minutes = round((peak.start - now).total_seconds() / 60)
    what = (
        f"{peak.title} begins in {minutes} minutes with {peak.participants} participants: "
        f"{needed} instances are planned, {healthy} are healthy, {needed - healthy} are missing."
    )
    states = Counter(i.state for i in group.instances)
    evidence = (
        f"the group wants {group.desired} instances (at least {group.min_size}, at most {group.max_size}): "
        + (", ".join(f"{n} {state}" for state, n in sorted(states.items())) or "it has none"),
        *(f"{i.id} is on its way: {i.state}" for i in group.coming[:10]),
        *[f"{instance} is {state} behind the balancer" for instance, state in ready.targets if state != "healthy"][:10],
        *(f"the process {process} is suspended" for process in sorted(group.suspended)),
    )
    title = f"Not ready for {peak.title}"
    return Signal(site, key, "page", title, what, "not-ready", now, evidence, expected_end=peak.end)


def _end(site: str, key: str, what: str, now: datetime) -> Signal:
    return Signal(site, key, "page", "Not ready for a peak", what, "not-ready", now, resolved=True)
