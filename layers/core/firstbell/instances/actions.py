"""What may be done with an instance; each action names its instance and says why."""

from dataclasses import dataclass

NAMED = 5  # so many are named one by one in the journal


@dataclass(frozen=True, slots=True)
class OfInstance:
    """What is done with one instance, the `subject`, and why."""

    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class OfHook:
    """What is done with the lifecycle hook in which an instance waits, and why."""

    subject: str
    hook: str
    reason: str


@dataclass(frozen=True, slots=True)
class OfSeveral:
    """What is done with several instances by one command for every fifty, and why."""

    instances: tuple[str, ...]
    reason: str

    @property
    def subject(self) -> str:
        """What the journal says it is about."""
        few = len(self.instances) <= NAMED
        return ", ".join(self.instances) if few else f"{len(self.instances)} instances"


@dataclass(frozen=True, slots=True)
class Wait(OfInstance):
    """Leave it as it is until the next look; told only when the reason is a new one."""


@dataclass(frozen=True, slots=True)
class Excuse(OfInstance):
    """It was held for the storage's sake, which works again: what it said during that time no longer counts."""


@dataclass(frozen=True, slots=True)
class SendProbe(OfSeveral):
    """Run the mount probe on these instances, by one command for every fifty."""


@dataclass(frozen=True, slots=True)
class Heartbeat(OfHook):
    """Start the time-out of its hook anew."""


@dataclass(frozen=True, slots=True)
class Continue(OfHook):
    """End its hook with CONTINUE: into service, or out of it."""


@dataclass(frozen=True, slots=True)
class Abandon(OfHook):
    """End its hook with ABANDON: the group terminates it and launches another."""


@dataclass(frozen=True, slots=True)
class Deregister:
    """Take it out of a target group, so that it drains."""

    subject: str
    target_group: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookAtLeaving(OfSeveral):
    """Ask these leaving instances what they still work on, by one command for every fifty; stops their cron's timer."""


@dataclass(frozen=True, slots=True)
class EnterStandby(OfInstance):
    """Take it out of service and of the balancer; the group launches another in its place, for desired stays."""


@dataclass(frozen=True, slots=True)
class Terminate(OfInstance):
    """Terminate it through its group, the terminate hook included; desired stays."""


@dataclass(frozen=True, slots=True)
class HookEnded(OfInstance):
    """Noticed: its hook had ended without us, which is no failure."""
