"""The third step of every function: carry actions out one by one and keep a record of how each went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


class Explained(Protocol):
    """Anything decided: what to do is in its type and fields, why is in `reason`, in plain words."""

    @property
    def reason(self) -> str:
        """Why this was decided."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An action and how it went: `error` is None, or what AWS said."""

    action: Explained
    error: Exception | None = None


class ActionsFailed(ExceptionGroup[Exception]):
    """Some actions failed after all had been tried; raised for retries, metrics and the dead-letter queue."""


def carry_out(actions: Sequence[Explained], apply: Callable[..., object]) -> list[Outcome]:
    """Apply each action; one that fails does not stop the others. Returns what became of each, in order."""
    outcomes = []
    for action in actions:
        try:
            apply(action)
        except Exception as error:  # noqa: BLE001 - kept here, and raised at the end by `Run.finish`
            outcomes.append(Outcome(action, error))
        else:
            outcomes.append(Outcome(action))
    return outcomes
