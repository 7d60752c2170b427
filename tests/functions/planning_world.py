"""A site, its group, its files and its alarms in the simulated AWS, as tests of planning and reacting see them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from firstbell import journal
from firstbell.aws import clients
from firstbell.aws.table import Table
from firstbell.capacity import keeping
from firstbell.capacity.values import Plan
from firstbell.plain import from_plain
from firstbell.site import Site
from firstbell.site_file import read_site
from simulator import controller
from simulator.controller import BUCKET, TABLE, Controller
from simulator.delivery import Weather
from simulator.engine import Engine
from simulator.ledger import Ledger
from simulator.world import Fleet

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)  # a Monday
TICK = {"source": "firstbell.schedule"}
SITE = """\
name: campus
timezone: Europe/Berlin
fleet: {auto_scaling_group: campus-web, min_instances: 1, max_instances: 20, max_step: 4}
calendars:
  - {ical: term.ics, participants: 600, kind: exam}
"""
ALARM = "firstbell-campus-cpu"


def term(*exams: str) -> str:
    """A calendar of two-hour exams, each given by its start in UTC as `05T09`: the day of May 2026 and the hour."""
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nSUMMARY:Exam {n}\r\nDTSTART:202605{exam}0000Z\r\nDURATION:PT2H\r\nEND:VEVENT\r\n"
        for n, exam in enumerate(exams)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//tests//EN\r\n{events}END:VCALENDAR\r\n"


@dataclass
class World:
    """What the tests do to AWS, and what they see of it; `cpu` (percent) is what the web servers are made to show."""

    engine: Engine
    fleet: Fleet
    stack: Controller
    cpu: float | None = 20.0
    signals: list[dict[str, Any]] = field(default_factory=list)

    # what people and deploys do

    def put(self, **files: str) -> None:
        """Put files into the site's folder: `site` is the site file, any other name a calendar."""
        for name, text in files.items():
            self.put_as("site.yaml" if name == "site" else f"{name}.ics", text.encode())

    def put_as(self, path: str, body: bytes, site: str = "campus") -> None:
        clients.s3().put_object(Bucket=BUCKET, Key=f"sites/{site}/{path}", Body=body)

    def remove(self, path: str) -> None:
        clients.s3().delete_object(Bucket=BUCKET, Key=f"sites/campus/{path}")

    def set_sizes(self, **sizes: int) -> None:
        """Somebody sets the group's sizes, such as `MinSize=1`."""
        clients.autoscaling().update_auto_scaling_group(AutoScalingGroupName="campus-web", **sizes)  # type: ignore[arg-type]

    def schedule(self, name: str, at: datetime, **sizes: int) -> None:
        """Somebody writes a scheduled action."""
        clients.autoscaling().put_scheduled_update_group_action(
            AutoScalingGroupName="campus-web",
            ScheduledActionName=name,
            StartTime=at,
            **sizes,  # type: ignore[arg-type]
        )

    def unschedule(self, *names: str) -> None:
        clients.autoscaling().batch_delete_scheduled_action(
            AutoScalingGroupName="campus-web", ScheduledActionNames=list(names)
        )

    def suspend(self, *processes: str) -> None:
        clients.autoscaling().suspend_processes(AutoScalingGroupName="campus-web", ScalingProcesses=list(processes))

    def later(self, **span: float) -> None:
        """Time goes by: scheduled actions run, instances come, alarms are evaluated."""
        self.engine.run_until(self.engine.now + timedelta(**span).total_seconds())

    # what wakes the functions

    def plan(self, event: object = TICK) -> Any:
        return self._run("plan_capacity", event)

    def react(self, event: object = TICK) -> Any:
        return self._run("react_to_alarm", event)

    def _run(self, function: str, event: Any) -> Any:
        return self.stack.delivery.call(self.stack.delivery.functions[function], event)

    def alarm_event(self) -> dict[str, Any]:
        """CloudWatch's event about the alarm's present state."""
        standing = self.fleet.watch.alarms[ALARM]
        since = datetime.fromtimestamp(standing.since, UTC)
        return {
            "source": "aws.cloudwatch",
            "resources": [f"arn:aws:cloudwatch:eu-central-1:123456789012:alarm:{ALARM}"],
            "detail": {"alarmName": ALARM, "state": {"value": standing.value, "timestamp": since.isoformat()}},
        }

    def saturate(self, cpu: float = 100.0) -> None:
        """The web servers are at `cpu` percent for so long that the alarm is on."""
        self.cpu = cpu
        self.later(minutes=6)

    # what is seen

    @property
    def now(self) -> datetime:
        return self.engine.utc

    @property
    def group(self) -> dict[str, Any]:
        [found] = clients.autoscaling().describe_auto_scaling_groups()["AutoScalingGroups"]
        return dict(found)

    @property
    def min_size(self) -> int:
        return int(self.group["MinSize"])

    def scheduled(self) -> dict[str, int | None]:
        """The group's scheduled actions: name to MinSize."""
        found = clients.autoscaling().describe_scheduled_actions(AutoScalingGroupName="campus-web", MaxRecords=100)
        return {a["ScheduledActionName"]: a.get("MinSize") for a in found["ScheduledUpdateGroupActions"]}

    def steps(self) -> list[tuple[str, int | None]]:
        """Firstbell's scheduled actions in order: (day of May and time, MinSize)."""
        return sorted((n[16:18] + n[18:23], size) for n, size in self.scheduled().items() if n.startswith("firstbell-"))

    def told(self) -> list[tuple[str, str]]:
        """What was published since the last question: (key, severity or `resolved`)."""
        found = [(s["key"], "resolved" if s["resolved"] else s["severity"]) for s in self.signals]
        self.signals.clear()
        return found

    def site(self) -> Site | None:
        """The site in force."""
        stored = Table(TABLE).get("SITES", "campus")
        return from_plain(Site, stored.data) if stored else None

    def plan_in_force(self) -> Plan | None:
        return keeping.plan_of(Table(TABLE), "campus")

    def journal(self) -> list[str]:
        """The actions in the journal, oldest first, but for what is learned once a day."""
        found = reversed(journal.newest(Table(TABLE), "campus", 500))
        return [e.action for e in found if e.action != "SaveMemory"]

    def incident(self, key: str) -> None:
        """On-call has an open incident."""
        Table(TABLE).put("SITE#campus", f"INCIDENT#{key}", {"key": key, "title": "it was bad", "state": "open"})

    def calls(self, *operations: str) -> int:
        """How often the functions have called these operations of EC2 Auto Scaling."""
        return sum(self.fleet.gateway.calls[f"autoscaling.{name}"] for name in operations)

    def changes(self) -> int:
        """How often the group and its scheduled actions were written."""
        return self.calls("UpdateAutoScalingGroup", "BatchPutScheduledUpdateGroupAction", "BatchDeleteScheduledAction")


@contextmanager
def living(maximum: int = 20, tracking: bool = False, site: str = SITE) -> Iterator[World]:
    """A group with one instance, an empty table and an empty bucket, until the block ends."""
    engine, known = Engine(START), read_site(site)
    ledger = Ledger(engine, controlled=True)
    controller.begin(engine)
    stack = Controller(engine, known, Weather(twice=0.0, late=0.0), ledger)
    fleet = Fleet(engine, known, lambda event: None, False, (1, maximum, 1), tracking, ledger)
    world = World(engine, fleet, stack)
    fleet.watch.watch(fleet._metric("Average"), lambda: world.cpu)
    fleet.gateway.serve({("sns", "Publish"): lambda params: _heard(world, params)})
    try:
        with fleet.gateway.installed():
            fleet.create()
            clients.dynamodb().create_table(
                TableName=TABLE,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            )
            clients.s3().create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
            yield world
    finally:
        controller.end()


def _heard(world: World, params: dict[str, Any]) -> dict[str, Any]:
    world.signals.append(json.loads(params["Message"]))
    return {"MessageId": f"{len(world.signals):08}"}
