"""A queue between EventBridge and a function, read as Lambda reads it: in batches, and again after a failure.

Source: "Using Lambda with Amazon SQS" in the Lambda developer guide (batching window, visibility, redrive).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulator.engine import Call, Engine
from simulator.stack import Queue


@dataclass(slots=True)
class _Message:
    id: str
    body: str
    received: int = 0


class Reader:
    """Gives `invoke` what lies in the queue; what it refuses (False) becomes visible again, and at last `dead`."""

    def __init__(
        self,
        engine: Engine,
        queue: Queue,
        invoke: Callable[[dict[str, Any]], bool],
        dead: Callable[[], object],
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._invoke = invoke
        self._dead = dead
        self._waiting: list[_Message] = []
        self._window: Call | None = None
        self._sent = 0

    def put(self, event: dict[str, Any]) -> None:
        """An event arrives in the queue."""
        self._sent += 1
        self._show([_Message(f"message-{self._sent}", json.dumps(event))])

    def _show(self, messages: list[_Message]) -> None:
        """Messages are visible: they wait for the end of the window, or for the batch to be full."""
        self._waiting += messages
        if self._window is None:
            self._window = self._engine.after(self._queue.window, self._hand_over)
        elif len(self._waiting) >= self._queue.batch:
            self._window.cancel()
            self._hand_over()

    def _hand_over(self) -> None:
        batch, self._waiting = self._waiting[: self._queue.batch], self._waiting[self._queue.batch :]
        self._window = self._engine.after(self._queue.window, self._hand_over) if self._waiting else None
        for message in batch:
            message.received += 1
        if self._invoke({"Records": [self._record(message) for message in batch]}):
            return
        again = [m for m in batch if self._queue.tries is None or m.received < self._queue.tries]
        for _ in range(len(batch) - len(again)):
            self._dead()
        if again:
            self._engine.after(self._queue.hidden, self._show, again)

    def _record(self, message: _Message) -> dict[str, Any]:
        return {
            "messageId": message.id,
            "receiptHandle": f"{message.id}-{message.received}",
            "body": message.body,
            "attributes": {"ApproximateReceiveCount": str(message.received)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": self._queue.arn,
            "awsRegion": self._queue.arn.split(":")[3],
        }
