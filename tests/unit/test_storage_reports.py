"""What AWS says of the storage, and of an instance's console, in the shapes of its API."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from firstbell.aws import servers
from firstbell.instances.records import Record
from firstbell.instances.storage import Report
from firstbell.instances.storage_reports import reports
from firstbell.site import Fleet, Moodledata, Site
from simulator.cloud import Gateway
from simulator.cloud.gateway import ApiError
from simulator.engine import Engine

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SERVER, EFS = "i-0aaaaaaaaaaaaaaaa", "fs-0aaaaaaaaaaaaaaaa"
SICK = (Record("i-b", NOW - HOUR, verdict="hung", judged_at=NOW, bad_in_a_row=1),)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway(Engine(NOW))
    with made.installed():
        yield made


def site(**moodledata: Any) -> Site:
    return Site("campus", "Europe/Berlin", Fleet("web"), moodledata=Moodledata(**moodledata))


def event(begins: timedelta, ends: timedelta | None = None, description: str = "maintenance") -> dict[str, Any]:
    found = {"Code": "system-reboot", "Description": description, "NotBefore": NOW + begins}
    return found if ends is None else {**found, "NotAfter": NOW + ends}


WELL = {"InstanceState": {"Name": "running"}, "SystemStatus": {"Status": "ok"}, "InstanceStatus": {"Status": "ok"}}
EVENT = [f"{SERVER} has an event under way: system-reboot: maintenance"]
SERVERS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("it is well", {}, []),
    ("it is stopped", {"InstanceState": {"Name": "stopped"}}, [f"{SERVER} is stopped"]),
    ("a check fails", {"SystemStatus": {"Status": "impaired"}}, [f"{SERVER} fails its system status check"]),
    ("its disk fails", {"AttachedEbsStatus": {"Status": "impaired"}}, [f"{SERVER} fails its EBS volume status check"]),
    ("a check has just begun", {"InstanceStatus": {"Status": "initializing"}}, []),
    ("an event is under way", {"Events": [event(-HOUR, HOUR)]}, EVENT),
    ("an event has no end", {"Events": [event(-HOUR)]}, EVENT),
    ("an event comes later", {"Events": [event(HOUR, 2 * HOUR)]}, []),
    ("an event is over", {"Events": [event(-2 * HOUR, -HOUR)]}, []),
    ("an event is marked as over", {"Events": [event(-HOUR, HOUR, "[Completed] maintenance")]}, []),
]


@pytest.mark.parametrize(("status", "says"), [c[1:] for c in SERVERS], ids=[c[0] for c in SERVERS])
def test_a_file_server(gateway: Gateway, status: dict[str, Any], says: list[str]) -> None:
    gateway.serve({("ec2", "DescribeInstanceStatus"): lambda _: {"InstanceStatuses": [{**WELL, **status}]}})
    assert [r.says for r in reports(site(server=SERVER), SICK, NOW)] == says


def target(name: str, state: str) -> dict[str, Any]:
    return {
        "MountTargetId": f"fsmt-0000000{name}",
        "FileSystemId": EFS,
        "SubnetId": "subnet-00000000",
        "LifeCycleState": state,
        "AvailabilityZoneName": f"eu-central-1{name}",
    }


FILE_SYSTEM = {
    "FileSystemId": EFS,
    "OwnerId": "123456789012",
    "CreationToken": "moodle",
    "CreationTime": NOW,
    "NumberOfMountTargets": 2,
    "SizeInBytes": {"Value": 1},
    "PerformanceMode": "generalPurpose",
    "Tags": [],
}
GOOD = [target("a", "available"), target("b", "updating")]
FILE_SYSTEMS: list[tuple[str, str, list[dict[str, Any]], list[str]]] = [
    ("it is well", "available", GOOD, []),
    ("its throughput is being changed", "updating", GOOD, []),
    ("it is broken", "error", GOOD, [f"{EFS} is error"]),
    (
        "a mount target is broken",
        "available",
        [*GOOD, target("c", "error")],
        ["mount target fsmt-0000000c in eu-central-1c is error"],
    ),
    ("it has none", "available", [], [f"{EFS} has no mount target"]),
]


@pytest.mark.parametrize(("state", "targets", "says"), [c[1:] for c in FILE_SYSTEMS], ids=[c[0] for c in FILE_SYSTEMS])
def test_a_file_system(gateway: Gateway, state: str, targets: list[dict[str, Any]], says: list[str]) -> None:
    serve_efs(gateway, {}, state, targets)
    assert [r.says for r in reports(site(file_system=EFS), SICK, NOW)] == says


def serve_efs(gateway: Gateway, metrics: dict[str, float], state: str = "available", targets: Any = GOOD) -> None:
    """A file system in a state, and the newest values of its metrics (PercentIOLimit, BurstCreditBalance)."""

    def metric_data(params: Any) -> Any:
        names = {q["Id"]: q["MetricStat"]["Metric"]["MetricName"] for q in params["MetricDataQueries"]}
        return {"MetricDataResults": [result(key, name) for key, name in names.items()]}

    def result(key: str, name: str) -> Any:
        newest = {"Timestamps": [NOW - HOUR / 60], "Values": [metrics[name]]} if name in metrics else {}
        return {"Id": key, "Label": name, "StatusCode": "Complete", "Timestamps": [], "Values": [], **newest}

    gateway.serve(
        {
            ("efs", "DescribeFileSystems"): lambda _: {"FileSystems": [{**FILE_SYSTEM, "LifeCycleState": state}]},
            ("efs", "DescribeMountTargets"): lambda _: {"MountTargets": targets},
            ("cloudwatch", "GetMetricData"): metric_data,
        }
    )


@pytest.mark.parametrize(
    ("metrics", "says"),
    [
        ({}, []),
        ({"PercentIOLimit": 94.0, "BurstCreditBalance": 1.0}, []),
        ({"PercentIOLimit": 97.0}, [f"{EFS} is at 97 % of its I/O limit"]),
        ({"BurstCreditBalance": 0.0}, [f"{EFS} has no burst credits left"]),
    ],
)
def test_a_file_system_at_its_limits(gateway: Gateway, metrics: dict[str, float], says: list[str]) -> None:
    serve_efs(gateway, metrics)
    assert [r.says for r in reports(site(file_system=EFS), SICK, NOW)] == says


def refused(_: Any) -> Any:
    raise ApiError("UnauthorizedOperation", "You are not authorized.", 403)


def test_a_question_that_fails_is_told_and_raises_nothing(gateway: Gateway) -> None:
    gateway.serve({("ec2", "DescribeInstanceStatus"): refused})
    [report] = reports(site(server=SERVER), SICK, NOW)
    assert report.failed
    assert report.says.startswith(f"{SERVER}: UnauthorizedOperation: ")


@pytest.mark.parametrize(
    ("says", "moodledata", "records"),
    [
        ("nobody is sick", {"server": SERVER}, ()),
        ("the site names neither server nor file system", {}, SICK),
    ],
)
def test_nothing_is_asked_when(
    gateway: Gateway, says: str, moodledata: dict[str, str], records: tuple[Record, ...]
) -> None:
    found: tuple[Report, ...] = reports(site(**moodledata), records, NOW)
    assert (found, gateway.calls.total()) == ((), 0), says


def test_a_console_is_read_as_far_as_the_instance_type_lets_it(gateway: Gateway) -> None:
    def output(params: dict[str, Any]) -> dict[str, Any]:
        if params.get("Latest"):
            raise ApiError("UnsupportedOperation", "This instance type does not support retrieving the latest console.")
        return {"InstanceId": SERVER, "Output": base64.b64encode(b"booting\n").decode()}

    gateway.serve({("ec2", "GetConsoleOutput"): output})
    assert servers.console(SERVER) == "booting\n"


def test_a_console_without_output_is_empty(gateway: Gateway) -> None:
    gateway.serve({("ec2", "GetConsoleOutput"): lambda _: {"InstanceId": SERVER}})
    assert servers.console(SERVER) == ""


def test_what_else_goes_wrong_with_a_console_is_raised(gateway: Gateway) -> None:
    gateway.serve({("ec2", "GetConsoleOutput"): refused})
    with pytest.raises(Exception, match="UnauthorizedOperation"):
        servers.console(SERVER)
