"""What is remembered of a site's past, and what each look at it adds; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from firstbell.capacity.demand import share
from firstbell.capacity.values import Learned, Peak
from firstbell.learning import estimates, outcomes
from firstbell.learning.estimates import Interval
from firstbell.learning.outcomes import Outcome, Span, Used
from firstbell.site import Site

DAILY = timedelta(days=1)
SAMPLES = 60.0  # of the CPU in an instance-hour: one a minute, which basic monitoring hands over five at a time


@dataclass(frozen=True, slots=True)
class Memory:
    """What was learned of a site, and what is needed to learn on.

    `baseline` and `lead_time` as in Learned; `launches` is how many the latter comes from, `samples` how many an
    instance-hour has. `past` is the time of known peaks and holidays in the last weeks, `judged` the keys of those
    peaks of the plan that were judged, `newest` the outcomes that count.
    """

    learned_at: datetime | None = None
    baseline: tuple[float, ...] = ()
    lead_time: int | None = None
    launches: int = 0
    samples: float = SAMPLES
    past: tuple[Span, ...] = ()
    judged: tuple[str, ...] = ()
    newest: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Day:
    """What the daily look sees: the points of the last weeks, the seconds of launches, the samples of an instance-hour.

    `samples` is None where no instance has been running for long enough to tell.
    """

    points: tuple[Used, ...]
    launches: tuple[float, ...]
    samples: float | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is decided on: the `peaks` of the plan, which of them have `ended`, the `points` of their time.

    `version` is that of the memory as it was read; `day` is None but for once a day.
    """

    site: Site
    now: datetime
    memory: Memory
    version: int
    peaks: tuple[Peak, ...] = ()
    ended: tuple[Peak, ...] = ()
    points: tuple[Used, ...] = ()
    holidays: tuple[Interval, ...] = ()
    day: Day | None = None


@dataclass(frozen=True, slots=True)
class SaveOutcome:
    """Keep what became of a peak."""

    outcome: Outcome
    reason: str

    @property
    def subject(self) -> str:
        """The peak."""
        return self.outcome.title


@dataclass(frozen=True, slots=True)
class SaveMemory:
    """Keep what was learned, unless somebody has changed the `version` that it was learned on."""

    memory: Memory
    version: int
    reason: str


Action = SaveOutcome | SaveMemory


def learned(site: Site, memory: Memory) -> Learned:
    """What the next plan of `site` is made with."""
    return Learned(memory.baseline, memory.lead_time, estimates.factors(site, memory.newest))


def is_daily(memory: Memory, now: datetime) -> bool:
    """Whether the daily look is due."""
    return memory.learned_at is None or now - memory.learned_at >= DAILY


def decide(seen: Seen) -> list[Action]:
    """Outcomes of the peaks that have ended, and the memory after all of it; nothing when there is nothing new."""
    found, done, said = _judge(seen)
    memory = replace(
        seen.memory,
        past=_past(seen),
        judged=tuple(sorted({*seen.memory.judged, *done} & {p.key for p in seen.peaks})),
        newest=_newest([*seen.memory.newest, *found]),
    )
    if seen.day is not None:
        memory = _after_a_day(seen, memory, seen.day)
        said.append(_of_a_day(memory))
    saved: list[Action] = [SaveOutcome(o, _of_outcome(o)) for o in found]
    if memory != seen.memory:
        said = [f"{len(found)} judged"] * bool(found) + said or ["what is over is no part of the ordinary week"]
        saved.append(SaveMemory(memory, seen.version, "; ".join(said)))
    return saved


def _judge(seen: Seen) -> tuple[list[Outcome], list[str], list[str]]:
    """The outcomes, the keys of all that need no other look, and why some of them have no outcome."""
    found, done, said = [], [], []
    before = learned(seen.site, seen.memory)
    for peak in seen.ended:
        planned = share(seen.site, before, peak.kind)
        result = outcomes.judge(peak, seen.peaks, seen.points, seen.site, before.baseline, planned)
        if isinstance(result, Outcome):
            found.append(result)
        elif result is not None:
            said.append(f"{peak.title} is not judged: {result}")
        if result is not None:
            done.append(peak.key)
    return found, done, said


def _past(seen: Seen) -> tuple[Span, ...]:
    """The time of all that is over, or under way and to be left out today."""
    concerned = seen.peaks if seen.day else seen.ended
    begun = [span for peak in concerned for span in outcomes.spans(peak, seen.site)]
    free = [Span(*holiday) for holiday in seen.holidays] if seen.day else []
    over = [Span(s.start, min(s.end, seen.now)) for s in (*begun, *free) if s.start < seen.now]
    return tuple(s for s in outcomes.merged([*seen.memory.past, *over]) if s.end > seen.now - estimates.WEEKS)


def _newest(found: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Those that count: of each kind the newest, each peak once."""
    ordered = sorted({o.key: o for o in found}.values(), key=lambda o: (o.start, o.key))
    by_kind = {kind: [o for o in ordered if o.kind == kind][-estimates.NEWEST :] for kind in {o.kind for o in ordered}}
    return tuple(o for o in ordered if o in by_kind[o.kind])


def _after_a_day(seen: Seen, memory: Memory, day: Day) -> Memory:
    """What was known stays where today's look shows nothing."""
    usual = estimates.baseline(day.points, seen.site.zone, memory.past, seen.site.fleet.baseline_vcpus)
    lead = estimates.lead_time(day.launches)
    return replace(
        memory,
        learned_at=seen.now,
        baseline=tuple(round(value, 4) for value in usual) or memory.baseline,
        lead_time=memory.lead_time if lead is None else lead,
        launches=memory.launches if lead is None else len(day.launches),
        samples=day.samples or memory.samples,
    )


def _of_outcome(outcome: Outcome) -> str:
    o = outcome
    return (
        f"{o.participants:,} invited, {o.forecast_vcpus:.2f} vCPUs forecast if all come: {o.actual_vcpus:.2f} were"
        f" used on average, {o.share:.0%}"
    )


def _of_a_day(memory: Memory) -> str:
    week: Sequence[float] = memory.baseline
    usual = f"{min(week):.2f} to {max(week):.2f} vCPUs" if week else f"unknown before {estimates.NEEDED} weeks of data"
    lead = f"{memory.lead_time} s" if memory.lead_time is not None else f"unknown before {estimates.LAUNCHES} launches"
    return f"the ordinary week: {usual}; the lead time: {lead}"
