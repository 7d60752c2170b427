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

    `dead_mount`: the `nth` instance launched after the start has no moodledata. `mount_lost`: from `at` on, one
    serving instance loses it. `storage_down`, `controller_down`: from `at` on for `minutes`. `no_capacity`: so long EC2
    has no instance to give in the `zone`, a or b (without one: in both). `calendars_down`: so long no feed answers.
    `calendars_broken`: at that moment every calendar in the bucket becomes an error's text. `events_lost`: `share` of
    all events never arrive. `throttled`: `share` of all API calls are refused.
    """

    kind: Literal[
        "dead_mount",
        "mount_lost",
        "storage_down",
        "controller_down",
        "no_capacity",
        "calendars_down",
        "calendars_broken",
        "events_lost",
        "throttled",
    ]
    nth: Annotated[int, Within(1, 1000)] = 1
    at: datetime | None = None
    minutes: Annotated[float, Within(0, 1440)] = 10.0
    share: Annotated[float, Within(0, 1)] = 0.1
    zone: Literal["", "a", "b"] = ""

    def __post_init__(self) -> None:
        if self.at is None and self.kind not in ("dead_mount", "events_lost", "throttled"):
            raise ValueError(f"{self.kind} needs 'at'")


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
