"""Scheduled actions: kept per group, refused as AWS refuses them, run up to two minutes late or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass

from simulator.cloud.autoscaling.cron import next_time
from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import Group, invalid
from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json, at_utc
from simulator.engine import Call

MOST_ACTIONS = 125
LATEST = 120.0
"""Seconds: an action "generally runs within seconds" but "might be delayed for up to two minutes from the scheduled
start time" (user guide). The twin draws evenly from all of it, so that nobody learns to count on the seconds."""


@dataclass(slots=True, eq=False)
class ScheduledAction:
    """A scheduled action; `start` and `end` in seconds since the epoch, sizes None where it leaves them alone."""

    group: str
    name: str
    arn: str
    start: float
    end: float | None = None
    recurrence: str | None = None
    zone: str | None = None
    min_size: int | None = None
    max_size: int | None = None
    desired: int | None = None
    call: Call | None = None

    def describe(self) -> Json:
        """The action as the API gives it; what was not set is left out."""
        optional = {
            "EndTime": None if self.end is None else at_utc(self.end),
            "Recurrence": self.recurrence,
            "TimeZone": self.zone,
            "MinSize": self.min_size,
            "MaxSize": self.max_size,
            "DesiredCapacity": self.desired,
        }
        return {
            "AutoScalingGroupName": self.group,
            "ScheduledActionName": self.name,
            "ScheduledActionARN": self.arn,
            "Time": at_utc(self.start),
            "StartTime": at_utc(self.start),
            **{key: value for key, value in optional.items() if value is not None},
        }


class Schedule:
    """The scheduled actions of all groups, and their execution."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._engine = fleet.engine
        self._lateness = fleet.engine.random("scheduled-actions")
        self._actions: dict[tuple[str, str], ScheduledAction] = {}

    def of(self, group: str | None) -> list[ScheduledAction]:
        """The actions of a group (of all groups without one), by start time."""
        chosen: Iterable[ScheduledAction] = self._actions.values()
        if group is not None:
            chosen = (action for action in chosen if action.group == group)
        return sorted(chosen, key=lambda action: (action.start, action.group, action.name))

    def put(self, action: ScheduledAction) -> None:
        """Create or replace an action by its name.

        Raises ValidationError for a start in the past, an end before it, no size at all or sizes out of order,
        AlreadyExists for another action of the group with the same start time, and LimitExceeded above 125 actions.
        """
        group = self._fleet.group(action.group)
        _refuse_sizes(action)
        if action.start <= self._engine.now:
            raise invalid("Given start time is in the past")
        if action.end is not None and action.end <= action.start:
            raise invalid("End time must be after the start time")
        others = [other for other in self.of(group.name) if other.name != action.name]
        if any(other.start == action.start for other in others):
            raise ApiError("AlreadyExists", "Scheduled action with this scheduled start time already exists")
        if len(others) >= MOST_ACTIONS:
            raise ApiError("LimitExceeded", f"Only {MOST_ACTIONS} scheduled actions are allowed per AutoScalingGroup")
        self._forget(action.group, action.name)
        self._actions[action.group, action.name] = action
        self._book(action)

    def delete(self, group: str, name: str) -> None:
        """Delete an action; raises the ValidationError of the API for one that does not exist (any more)."""
        self._fleet.group(group)
        if (group, name) not in self._actions:
            raise invalid("Scheduled action name not found")
        self._forget(group, name)

    def _forget(self, group: str, name: str) -> None:
        action = self._actions.pop((group, name), None)
        if action is not None and action.call is not None:
            action.call.cancel()

    def _book(self, action: ScheduledAction) -> None:
        action.call = self._engine.at(action.start + self._lateness.uniform(0.0, LATEST), self._run, action)

    def _run(self, action: ScheduledAction) -> None:
        group = self._fleet.group(action.group)
        if group.runs("ScheduledActions"):  # suspended: it does not run now and is not replayed later
            self._apply(action, group)
        following = None if action.recurrence is None else self._following(action)
        if following is None:
            del self._actions[action.group, action.name]
        else:
            action.start = following
            self._book(action)

    def _apply(self, action: ScheduledAction, group: Group) -> None:
        """Resize the group; sizes that do not fit its bounds at this moment change nothing."""
        before = group.desired
        try:
            group.resize(action.min_size, action.max_size, action.desired)
        except ApiError as error:
            self._fleet.lifecycle.fail_resize(
                group, f"Failed to execute scheduled action {action.name}: {error.message}"
            )
            return
        sizes = f"min: {group.min_size}, max: {group.max_size}, desired: {group.desired}"
        self._fleet.changed(group, before, f"a scheduled action update of AutoScalingGroup constraints to {sizes}")

    def _following(self, action: ScheduledAction) -> float | None:
        following = next_time(action.recurrence or "", at_utc(action.start), action.zone or "UTC").timestamp()
        return following if action.end is None or following < action.end else None


def _refuse_sizes(action: ScheduledAction) -> None:
    low, high, desired = action.min_size, action.max_size, action.desired
    if low is None and high is None and desired is None:
        raise invalid("At least one of MinSize, MaxSize and DesiredCapacity must be given")
    if low is not None and high is not None and low > high:
        raise invalid("Max size must be greater than or equal to min size")
    if desired is not None and low is not None and desired < low:
        raise invalid("Desired capacity must be greater than or equal to min size")
    if desired is not None and high is not None and desired > high:
        raise invalid("Desired capacity must be less than or equal to max size")
