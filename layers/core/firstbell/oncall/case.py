"""What the stages of the pipeline work on: one incident with what has just happened, and what is around it."""

from dataclasses import dataclass, replace
from datetime import datetime

from firstbell.oncall.inbox import Letter
from firstbell.oncall.incident import Action, Incident, Kind
from firstbell.oncall.muting import Silence
from firstbell.site import Site


@dataclass(frozen=True, slots=True)
class Around:
    """What is not in the incident: silences, the site's incidents that may explain others, and who is on call."""

    silences: tuple[Silence, ...] = ()
    others: tuple[Incident, ...] = ()
    duty: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """`letter` is None at a tick; `kind` is why a notice is due now, if one is; `why` explains, a sentence a step.

    Without `around` nothing is decided that depends on it: a signal that is no news is left to the next tick.
    """

    incident: Incident | None
    letter: Letter | None
    site: Site
    now: datetime
    around: Around | None
    repeats: bool = True
    kind: Kind | None = None
    actions: tuple[Action, ...] = ()
    why: tuple[str, ...] = ()

    def because(self, sentence: str) -> "Case":
        """The case with one more sentence."""
        return replace(self, why=(*self.why, sentence))
