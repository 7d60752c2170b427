"""An alarm storm on the real handler: one page for one cause, and no other incident lost in it."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest

from firstbell.aws import clients
from functions.notify_on_call.app import handler
from tests.functions.on_call_world import START, World, living, signal, sns

STORM, SECONDS = 5_000, 60
OTHERS = {1_000: "plan-shortfall", 2_500: "readiness/analysis-1", 4_999: "mount/i-0abc"}  # in the midst of it


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with living(monkeypatch) as made:
        yield made


@pytest.mark.slow
def test_five_thousand_signals_in_a_minute_are_one_page_and_few_updates(world: World):
    """Each is an invocation of its own, as SNS makes them; it begins as a ticket, becomes a page, and ends."""
    calls: Counter[str] = Counter()
    for name in ("dynamodb", "sns"):
        client = getattr(clients, name)()
        client.meta.events.register("before-call", lambda model, **_: calls.update([model.name]))
    began = time.perf_counter()
    for n in range(STORM):
        world.now = START + timedelta(seconds=n * SECONDS // STORM)
        handler(sns(signal(world, "ticket" if n < 100 else "page", key="database", title="The database is saturated")))
        if n in OTHERS:
            handler(sns(signal(world, key=OTHERS[n], title=OTHERS[n])))
    took = time.perf_counter() - began
    world.now = START + timedelta(seconds=SECONDS)
    handler(sns(signal(world, key="database", resolved=True)))
    world.ticks(30)
    told = Counter(world.subjects())
    assert told == Counter(
        [
            "[ticket] campus: The database is saturated",
            "[page] campus: worse: The database is saturated",
            "[resolved] campus: The database is saturated",
            *(f"[page] campus: {title}" for title in OTHERS.values()),
        ]
    )
    assert world.incident("database")["count"] == SECONDS + 1, "signals of one second are one; and it became worse"
    per_signal = sum(calls.values()) / STORM
    print(f"\n{STORM:,} signals in {took:.1f} s, {per_signal:.2f} calls of AWS each: {dict(calls)}")
    assert per_signal < 1.1
