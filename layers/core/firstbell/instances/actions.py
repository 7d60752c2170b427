"""What may be done with an instance; each action names its instance and says why."""

from dataclasses import dataclass

NAMED = 5  # so many are named one by one in the journal


@dataclass(frozen=True, slots=True)
class Wait:
    """Leave it as it is until the next look; told only when the reason is a new one."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Excuse:
    """It was held for the storage's sake, which works again: what it said during that time no longer counts."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class SendProbe:
    """Run the mount probe on these instances, by one command for every fifty."""

    instances: tuple[str, ...]
    reason: str

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        return _named(self.instances)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Start the time-out of its hook anew."""

    subject: str
    hook: str
    reason: str


@dataclass(frozen=True, slots=True)
class Continue:
    """End its hook with CONTINUE: into service, or out of it."""

    subject: str
    hook: str
    reason: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """End its hook with ABANDON: the group terminates it and launches another."""

    subject: str
    hook: str
    reason: str


@dataclass(frozen=True, slots=True)
class Deregister:
    """Take it out of a target group, so that it drains."""

    subject: str
    target_group: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookAtLeaving:
    """Ask these leaving instances what they still work on, by one command for every fifty; stops their cron's timer."""

    instances: tuple[str, ...]
    reason: str

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        return _named(self.instances)


@dataclass(frozen=True, slots=True)
class EnterStandby:
    """Take it out of service and of the balancer; the group launches another in its place, for desired stays."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Terminate it through its group, the terminate hook included; desired stays."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class HookEnded:
    """Noticed: its hook had ended without us, which is no failure."""

    subject: str
    reason: str


def _named(instances: tuple[str, ...]) -> str:
    return ", ".join(instances) if len(instances) <= NAMED else f"{len(instances)} instances"
