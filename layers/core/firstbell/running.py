"""One run of a function, from event to answer: what the handlers share, so that each shows its own three steps.

    def handler(event, context):
        run = Run.start("admit_instances", event, context)
        for site in run.sites():
            with run.guard(site):
                seen = observe(site, run)
                run.act(site, decide(seen), Apply(site))
        return run.finish()

A site that fails does not stop the others; what failed is raised at the end.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from random import Random
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from firstbell import clock, events, journal, published
from firstbell.acting import ActionsFailed, Explained, Outcome, carry_out
from firstbell.aws import topic
from firstbell.aws.table import Table
from firstbell.environment import Environment
from firstbell.oncall.signal import Signal
from firstbell.plain import to_plain
from firstbell.site import Site

ENOUGH = 60  # seconds in which a site is done: about half for its hosts (calendar.fetching), the rest for AWS


class Named(Protocol):
    """A site, or whatever stands for one before its file could be read."""

    @property
    def name(self) -> str:
        """The site's name."""


N = TypeVar("N", bound=Named)


@cache
def _logger(function: str) -> Logger:
    return Logger(service=function)


@dataclass
class Run:
    """One invocation: its moment, its hints, its environment, and what came of it so far."""

    function: str
    now: datetime
    hints: tuple[events.Hint, ...]
    environment: Environment
    context: Any = None
    _errors: list[Exception] = field(default_factory=list)
    _counts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def start(cls, function: str, event: object, context: Any = None) -> "Run":
        """Begin: read the clock and the event. A skipped or bad event leaves no hint, and so no sites to look at.

        A batch of a queue's messages is as many hints as it has readable ones.
        """
        run = cls(function, clock.now(), (), Environment.of_process(), context)
        request = getattr(context, "aws_request_id", "")
        event_id = event.get("id") if isinstance(event, dict) else None
        _logger(function).append_keys(request_id=request, correlation_id=str(event_id or request))
        for said in events.read_all(event):
            match said:
                case events.Hint() as hint:
                    run.hints = (*run.hints, hint)
                case events.Skip(reason):
                    run.log.info("skipped", reason=reason)
                case events.Bad(reason):
                    run.log.warning("bad event", reason=reason)
                    run.count("BadEvents")
        return run

    @property
    def hint(self) -> events.Hint | None:
        """The first hint, for functions that are woken by one at a time."""
        return self.hints[0] if self.hints else None

    @property
    def log(self) -> Logger:
        """The structured log."""
        return _logger(self.function)

    @property
    def table(self) -> Table:
        """The table of state."""
        return Table(self.environment.table)

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a CloudWatch metric (embedded metric format: it costs a line of log)."""
        self._counts[metric] += value

    def sites(self) -> tuple[Site, ...]:
        """The published sites that the hints are about; none without a hint."""
        if not self.hints:
            return ()
        read = published.read(self.table, self.now)
        found = read.sites
        for name in read.unreadable:
            what = f"{name}: the published site cannot be read: upload its site file again"
            self._errors.append(published.UnreadableSiteError(what))
        wanted = {hint.group for hint in self.hints}
        for unknown in sorted(wanted - {site.fleet.auto_scaling_group for site in found} - {""}):
            self.log.warning("no site has this Auto Scaling group", group=unknown)
            self.count("UnknownGroups")
        return tuple(site for site in found if "" in wanted or site.fleet.auto_scaling_group in wanted)

    def in_time(self, sites: Sequence[N]) -> Iterator[N]:
        """The sites, in another order each run, as long as there is time enough to end what is begun.

        What is left is counted and logged, and likely to be early in the next run.
        """
        order = list(sites)
        Random(self.now.isoformat()).shuffle(order)  # noqa: S311 - fair, not secret
        remaining = getattr(self.context, "get_remaining_time_in_millis", lambda: ENOUGH * 1000)
        for n, site in enumerate(order):
            if remaining() < ENOUGH * 1000:
                self.log.warning("no time left for all sites", left=[each.name for each in order[n:]])
                self.count("SitesLeft", len(order) - n)
                return
            yield site

    @contextmanager
    def guard(self, site: Named) -> Iterator[None]:
        """Keep what goes wrong with one site from stopping the others; `finish` raises it."""
        try:
            yield
        except Exception as error:
            self.log.exception("site failed", site=site.name)
            error.add_note(f"site {site.name}")
            self._errors.append(error)

    def act(self, site: Named, actions: Sequence[Explained], apply: Callable[..., object]) -> list[Outcome]:
        """Carry the actions out, each signal by publishing it and every other by `apply`; journal and log them."""
        outcomes = carry_out(actions, lambda a: self.tell(a) if isinstance(a, Signal) else apply(a))
        for entry in journal.entries(self.function, outcomes, self.now):
            self.log.info("acted", site=site.name, **to_plain(entry))
        self.count("Actions", len(outcomes))
        self._errors += [o.error for o in outcomes if o.error is not None]
        journal.write(self.table, site.name, journal.entries(self.function, outcomes, self.now))
        return outcomes

    def tell(self, signal: Signal) -> None:
        """Publish a signal for `notify_on_call`."""
        topic.publish(self.environment.notifications_topic, json.dumps(to_plain(signal)), signal.title)

    def finish(self) -> dict[str, Any]:
        """End: write the metrics; raise ActionsFailed if anything failed; else say what was done."""
        acted = self._counts["Actions"]
        self.count("Failures", len(self._errors))
        self._write_metrics()
        if self._errors:
            raise ActionsFailed(f"{self.function}: {len(self._errors)} failures", self._errors)
        return {"function": self.function, "actions": acted}

    def _write_metrics(self) -> None:
        """Write the counts that are not zero: CloudWatch charges a metric for each hour in which it has data."""
        metrics = EphemeralMetrics(service=self.function, namespace="Firstbell")
        counts = {name: value for name, value in self._counts.items() if value}
        for name, value in counts.items():
            metrics.add_metric(name, MetricUnit.Count, value)
        if counts:
            metrics.flush_metrics()
