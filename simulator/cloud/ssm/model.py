"""Systems Manager as the rest of the twin uses it: agents, commands in virtual time, events, and the API."""

import re
from collections.abc import Collection

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Ground, Identifiers, Json, Operations, page, with_token, zulu_millis
from simulator.cloud.ssm.agents import AgentBehaviour, Agents, happens
from simulator.cloud.ssm.associations import Association
from simulator.cloud.ssm.commands import Command, Invocation, Result, Run, Status
from simulator.cloud.ssm.queries import chosen_agents, chosen_invocations, details_of

MOST_INSTANCES = 50
DELIVERY_TIMEOUT = 3600.0
VISIBLE = (0.2, 3.0)  # seconds until the API knows of a new invocation; an observation, AWS gives no number
DELIVERY = (0.3, 2.0)
HISTORY = 30 * 86400
SLOW_ANSWER = 9.0  # seconds that an answer of SendCommand may be on its way: one more, and botocore would try again
AGAIN = (1.0, 20.0)  # seconds until an event is delivered a second time
DOCUMENTS = frozenset({"AWS-RunShellScript"})


class Ssm:
    """Run Command for `documents`; `run` says what a document does on an instance and how long it takes.

    Wire `agents.boot(id)` and `agents.gone(id)` to the instances' life. The association of `association_id`, if there
    is one, runs on each instance as soon as its agent is online.
    """

    def __init__(
        self,
        ground: Ground,
        run: Run,
        documents: Collection[str] = DOCUMENTS,
        behaviour: AgentBehaviour | None = None,
        association_id: str = "",
    ) -> None:
        self._ground = ground
        self._engine = ground.engine
        self._run = run
        self._documents = documents
        came = Association(ground, association_id).run if association_id else None
        self.agents = Agents(ground, behaviour or AgentBehaviour(), came)
        self._turns: dict[str, list[Invocation]] = {}  # those of a command that wait for others to end: MaxConcurrency
        self._invocations: dict[str, list[Invocation]] = {}
        self._random = ground.engine.random("ssm-commands")
        self._ids = Identifiers(ground.engine, "ssm")

    def operations(self) -> Operations:
        """The API operations, for `Gateway.serve`."""
        return {
            ("ssm", "DescribeInstanceInformation"): self.describe_instances,
            ("ssm", "SendCommand"): self.send,
            ("ssm", "ListCommandInvocations"): self.list_invocations,
            ("ssm", "GetCommandInvocation"): self.get_invocation,
        }

    def describe_instances(self, params: Json) -> Json:
        """DescribeInstanceInformation: ten a page unless asked otherwise."""
        agents, token = page(chosen_agents(self.agents.describe(), params), params, "MaxResults", 10, 50)
        return with_token({"InstanceInformationList": agents}, token)

    def send(self, params: Json) -> Json:
        """SendCommand to instances by id; refused as a whole if one of them has no agent online."""
        document, instance_ids = params["DocumentName"], tuple(params.get("InstanceIds", ()))
        if document not in self._documents:
            raise ApiError("InvalidDocument", f"Document {document} does not exist in your account")
        if not 1 <= len(instance_ids) <= MOST_INSTANCES:
            raise ApiError("ValidationException", f"InstanceIds must have 1 to {MOST_INSTANCES} members")
        if len(set(instance_ids)) < len(instance_ids):
            raise ApiError("DuplicateInstanceId", "You can't specify an instance ID in more than one association.")
        offline = [instance_id for instance_id in instance_ids if not self.agents.online(instance_id)]
        if offline:
            account = self._ground.account.number
            raise ApiError(
                "InvalidInstanceId", f"Instances [[{', '.join(offline)}]] not in a valid state for account {account}"
            )
        command = Command(
            self._ids.uuid(),
            document,
            params.get("Parameters", {}),
            instance_ids,
            self._engine.now,
            params.get("TimeoutSeconds", DELIVERY_TIMEOUT),
            params.get("Comment", ""),
            _at_once(params.get("MaxConcurrency", "50"), len(instance_ids)),
        )
        self._forget_old()
        started = [self._start(command, instance_id) for instance_id in instance_ids[: command.at_once]]
        waiting = [self._prepare(command, instance_id) for instance_id in instance_ids[command.at_once :]]
        self._invocations[command.command_id] = started + waiting
        self._turns[command.command_id] = waiting
        answer: Json = {"Command": details_of(command)}
        if happens(self.agents.behaviour.early, self._random):
            self._engine.run_until(self._engine.now + SLOW_ANSWER)
        return answer

    def list_invocations(self, params: Json) -> Json:
        """ListCommandInvocations: 200 and empty for a command that was sent a moment ago."""
        if "CommandId" in params:
            candidates = self._invocations.get(params["CommandId"], [])
        else:
            candidates = [each for command in reversed(self._invocations.values()) for each in command]
        visible = [each for each in candidates if each.visible <= self._engine.now]
        listed, token = page(chosen_invocations(visible, params), params, "MaxResults", 50, 50)
        with_output = bool(params.get("Details"))
        return with_token({"CommandInvocations": [each.describe(with_output) for each in listed]}, token)

    def get_invocation(self, params: Json) -> Json:
        """GetCommandInvocation; InvocationDoesNotExist also for a command that was sent a moment ago."""
        for invocation in self._invocations.get(params["CommandId"], ()):
            if invocation.instance_id == params["InstanceId"] and invocation.visible <= self._engine.now:
                described = invocation.describe(with_output=False)
                kept = (
                    "CommandId",
                    "InstanceId",
                    "Comment",
                    "DocumentName",
                    "DocumentVersion",
                    "Status",
                    "StatusDetails",
                )
                return {
                    **{key: described[key] for key in kept},
                    "PluginName": "aws:runShellScript",
                    "ResponseCode": invocation.code,
                    "StandardOutputContent": invocation.output,
                    "StandardErrorContent": "",
                }
        raise ApiError("InvocationDoesNotExist", "")

    def last_answer(self, instance_id: str) -> tuple[float, str]:
        """When the newest result of an instance arrived and what was printed there; (0, "") without one."""
        ended = (
            each
            for command in self._invocations.values()
            for each in command
            if each.instance_id == instance_id and each.finished is not None and each.output
        )
        newest = max(ended, key=lambda each: each.finished or 0.0, default=None)
        return (newest.finished or 0.0, newest.output) if newest else (0.0, "")

    def _forget_old(self) -> None:
        """Drop the commands that are older than Run Command's history of 30 days; they are in order of their time."""
        horizon = self._engine.now - HISTORY
        while self._invocations:
            oldest = next(iter(self._invocations))
            if self._invocations[oldest][0].command.requested > horizon:
                return
            del self._invocations[oldest], self._turns[oldest]

    def _prepare(self, command: Command, instance_id: str) -> Invocation:
        return Invocation(command, instance_id, self._engine.now + self._random.uniform(*VISIBLE))

    def _start(self, command: Command, instance_id: str) -> Invocation:
        invocation = self._prepare(command, instance_id)
        self._hand_over(invocation)
        return invocation

    def _hand_over(self, invocation: Invocation) -> None:
        """Its turn has come: its time-outs count from now on."""
        command = invocation.command
        self._engine.after(self._random.uniform(*DELIVERY), self._deliver, invocation)
        self._engine.after(command.timeout + command.execution_timeout, self._expire, invocation)

    def _deliver(self, invocation: Invocation) -> None:
        """Hand the command over; one whose target does not answer stays InProgress until it expires."""
        command, behaviour = invocation.command, self.agents.behaviour
        invocation.begin(self._engine.now)
        self._announce(invocation)
        lost = self._random.random() < behaviour.lost
        delay = behaviour.late_by if self._random.random() < behaviour.late else 0.0
        answered = self._run(invocation.instance_id, command.document, command.parameters)
        if answered is None or lost or not self.agents.online(invocation.instance_id):
            return
        result = Result(*answered)
        self._engine.after(min(result.seconds, command.execution_timeout) + delay, self._finish, invocation, result)

    def _finish(self, invocation: Invocation, result: Result) -> None:
        if invocation.final:
            return
        now = self._engine.now
        if result.seconds > invocation.command.execution_timeout:
            invocation.end(Status.TIMED_OUT, "ExecutionTimedOut", now)
        else:
            status = Status.SUCCESS if result.code == 0 else Status.FAILED
            invocation.end(status, str(status), now, result.code, result.output)
        self._ended(invocation)

    def _expire(self, invocation: Invocation) -> None:
        if not invocation.final:
            invocation.end(Status.TIMED_OUT, "DeliveryTimedOut", self._engine.now)
            self._ended(invocation)

    def _ended(self, invocation: Invocation) -> None:
        """Tell it, perhaps twice, and let the next of its command begin."""
        self._announce(invocation)
        if happens(self.agents.behaviour.twice, self._random):
            self._engine.after(self._random.uniform(*AGAIN), self._announce, invocation)
        if turns := self._turns.get(invocation.command.command_id):
            self._hand_over(turns.pop(0))

    def _announce(self, invocation: Invocation) -> None:
        command = invocation.command
        arn = self._ground.account.arn("ec2", f"instance/{invocation.instance_id}")
        detail: Json = {
            "command-id": command.command_id,
            "document-name": command.document,
            "instance-id": invocation.instance_id,
            "requested-date-time": zulu_millis(command.requested),
            "status": str(invocation.status),
        }
        self._ground.publish("aws.ssm", "EC2 Command Invocation Status-change Notification", [arn], detail)
        mine = self._invocations.get(command.command_id, [])
        if mine and all(each.final for each in mine):
            self._announce_command(command, [each.status for each in mine])

    def _announce_command(self, command: Command, statuses: list[Status]) -> None:
        """The command's own event, when the last of its invocations has become final."""
        bad = [status for status in statuses if status is not Status.SUCCESS]
        detail: Json = {
            "command-id": command.command_id,
            "document-name": command.document,
            "expire-after": zulu_millis(command.expires),
            "parameters": command.parameters,
            "requested-date-time": zulu_millis(command.requested),
            "status": str(bad[0] if bad else Status.SUCCESS),
        }
        arns = [self._ground.account.arn("ec2", f"instance/{instance_id}") for instance_id in command.instance_ids]
        self._ground.publish("aws.ssm", "EC2 Command Status-change Notification", arns, detail)


def _at_once(wanted: str, targets: int) -> int:
    """MaxConcurrency, a number or a percentage of the targets (API reference: 50 by default)."""
    if not re.fullmatch(r"[1-9]\d*|[1-9]\d?%|100%", wanted):
        raise ApiError("ValidationException", f"MaxConcurrency {wanted} is neither a number nor a percentage")
    return max(1, targets * int(wanted[:-1]) // 100) if wanted.endswith("%") else int(wanted)
