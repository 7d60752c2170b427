"""Delivers events to the real handlers by the template's rules: at least once, sometimes late, twice or never."""

import importlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from moto.events.models import EventPattern

from simulator.engine import Engine
from simulator.queues import Reader
from simulator.stack import Function

RETRIES = (60.0, 120.0)  # seconds until Lambda's two asynchronous retries


@dataclass(frozen=True)
class Weather:
    """How badly events are delivered: shares (0 to 1) lost, delivered twice, or late by up to `late_by` seconds."""

    lost: float = 0.0
    twice: float = 0.02
    late: float = 0.05
    late_by: float = 45.0


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    aws_request_id: str
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN."""
        return f"arn:aws:lambda:eu-central-1:123456789012:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Virtual time stands still while a handler runs."""
        return 300_000


class Delivery:
    """Wakes the functions of a stack; `down` functions (by name) are not run: their events wait for the retries.

    `invocations` and `dead_letters` count by function; `failures` holds the texts of what handlers raised.
    """

    def __init__(self, engine: Engine, functions: Sequence[Function], weather: Weather) -> None:
        self.engine = engine
        self.functions = {f.name: f for f in functions}
        self.weather = weather
        self.invocations: Counter[str] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.failures: list[str] = []
        self.down = False
        self._running: Function | None = None
        self._random = engine.random("delivery")
        self._rules: list[tuple[Any, Callable[[dict[str, Any]], object]]] = [
            (_rule(pattern), partial(self.invoke, function)) for function in functions for pattern in function.patterns
        ]
        for function in functions:
            for queue in function.queues:
                dead = partial(self._bury, function)
                reader = Reader(engine, queue, partial(self._run, function), dead)
                self._rules += [(_rule(pattern), reader.put) for pattern in queue.patterns]

    def start_schedules(self) -> None:
        """Begin every schedule at a moment of its own within its first period, as EventBridge Scheduler does."""
        random = self.engine.random("schedules")
        for function in self.functions.values():
            for period, event in function.schedules:
                first = self.engine.now + random.uniform(0.0, min(period, 60.0))
                self.engine.every(period, _ticker(self, function, event), first=first)

    def emit(self, event: dict[str, Any]) -> None:
        """Deliver a service event to every function or queue with a rule that matches it."""
        for rule, target in self._rules:
            if rule.matches_event(event):
                for delay in self._arrivals():
                    self.engine.after(delay, target, event)

    def publish(self, topic: str, message: str, subject: str) -> None:
        """Deliver a message of a topic to the functions that are subscribed."""
        for function in self.functions.values():
            if topic in function.topics:
                event = _sns_event(topic, message, subject, self.engine.utc.isoformat())
                for delay in self._arrivals():
                    self.engine.after(delay, self.invoke, function, event)

    def _arrivals(self) -> list[float]:
        weather, random = self.weather, self._random
        if random.random() < weather.lost:
            return []
        delay = random.uniform(0.2, 1.5)
        if random.random() < weather.late:
            delay += random.uniform(0.0, weather.late_by)
        return [delay, delay + random.uniform(0.5, 20.0)] if random.random() < weather.twice else [delay]

    def invoke(self, function: Function, event: dict[str, Any], attempt: int = 0) -> None:
        """Run a handler; what it raises is retried as Lambda does, then counted as a dead letter."""
        if self._run(function, event):
            return
        if attempt < len(RETRIES):
            self.engine.after(RETRIES[attempt], self.invoke, function, event, attempt + 1)
        else:
            self._bury(function)

    def call(self, function: Function, event: dict[str, Any]) -> Any:
        """Run a handler once in its environment and return its answer.

        Another may be under way: one whose call to AWS takes so long that the world goes on meanwhile.
        """
        self.invocations[function.name] += 1
        waiting, self._running = self._running, function
        os.environ.update(function.environment)
        handler: Callable[[Any, Any], Any] = importlib.import_module(function.module).handler
        try:
            return handler(event, Context(function.name, f"{function.name}-{self.invocations[function.name]}"))
        finally:
            self._running = waiting
            if waiting is not None:
                os.environ.update(waiting.environment)

    def _run(self, function: Function, event: dict[str, Any]) -> bool:
        """Whether a handler is there and raised nothing."""
        if self.down:
            return False
        try:
            self.call(function, event)
        except Exception as error:  # noqa: BLE001 - as the Lambda service takes whatever a handler raises
            self.failures.append(f"{self.engine.utc:%H:%M:%S} {function.name}: {_told(error)}")
            return False
        return True

    def _bury(self, function: Function) -> None:
        self.dead_letters[function.name] += 1


def _ticker(delivery: Delivery, function: Function, event: dict[str, Any]) -> Callable[[], None]:
    return lambda: delivery.invoke(function, event)


def _rule(pattern: dict[str, Any]) -> Any:
    return EventPattern(raw_pattern=None, pattern=pattern)  # the text is not needed


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return f"{error.message}: " + "; ".join(_told(inner) for inner in error.exceptions)
    return f"{type(error).__name__}: {error}"


def _sns_event(topic: str, message: str, subject: str, at: str) -> dict[str, Any]:
    sns = {
        "Type": "Notification",
        "MessageId": "00000000-0000-0000-0000-000000000000",
        "TopicArn": topic,
        "Subject": subject,
        "Message": message,
        "Timestamp": at,
        "MessageAttributes": {},
    }
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns}]}
