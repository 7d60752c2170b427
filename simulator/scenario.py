"""A scenario: which site, when, who comes, and what goes wrong; a YAML file, or any site file by itself."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import yaml
from pydantic import TypeAdapter, ValidationError

from firstbell.site import Site, Within

FOLDER = Path(__file__).parent / "scenarios"
YEARS = range(1990, 2101)
BEHAVIOURS = frozenset({"agents_absent", "commands_lost", "commands_late", "commands_doubled", "early_answers"})
TIMELESS = BEHAVIOURS | {"dead_mount", "agent_absent", "events_lost", "throttled", "hook_race"}


class ScenarioError(ValueError):
    """A scenario cannot be used; the message says why."""


class _Strict:
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Rush(_Strict):
    """An unplanned rush: `rate` more requests a second from `at` (UTC) for `minutes`."""

    at: datetime
    rate: Annotated[float, Within(0, 10_000)]
    minutes: Annotated[float, Within(1, 1440)] = 20.0


@dataclass(frozen=True)
class Fault(_Strict):
    """Something that goes wrong.

    On one instance: the `nth` launched after the start has no moodledata (`dead_mount`) or its SSM agent never comes
    online (`agent_absent`). From `at` on one that serves loses its mount (`mount_lost`), has a stale one
    (`mount_stale`), or, for `minutes`, a slow one (`slow_mount`) or a PHP that does not answer (`web_silent`).
    Mounting anew helps where it is `repairable`: by itself only a stale mount is.

    To the group at `at`: `scale_in`: somebody lowers its desired capacity by `count`, and MinSize where that is in the
    way. `spot_interruption`: EC2 takes back `count` of its instances, two minutes after the warning. `cron_task`: for
    `minutes` a task of Moodle's cron runs on every instance that serves now.

    For `minutes` from `at` on: `storage_down` (AWS's checks of the NFS server, or the mount targets of the file system,
    say so too, unless it is not `reported`), `controller_down`, `no_capacity`: EC2 has no instance to give in the
    `zone`, a or b (without one: in both), `zone_lost`: in that zone nothing runs and nothing can be launched,
    `database_slow`: each request costs the database `factor` times as much, `alarm_flaps`: the alarm about slow pages
    is set off every four minutes though nothing is slow, `calendars_down`: no feed answers. `calendars_broken`: at `at`
    every calendar in the bucket becomes an error's text.

    A `share` all the time: `events_lost`, `throttled` (API calls are refused), `agents_absent` (launched instances
    whose agent never comes), `commands_lost` (results of Run Command that never come), `commands_late` (that come
    `seconds` later), `commands_doubled` (that are announced twice), `early_answers` (commands whose results are
    announced before SendCommand has returned), `hook_race` (answers to lifecycle hooks that come just after AWS has
    ended the hook itself).
    """

    kind: Literal[
        "dead_mount",
        "agent_absent",
        "mount_lost",
        "mount_stale",
        "slow_mount",
        "web_silent",
        "scale_in",
        "spot_interruption",
        "cron_task",
        "storage_down",
        "controller_down",
        "no_capacity",
        "zone_lost",
        "database_slow",
        "alarm_flaps",
        "calendars_down",
        "calendars_broken",
        "events_lost",
        "throttled",
        "agents_absent",
        "commands_lost",
        "commands_late",
        "commands_doubled",
        "early_answers",
        "hook_race",
    ]
    nth: Annotated[int, Within(1, 1000)] = 1
    at: datetime | None = None
    minutes: Annotated[float, Within(0, 1440)] = 10.0
    share: Annotated[float, Within(0, 1)] = 0.1
    seconds: Annotated[float, Within(0, 7200)] = 120.0
    count: Annotated[int, Within(1, 1000)] = 1
    factor: Annotated[float, Within(1, 1000)] = 10.0
    zone: Literal["", "a", "b"] = ""
    repairable: bool | None = None
    reported: bool = True

    def __post_init__(self) -> None:
        if self.at is None and self.kind not in TIMELESS:
            raise ValueError(f"{self.kind} needs 'at'")
        if self.kind == "zone_lost" and not self.zone:
            raise ValueError("zone_lost needs 'zone', a or b")


@dataclass(frozen=True)
class Scenario(_Strict):
    """One day, or part of one. `attendance` is the share of the expected participants who really come.

    `campus` is the requests per second of everybody else in the busiest hour; `fixed` the size of the fixed fleet.
    `feeds` are the calendars that the internet has: an address, and the file in the site's folder with its answer.
    A group that is `balanced_only` goes on trying in a zone without capacity, as its operator has set it.
    """

    name: str
    title: str
    site: str
    start: datetime
    hours: Annotated[float, Within(0.1, 24 * 14)]
    attendance: Annotated[float, Within(0, 3)] = 0.95
    campus: Annotated[float, Within(0, 10_000)] = 3.0
    fixed: Annotated[int, Within(1, 1000)] = 4
    balanced_only: bool = False
    rushes: tuple[Rush, ...] = ()
    faults: tuple[Fault, ...] = ()
    feeds: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default=FOLDER)

    def __post_init__(self) -> None:
        moments = [self.start, *(r.at for r in self.rushes), *(f.at for f in self.faults if f.at)]
        if any(m.tzinfo is None for m in moments):
            raise ValueError("times need a zone, such as 2026-11-24T06:00:00Z")
        if strange := [m for m in moments if m.year not in YEARS]:
            raise ValueError(f"the year {strange[0].year} is not between {YEARS[0]} and {YEARS[-1]}")

    @property
    def end(self) -> datetime:
        """When it is over."""
        return self.start + timedelta(hours=self.hours)

    @property
    def site_folder(self) -> Path:
        """The folder with the site file and its calendars."""
        return (self.folder / self.site).resolve()

    def read_site(self) -> Site:
        """The site. Raises SiteFileError, or ScenarioError when there is no site file."""
        from firstbell.site_file import read_site

        path = self.site_folder / "site.yaml"
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ScenarioError(
                f"{path}: {error.strerror}: a scenario's 'site' is the folder with site.yaml"
            ) from error
        return read_site(text, str(path))


_adapter = TypeAdapter(Scenario)


def names() -> list[str]:
    """The scenarios that come with Firstbell."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(name_or_path: str) -> Scenario:
    """A scenario by its name, or from a file. Raises ScenarioError."""
    path = FOLDER / f"{name_or_path}.yaml"
    if not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        raise ScenarioError(f"{name_or_path}: no such scenario or file; there are {', '.join(names())}")
    try:
        data = yaml.safe_load(path.read_bytes())
    except (yaml.YAMLError, OSError, ValueError) as error:
        raise ScenarioError(f"{path}: not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise ScenarioError(f"{path}: expected keys such as name, site and start")
    found = _validated({**data, "name": data.get("name", path.stem), "folder": path.parent}, str(path))
    for number, rush in enumerate(found.rushes):
        _must_touch(found, rush, f"{path}: rushes.{number}")
    for number, fault in enumerate(found.faults):
        _must_touch(found, fault, f"{path}: faults.{number}")
    return found


def _must_touch(scenario: Scenario, what: Rush | Fault, place: str) -> None:
    """What lies outside the scenario's time would change nothing, silently. Raises ScenarioError."""
    if what.at and (what.at >= scenario.end or what.at + timedelta(minutes=what.minutes) <= scenario.start):
        lasts = f"from {scenario.start:%Y-%m-%d %H:%M %Z} for {scenario.hours:g} h"
        raise ScenarioError(f"{place}: {what.at:%Y-%m-%d %H:%M %Z} is outside the scenario's time, {lasts}")


def of_site(site_yaml: Path, start: datetime | None = None, hours: float = 12.0) -> Scenario:
    """A day of a site: nothing goes wrong. `start` (aware) defaults to today, 06:00 UTC."""
    begin = start or datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
    data = {
        "name": site_yaml.parent.name or "site",
        "title": f"{site_yaml.parent.name}, {begin:%Y-%m-%d}",
        "site": ".",
        "start": begin,
        "hours": hours,
        "folder": site_yaml.parent.resolve(),
    }
    return _validated(data, str(site_yaml))


def _validated(data: dict[str, Any], origin: str) -> Scenario:
    try:
        return _adapter.validate_python(data)
    except ValidationError as error:
        raise ScenarioError("\n".join(_sentence(origin, each) for each in error.errors())) from error


def _sentence(origin: str, error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing" | "missing_argument":
            says = "is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            says = "is not a key of a scenario"
        case "value_error":
            says = str(error["ctx"]["error"])
        case _:
            says = f"{error['input']!r:.80} is wrong: {error['msg'][0].lower()}{error['msg'][1:]}"
    return f"{origin}: {place}: {says}" if place else f"{origin}: {says}"
