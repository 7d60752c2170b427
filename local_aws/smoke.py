"""What a deployment must show to count as one: each check drives deployed functions and looks at what came of it."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

from local_aws import places, school
from local_aws.cloud import TICK, Cloud, NotProvenError, wait_for
from local_aws.receiver import Receiver

FUNCTIONS = {
    "PlanCapacity": "plan_capacity",
    "CheckReadiness": "check_readiness",
    "ReactToAlarm": "react_to_alarm",
    "AdmitInstances": "admit_instances",
    "ReleaseInstances": "release_instances",
    "PatrolMounts": "patrol_mounts",
    "NotifyOnCall": "notify_on_call",
}  # back_up and acknowledge have no schedule: a state machine runs the one, people the other


@dataclass(frozen=True)
class Smoke:
    """The checks' common ground. Each check returns one sentence of evidence, or raises NotProvenError."""

    cloud: Cloud
    receiver: Receiver
    now: datetime

    def checks(self) -> dict[str, Callable[[], str]]:
        """The checks, in the order in which they build on each other."""
        return {
            "an uploaded calendar becomes scheduled actions": self.plan,
            "an alarm's event reaches react_to_alarm": self.alarm,
            "a launch's event reaches admit_instances": self.hint,
            "a notification arrives at a webhook": self.webhook,
            "the link in it acknowledges": self.link,
            "every function works with its own role": self.ticks,
            "the backup runs through": self.backup,
            "a missing permission is refused": self.permission,
        }

    def plan(self) -> str:
        """Upload a site; the bucket's event, not a tick, must make the planner write its plan."""
        school.upload(self.cloud, self.receiver.url, self.now)
        scaling = self.cloud.client("autoscaling")

        def look() -> list[int]:
            found = scaling.describe_scheduled_actions(AutoScalingGroupName=school.GROUP)
            return [a["MinSize"] for a in found["ScheduledUpdateGroupActions"]]

        sizes = wait_for("scheduled actions in the group", look)
        journal = wait_for("the plan in the journal", lambda: self._journal("plan_capacity"))
        return f"{len(sizes)} scheduled actions, up to {max(sizes)} instances; {len(journal)} journal entries"

    def alarm(self) -> str:
        """Raise an alarm and send its event, as AWS does; only that event leaves an idempotency record."""
        detail = school.raise_alarm(self.cloud, f"{school.ALARM_PREFIX}{school.NAME}-cpu", self.now)
        arn = f"arn:aws:cloudwatch:{places.REGION}:{places.ACCOUNT}:alarm:{detail['alarmName']}"
        entry = {"Source": "aws.cloudwatch", "DetailType": "CloudWatch Alarm State Change", "Resources": [arn]}
        sent = self.cloud.client("events").put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
        if sent["FailedEntryCount"]:
            raise NotProvenError(f"the event was refused: {sent['Entries']}")
        wait_for("an idempotency record of the event", lambda: self.cloud.documents("IDEMPOTENCY"))
        journal = wait_for("the reaction in the journal", lambda: self._journal("react_to_alarm"))
        return journal[0]

    def hint(self) -> str:
        """Send a launch's event without an instance: through rule and queue it must come out as a batch's bad event."""
        detail = {"AutoScalingGroupName": school.GROUP, "LifecycleHookName": "firstbell-admit"}
        entry = {"Source": "aws.autoscaling", "DetailType": "EC2 Instance-launch Lifecycle Action"}
        sent = self.cloud.client("events").put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
        if sent["FailedEntryCount"]:
            raise NotProvenError(f"the event was refused: {sent['Entries']}")
        said = "a lifecycle event without AutoScalingGroupName or EC2InstanceId"
        wait_for("the event in the log of admit_instances", lambda: said in self.cloud.log("admit_instances"))
        return "through a rule and the queue, as one message of a batch"

    def webhook(self) -> str:
        """Publish a signal on the topic; it must come out at a real HTTP server."""
        before = len(self.receiver.messages)
        signal = {
            "site": school.NAME,
            "key": "smoke/hello",
            "severity": "page",
            "title": "Hello from the smoke",
            "what": "Nothing is wrong.",
            "evidence": [],
            "done": [],
            "runbook": "none",
            "at": self.now.isoformat(),
            "resolved": False,
            "expected_end": None,
        }
        topic = self.cloud.outputs["NotificationsTopicArn"]
        self.cloud.client("sns").publish(TopicArn=topic, Message=json.dumps(signal))

        def look() -> int:
            return sum("Hello from the smoke" in json.dumps(m) for m in self.receiver.messages[before:])

        wait_for("the notification at the webhook", look)
        return f"POSTed to {self.receiver.url}, one of {len(self.receiver.messages)} so far"

    def link(self) -> str:
        """Follow the link in what the webhook got, as a browser would, and press the button."""
        links = [m["links"]["acknowledge"] for m in self.receiver.messages if "acknowledge" in m.get("links", {})]
        target, local = urlsplit(links[-1]), urlsplit(self.cloud.endpoint)

        def ask(method: str, body: str | None = None) -> tuple[int, str]:
            with closing(HTTPConnection(local.hostname or "", local.port, timeout=30)) as browser:
                headers = {"Host": target.netloc, "Content-Type": "application/x-www-form-urlencoded"}
                browser.request(method, f"{target.path}?{target.query}", body, headers)
                answer = browser.getresponse()
                return answer.status, answer.read().decode()

        shown, pressed, again = ask("GET"), ask("POST", "by=Smoke"), ask("POST", "by=Smoke")
        if (shown[0], pressed[0], again[0]) != (200, 200, 410) or "Hello from the smoke" not in shown[1]:
            raise NotProvenError(f"the page answered {shown}, {pressed}, {again}")
        taken = [i for i in self.cloud.documents(f"SITE#{school.NAME}", "INCIDENT#smoke/") if i["acknowledged_at"]]
        if not taken:
            raise NotProvenError("the incident is not acknowledged")
        return f"acknowledged by {taken[0]['acknowledged_by']}; the link is good once"

    def ticks(self) -> str:
        """Invoke each function that has a schedule with its tick: its layers, its environment and its role must do."""
        failed = [f"{n}: {error[:400]}" for f, n in FUNCTIONS.items() if (error := self.cloud.invoke(f, TICK)[1])]
        if failed:
            raise NotProvenError("; ".join(failed))
        return f"{len(FUNCTIONS)} functions answered their tick"

    def backup(self) -> str:
        """Start the state machine; a site without a database has nothing to snapshot and so must succeed at once."""
        states = self.cloud.client("stepfunctions")
        arn = states.start_execution(stateMachineArn=self.cloud.outputs["BackUpStateMachineArn"])["executionArn"]

        def look() -> dict[str, str] | None:
            found: dict[str, str] = states.describe_execution(executionArn=arn)
            return None if found["status"] == "RUNNING" else found

        ended = wait_for("the end of the execution", look)
        if ended["status"] != "SUCCEEDED":
            raise NotProvenError(f"the execution ended as {ended['status']}: {ended.get('error')} {ended.get('cause')}")
        return f"the execution succeeded: {ended.get('output', '')[:80]}"

    def permission(self) -> str:
        """Take one action from the planner's role: it must fail with AccessDenied, and work once the action is back."""
        iam, role = self.cloud.client("iam"), self.cloud.resources["PlanCapacityRole"]
        action = "autoscaling:DescribeAutoScalingGroups"
        policies = {
            name: json.dumps(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        policy, text = next(((n, t) for n, t in policies.items() if action in t), ("", ""))
        if not policy:
            raise NotProvenError(f"the planner's role has no {action} to take away")
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text.replace(action, "autoscaling:None"))
        _, error = self.cloud.invoke("PlanCapacity", TICK)
        iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=text)
        if not error:
            raise NotProvenError(f"the planner worked without {action}")
        wait_for("AccessDenied in the planner's log", lambda: "AccessDenied" in self.cloud.log("plan_capacity"))
        if again := self.cloud.invoke("PlanCapacity", TICK)[1]:
            raise NotProvenError(f"the planner fails with its permission back: {again[:300]}")
        return f"without {action} the planner failed with AccessDenied, and with it works again"

    def _journal(self, function: str) -> list[str]:
        entries = self.cloud.documents(f"SITE#{school.NAME}#JOURNAL", "JOURNAL#")
        return [f"{e['action']}: {e['reason']}" for e in entries if e["function"] == function]
