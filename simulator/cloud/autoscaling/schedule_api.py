"""The Auto Scaling API's operations on scheduled actions, single and in batches."""

from simulator.cloud.autoscaling.cron import next_time
from simulator.cloud.autoscaling.fleet import Fleet
from simulator.cloud.autoscaling.group import invalid
from simulator.cloud.autoscaling.scheduled import Schedule, ScheduledAction
from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Identifiers, Json, Operation, epoch, page, with_token

LARGEST_BATCH = 50


class ScheduleApi:
    """Answers calls about scheduled actions."""

    def __init__(self, fleet: Fleet, schedule: Schedule) -> None:
        self._fleet = fleet
        self._schedule = schedule
        self._ids = Identifiers(fleet.engine, "scheduled-actions")

    def operations(self) -> dict[str, Operation]:
        """The operations by their API names."""
        return {
            "DescribeScheduledActions": self.describe,
            "PutScheduledUpdateGroupAction": self.put,
            "BatchPutScheduledUpdateGroupAction": self.batch_put,
            "DeleteScheduledAction": self.delete,
            "BatchDeleteScheduledAction": self.batch_delete,
        }

    def describe(self, params: Json) -> Json:
        """DescribeScheduledActions; StartTime and EndTime are ignored when names are given (API reference)."""
        name, names = params.get("AutoScalingGroupName"), params.get("ScheduledActionNames")
        if name is not None:
            self._fleet.group(name)
        actions = self._schedule.of(name)
        if names:
            actions = [action for action in actions if action.name in names]
        else:
            if "StartTime" in params:
                actions = [action for action in actions if action.start >= epoch(params["StartTime"])]
            if "EndTime" in params:
                actions = [action for action in actions if action.start <= epoch(params["EndTime"])]
        chosen, token = page(actions, params, "MaxRecords", 50, 100)
        return with_token({"ScheduledUpdateGroupActions": [action.describe() for action in chosen]}, token)

    def put(self, params: Json) -> None:
        """PutScheduledUpdateGroupAction."""
        self._put(params["AutoScalingGroupName"], params)

    def batch_put(self, params: Json) -> Json:
        """BatchPutScheduledUpdateGroupAction: what fails is listed, the rest is done."""
        group, requests = params["AutoScalingGroupName"], params["ScheduledUpdateGroupActions"]
        self._fleet.group(group)
        _refuse_large(requests)
        failed = []
        for request in requests:
            try:
                self._put(group, request)
            except ApiError as error:
                failed.append(_failure(request["ScheduledActionName"], error))
        return {"FailedScheduledUpdateGroupActions": failed}

    def delete(self, params: Json) -> None:
        """DeleteScheduledAction."""
        self._schedule.delete(params["AutoScalingGroupName"], params["ScheduledActionName"])

    def batch_delete(self, params: Json) -> Json:
        """BatchDeleteScheduledAction: what fails is listed, the rest is done."""
        group, names = params["AutoScalingGroupName"], params["ScheduledActionNames"]
        self._fleet.group(group)
        _refuse_large(names)
        failed = []
        for name in names:
            try:
                self._schedule.delete(group, name)
            except ApiError as error:
                failed.append(_failure(name, error))
        return {"FailedScheduledActions": failed}

    def _put(self, group: str, request: Json) -> None:
        name = request["ScheduledActionName"]
        path = f"scheduledUpdateGroupAction:{self._ids.uuid()}:autoScalingGroupName/{group}:scheduledActionName/{name}"
        action = ScheduledAction(
            group=group,
            name=name,
            arn=self._fleet.ground.account.arn("autoscaling", path),
            start=self._start(request),
            end=epoch(request["EndTime"]) if "EndTime" in request else None,
            recurrence=request.get("Recurrence"),
            zone=request.get("TimeZone"),
            min_size=request.get("MinSize"),
            max_size=request.get("MaxSize"),
            desired=request.get("DesiredCapacity"),
        )
        self._schedule.put(action)

    def _start(self, request: Json) -> float:
        """StartTime (UTC; "Time" is its old name), or the first time of the recurrence."""
        given = request.get("StartTime", request.get("Time"))
        if given is not None:
            return epoch(given)
        if "Recurrence" not in request:
            raise invalid("Either StartTime or Recurrence must be specified")
        try:
            zone = request.get("TimeZone") or "UTC"
            return next_time(request["Recurrence"], self._fleet.engine.utc, zone).timestamp()
        except (ValueError, KeyError) as error:
            raise invalid(f"Given recurrence string: {request['Recurrence']} is invalid ({error})") from error


def _refuse_large(batch: list[object]) -> None:
    if len(batch) > LARGEST_BATCH:
        raise invalid(
            f"1 validation error detected: a batch of {len(batch)} failed to satisfy constraint: "
            f"Member must have length less than or equal to {LARGEST_BATCH}"
        )


def _failure(name: str, error: ApiError) -> Json:
    return {"ScheduledActionName": name, "ErrorCode": error.code, "ErrorMessage": error.message}
