"""What the past teaches the next plan: the ordinary week, how long launches take, what share of the invited to expect.

All of it is pure, and made so that one odd day moves it little and that more load never plans for less: it takes ranks
and clamps, and leaves nothing out because of its value.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import floor
from statistics import NormalDist
from typing import get_args
from zoneinfo import ZoneInfo

from firstbell.capacity.demand import LEAST_SHARE, MOST_SHARE
from firstbell.capacity.values import Factor
from firstbell.capacity.weekly import HOURS, hour_of
from firstbell.fleet import Activity
from firstbell.learning.outcomes import PERIOD, Outcome, Span, Used, merged
from firstbell.site import Kind, Site, Turnout

WEEKS = timedelta(weeks=8)  # that are looked at
NEEDED = 3  # weeks: with two, an unknown exam and an unknown holiday cannot be told apart
HOUR = timedelta(hours=1)
BOOT = timedelta(minutes=15)  # before a peak its instances boot: that is CPU of theirs, and nobody's demand
LAUNCHES = 5  # that are needed for a lead time
SHORTEST, LONGEST = 60, 3600  # seconds that a lead time may be
PRIOR = 4  # outcomes that the site file's turnout is worth
NEWEST = 20  # outcomes of a kind that count
BEYOND = 1.1  # how far the highest outcome counts beyond the next one, and the lowest below the next
Interval = tuple[datetime, datetime]


def used(
    cpu: Mapping[datetime, tuple[float, float]],
    requests: Mapping[datetime, float],
    period: timedelta,
    samples: float,
    site: Site,
) -> list[Used]:
    """The vCPUs in use in each period: from CPU where there is some, else from requests; never more than the fleet has.

    `cpu` has the average in percent and the number of samples over all instances, `requests` their number;
    `samples` is how many an instance gives in an hour.
    """
    hours, fleet = period / HOUR, site.fleet
    most = fleet.max_instances * fleet.vcpus_per_instance
    per_request = site.costs.request * site.costs.vcpu_factor / 1000 / period.total_seconds()
    found = {at: Used(at, min(most, n * per_request)) for at, n in requests.items()}
    for at, (percent, count) in cpu.items():
        instances = count / (samples * hours)
        found[at] = Used(at, min(most, percent / 100 * instances * fleet.vcpus_per_instance), percent / 100)
    return sorted(found.values(), key=lambda u: u.start)


def baseline(
    points: Sequence[Used], zone: ZoneInfo, excluded: Iterable[Span] = (), otherwise: float = 0.0
) -> tuple[float, ...]:
    """The ordinary vCPUs of each of the 168 hours of the week, in `zone`; empty until there are three weeks of points.

    `points` are of five minutes; of each week an hour's highest counts. One that touches `excluded` (known peaks,
    holidays) or the boots before says nothing about the ordinary week. An hour of the week with fewer than three weeks
    left takes the higher of the hours beside it, without these the highest of that hour of other days, and `otherwise`
    when there is none.
    """
    if not points or max(p.start for p in points) + HOUR - min(p.start for p in points) < timedelta(weeks=NEEDED):
        return ()
    left_out = merged(Span(span.start - BOOT, span.end) for span in excluded)
    weeks = _by_hour_of_week(_outside(points, left_out), zone)
    known = {hour: _usual(values) for hour, values in weeks.items() if len(values) >= NEEDED}
    return tuple(known[hour] if hour in known else _borrowed(known, hour, otherwise) for hour in range(HOURS))


def _outside(points: Iterable[Used], spans: Sequence[Span]) -> Iterator[Used]:
    """The points that touch none of the spans, which are in order and apart."""
    starts = [span.start for span in spans]
    for point in points:
        begun = bisect_left(starts, point.start + PERIOD)
        if begun == 0 or spans[begun - 1].end <= point.start:
            yield point


def _by_hour_of_week(points: Iterable[Used], zone: ZoneInfo) -> dict[int, list[float]]:
    """The highest points of each hour of the week, the oldest first, one a day.

    When the clocks are put back, the hour that comes twice is one; when they are put forward, one is missing.
    """
    days: dict[tuple[date, int], float] = {}
    for point in points:
        local = point.start.astimezone(zone)
        hour = local.date(), hour_of(local)
        days[hour] = max(point.vcpus, days.get(hour, 0.0))
    found: dict[int, list[float]] = defaultdict(list)
    for (_, hour_of_week), highest in sorted(days.items()):
        found[hour_of_week].append(highest)
    return found


def _borrowed(known: Mapping[int, float], hour: int, otherwise: float) -> float:
    """What an hour of the week takes that has too few weeks of its own: the campus is as busy as just before or after.

    What overflows a peak's own time (who comes late) is in the hours beside it, and no other day knows of it.
    """
    beside = [known[each] for each in ((hour - 1) % HOURS, (hour + 1) % HOURS) if each in known]
    same = [known[each] for each in range(hour % 24, HOURS, 24) if each in known]
    return max(beside or same, default=otherwise)


def _usual(values: Sequence[float]) -> float:
    """What three quarters of the weeks stay below, or what both of the newest two reach, when that is more.

    The rank shrugs off one high week of three to five and two of six to eight, and more low ones. The newest two are
    believed at once: after the holidays a term must not wait until it is in the majority.
    """
    return max(_three_quarters(values), min(values[-2:]))


def _three_quarters(values: Sequence[float]) -> float:
    """The 75th percentile, the lower of the two candidates: an exam in one week of three is not in it."""
    return sorted(values)[3 * (len(values) - 1) // 4]


def quantile(values: Sequence[float], share: float) -> float:
    """The quantile of values, by linear interpolation between ranks. Raises IndexError without values."""
    ranked = sorted(values)
    position = share * (len(ranked) - 1)
    below = floor(position)
    low, high = ranked[below], ranked[min(below + 1, len(ranked) - 1)]
    part = position - below
    return min(max(low * (1 - part) + high * part, low), high)


def launches(activities: Iterable[Activity], admitted: Mapping[str, datetime]) -> list[float]:
    """The seconds from launch to in service of each launch that succeeded, warm pools left out: a plan may exceed them.

    An activity ends when the lifecycle hook has, and with a default instance warm-up only when that is over (AWS does
    not say): `admitted`, when Firstbell let an instance in, is exact, and goes first where it is known.
    """
    found = []
    for activity in activities:
        if activity.status != "Successful" or activity.end is None or not _is_cold_launch(activity):
            continue
        let_in = admitted.get(activity.instance, activity.end)
        end = let_in if activity.start <= let_in <= activity.end else activity.end
        found.append((end - activity.start).total_seconds())
    return found


def _is_cold_launch(activity: Activity) -> bool:
    return activity.description.startswith("Launching a new EC2 instance") and "warm pool" not in activity.description


def lead_time(seconds: Sequence[float]) -> int | None:
    """The 95th percentile of launches, in seconds; None with fewer than five."""
    if len(seconds) < LAUNCHES:
        return None
    return round(min(LONGEST, max(SHORTEST, quantile(seconds, 0.95))))


def factor(kind: Kind, turnout: Turnout, quantile_: float, outcomes: Iterable[Outcome]) -> Factor:
    """The share to plan peaks of `kind` with: what `quantile_` of them stay below, as far as is known.

    The site file's turnout is a normal distribution worth four outcomes. What is planned is the larger of two: the mean
    of both with the turnout's own deviation, and the mean of both quantiles, for a site that varies more than its file
    says. Each grows with every outcome. Between half and one and a half of the invited, whatever was measured.
    """
    newest = sorted((o for o in outcomes if o.kind == kind), key=lambda o: (o.start, o.key))[-NEWEST:]
    margin = NormalDist().inv_cdf(quantile_) * turnout.deviation
    shares = _tempered([o.share for o in newest], turnout.mean - margin, turnout.mean + margin)
    weight = PRIOR + len(shares)
    centre = (PRIOR * turnout.mean + sum(shares)) / weight
    highest = quantile(shares, quantile_) if shares else 0.0
    spread = (PRIOR * (turnout.mean + margin) + len(shares) * highest) / weight
    return Factor(kind, min(MOST_SHARE, max(LEAST_SHARE, centre + margin, spread)), len(shares))


def _tempered(shares: Iterable[float], low: float, high: float) -> list[float]:
    """The shares, the highest and the lowest limited to a tenth beyond the next one (or what was expected anyway).

    So one broken measurement moves the plan by a few per cent, and a second one like it is believed.
    """
    ranked = sorted(shares)
    top = max([high, *ranked[-2:-1]]) * BEYOND
    bottom = min([low, *ranked[1:2]]) / BEYOND
    return [min(max(share, bottom), top) for share in ranked]


def factors(site: Site, outcomes: Sequence[Outcome]) -> tuple[Factor, ...]:
    """The factors of the kinds that have outcomes; for the others the site file's turnout holds."""
    kinds: tuple[Kind, ...] = get_args(Kind)
    participation = site.participation
    found = (factor(kind, getattr(participation, kind), participation.quantile, outcomes) for kind in kinds)
    return tuple(f for f in found if f.outcomes)
