"""The weekly digest, which is also the test of every channel: what it says, whom, when, and what if it does not arrive.

It is an incident that is over already, so that on-call delivers it, tries again and gives up like any other. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from firstbell.learning.outcomes import Outcome
from firstbell.oncall.incident import Delivery, Incident, Kind
from firstbell.oncall.routing import channels
from firstbell.oncall.signal import Severity, Signal
from firstbell.oncall.texts import EVIDENCE, one_line
from firstbell.site import Site

FROM, UNTIL = 7, 9  # o'clock on Monday, in the site's time: a digest that is later than that is left out
PATIENCE = timedelta(hours=1)  # in which a channel may be slow
SLOW = 2  # seconds, from which on a request is slow
SILENT: dict[str, Kind] = {"pagerduty": "resolved", "webhook": "resolved"}
"""Machines are told the end of what never began: that proves key and way, and PagerDuty ignores it (Events API v2)."""
DONE = {
    ("plan_capacity", "PutScheduled"): "changes of the planned sizes",
    ("plan_capacity", "Borrow"): "loans of other tiers",
    ("check_readiness", "SaveFloor"): "raises before a peak",
    ("react_to_alarm", "SaveFloor"): "raises after an alarm",
    ("admit_instances", "Continue"): "instances let in",
    ("admit_instances", "Abandon"): "instances given up",
    ("release_instances", "Continue"): "instances let go, done with their work",
    ("patrol_mounts", "EnterStandby"): "sick instances taken out",
    ("notify_on_call", "Tell"): "attempts to tell somebody",
}


@dataclass(frozen=True, slots=True)
class Week:
    """What is known of the week from `start` to `end` (UTC).

    `acted` counts the journal's actions by function and name, from `acted_from` on, `failed` those that failed.
    `instances` is their average number in each hour; `requests`, and how many of them were `slow`, are known only where
    the site file names the balancer.
    """

    start: datetime
    end: datetime
    acted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    failed: int = 0
    acted_from: datetime | None = None
    incidents: tuple[Incident, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    backups: tuple[datetime, ...] = ()
    backups_hold: str = ""
    instances: tuple[float, ...] = ()
    requests: float | None = None
    slow: float = 0.0


def due(site: Site, now: datetime) -> str:
    """The key of the digest that this Monday has, from seven o'clock on; empty on other days."""
    local = now.astimezone(site.zone)
    return f"weekly/{local:%Y-%m-%d}" if local.weekday() == 0 and local.hour >= FROM else ""


def is_too_late(site: Site, now: datetime) -> bool:
    """Whether the time for a digest that was not made is over."""
    return now.astimezone(site.zone).hour >= UNTIL


def incident(site: Site, key: str, week: Week) -> Incident:
    """The digest, to be told to every channel, whatever it hears otherwise."""
    kinds = {channel.label: channel.kind for channel in site.oncall.channels}
    told = tuple(
        Delivery(name, 1, SILENT.get(kinds.get(name, ""), "new"), since=week.end, due=week.end)
        for name in channels(site.oncall)
    )
    return Incident(
        site=site.name,
        key=key,
        state="resolved",
        severity="info",
        title=f"the week to {week.end.astimezone(site.zone):%d %B %Y}",
        what="What Firstbell did and saw in the last seven days. That you read this also proves this channel.",
        runbook="weekly",
        opened_at=week.start,
        last_signal_at=week.end,
        count=1,
        evidence=tuple(one_line(line, EVIDENCE) for line in _figures(site, week)),
        done=tuple(_done(week)),
        resolved_at=week.end,
        number=1,
        deliveries=told,
    )


def _figures(site: Site, week: Week) -> Iterable[str]:
    yield _peaks(week.outcomes)
    opened: list[Severity] = [i.severity for i in week.incidents]
    still = sum(i.state == "open" for i in week.incidents)
    counts = f"{_n(opened.count('page'), 'page')}, {_n(opened.count('ticket'), 'ticket')}"
    yield f"incidents: {counts}, {opened.count('info')} for information; {still} of them still open"
    if pages := [i.title for i in week.incidents if i.severity == "page"]:
        yield f"pages: {'; '.join(dict.fromkeys(pages))}"
    if week.requests is not None:
        share = f" ({week.slow / week.requests:.2%})" if week.requests else ""
        yield f"requests: {week.requests:,.0f}, {week.slow:,.0f} of them{share} took more than {SLOW} s"
    if week.instances:
        yield _cost(site, week.instances)
    newest = f", the newest of {max(week.backups):%Y-%m-%d %H:%M} UTC ({week.backups_hold})" if week.backups else ""
    yield f"backups: {len(week.backups)}{newest}"


def _peaks(found: tuple[Outcome, ...]) -> str:
    """Forecast against actual, where it could be judged."""
    if not found:
        return "peaks: none that could be judged"
    exams = sum(o.kind in ("exam", "quiz") for o in found)
    invited = sum(o.participants for o in found)
    forecast, actual = sum(o.forecast_vcpus for o in found), sum(o.actual_vcpus for o in found)
    share = f" ({actual / forecast:.0%})" if forecast else ""
    return (
        f"peaks: {len(found)}, {exams} of them exams or quizzes, {invited:,} invited; "
        f"all of these would have needed {forecast:.1f} vCPUs, {actual:.1f}{share} were used"
    )


def _cost(site: Site, instances: tuple[float, ...]) -> str:
    """Instance-hours at the site file's price, and those of a fleet that always has what the busiest hour had."""
    price, hours, most = site.of_its_type.fleet.instance_price, sum(instances), ceil(round(max(instances), 1))
    fixed = most * timedelta(days=7) / timedelta(hours=1)
    return (
        f"web servers: {hours:,.0f} instance-hours, ${hours * price:,.2f}; "
        f"a fixed fleet of {most}, as in the busiest hour: {fixed:,.0f}, ${fixed * price:,.2f}"
    )


def _done(week: Week) -> Iterable[str]:
    if week.acted_from and week.acted_from > week.start:
        yield f"counted from {week.acted_from:%Y-%m-%d %H:%M} UTC on, so much was done"
    for action, words in DONE.items():
        if n := week.acted.get(action, 0):
            yield f"{n:,} {words}"
    if week.failed:
        yield f"{_n(week.failed, 'action')} failed: the journal has why"


def _n(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def undelivered(digest: Incident, site: Site, now: datetime) -> dict[str, Signal]:
    """By key the tickets about channels of the site that the digest has not reached, and will not or not soon."""
    known = channels(site.oncall)
    return {
        (ticket := _ticket(digest, delivery, now)).key: ticket
        for delivery in digest.deliveries
        if delivery.channel in known
        and (delivery.state == "given_up" or (delivery.state == "pending" and now - delivery.since >= PATIENCE))
    }


def _ticket(digest: Incident, delivery: Delivery, now: datetime) -> Signal:
    title = f"The channel {delivery.channel} takes no messages"
    what = "The weekly message, which goes to every channel, has not arrived there: neither would a page."
    evidence = (f"{digest.key}: {delivery.attempts} attempts since {delivery.since:%Y-%m-%d %H:%M} UTC",)
    key = f"channel/{delivery.channel}"
    return Signal(digest.site, key, "ticket", title, what, "channel-fails", now, evidence)
