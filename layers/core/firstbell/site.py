"""A site: everything an operator may say about one Moodle, as frozen values with their defaults and limits.

This is the single definition of the site file: `site_file` validates YAML against it with pydantic and makes the JSON
Schema from it. It needs only the standard library, so that decisions can use it; `Within`, `Matching` and `Help` speak
pydantic's protocol without importing it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

Kind = Literal["exam", "quiz", "deadline", "lecture", "term_start"]


@dataclass(frozen=True)
class Within:
    """Limits of a number, both included."""

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Put the limits on pydantic's schema of the number (inside one that allows none); it takes no yes or "3"."""
        found, limits = handler(source), {"ge": self.low, "le": self.high, "strict": True}
        if found["type"] == "nullable":
            return {**found, "schema": {**found["schema"], **limits}}
        return {**found, **limits} | ({"allow_inf_nan": False} if found["type"] == "float" else {})


@dataclass(frozen=True)
class Matching:
    """A regular expression that a text must match as a whole, and `expected`: what it asks for, in words."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Put the pattern on pydantic's schema of the text, with an error that a person understands."""
        return {
            "type": "custom-error",
            "schema": {**handler(source), "pattern": f"^(?:{self.pattern})$"},
            "custom_error_type": "unexpected",
            "custom_error_message": f"expected {self.expected}",
        }


@dataclass(frozen=True)
class Checked:
    """A check of a text; it raises ValueError with the sentence for people."""

    check: Callable[[str], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Let pydantic run the check, so that what it says is said of this key."""
        return {
            "type": "function-after",
            "schema": handler(source),
            "function": {"type": "no-info", "function": self._run},
        }

    def _run(self, text: str) -> str:
        self.check(text)
        return text


@dataclass(frozen=True)
class Help:
    """What a key means, for people: it becomes the description in the JSON Schema."""

    text: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """Put the text into the JSON Schema."""
        return {**handler(schema), "description": self.text}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from error


class _Strict:
    """Unknown keys are errors: a typing mistake must not silently become a default."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}


@dataclass(frozen=True)
class Fleet(_Strict):
    """The web tier: which group, how big an instance is, and how far it may go."""

    auto_scaling_group: Annotated[
        str, Matching(r"[^\s:/*?]{1,255}", "the name of a group"), Help("Name of the Auto Scaling group.")
    ]
    vcpus_per_instance: Annotated[float, Within(0.25, 448), Help("vCPUs of one instance.")] = 2.0
    min_instances: Annotated[int, Within(0, 5000), Help("The floor when nothing is planned.")] = 1
    max_instances: Annotated[int, Within(1, 5000), Help("Never more than this; an excess is said days ahead.")] = 10
    target_utilisation: Annotated[float, Within(0.05, 0.95), Help("Planned share of the CPU in use at a peak.")] = 0.6
    lead_time: Annotated[int, Within(30, 7200), Help("Seconds from launch to in service.")] = 300
    baseline_vcpus: Annotated[float, Within(0, 10000), Help("vCPUs that the site uses when nothing is on.")] = 0.5
    instance_price: Annotated[float, Within(0, 1000), Help("Dollars per instance-hour.")] = 0.0336
    max_step: Annotated[int, Within(1, 1000), Help("Most instances that one alarm may add at once.")] = 10

    def __post_init__(self) -> None:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances {self.min_instances} is more than max_instances {self.max_instances}")


@dataclass(frozen=True)
class Rule(_Strict):
    """Which events of a calendar it means (every condition given must hold), and what they count as."""

    match: Annotated[str, Help("Regular expression, searched in the event's title.")] = ""
    category: Annotated[str, Help("Regular expression, searched in the event's categories.")] = ""
    kind: Annotated[Kind | None, Help("What such an event is.")] = None
    participants: Annotated[int | None, Within(0, 1_000_000), Help("How many take part.")] = None
    ignore: Annotated[bool, Help("Leave such events out.")] = False

    def __post_init__(self) -> None:
        for text in (self.match, self.category):
            try:
                re.compile(text)
            except re.error as error:
                raise ValueError(f"{text!r} is not a regular expression: {error}") from error


@dataclass(frozen=True)
class CalendarSource(_Strict):
    """One source of peaks: an iCalendar file, or the recorded web-service answers of a Moodle."""

    ical: Annotated[str, Help("Path of an iCalendar file, relative to the site file.")] = ""
    moodle: Annotated[str, Help("Folder with recorded web-service answers, relative to the site file.")] = ""
    kind: Annotated[Kind | None, Help("What an event is, unless a rule says otherwise.")] = None
    participants: Annotated[int | None, Within(0, 1_000_000), Help("How many take part, unless known better.")] = None
    participants_factor: Annotated[float, Within(0, 1000), Help("The participants are multiplied by this.")] = 1.0
    rules: Annotated[tuple[Rule, ...], Help("The first rule that matches an event decides.")] = ()

    def __post_init__(self) -> None:
        if bool(self.ical) == bool(self.moodle):
            raise ValueError("a calendar needs exactly one of 'ical' and 'moodle'")
        if self.ical and self.participants is None:
            raise ValueError("an 'ical' calendar needs 'participants': the file does not say how many take part")

    @property
    def name(self) -> str:
        """What the source is called in plans and messages."""
        return self.ical or self.moodle


@dataclass(frozen=True)
class Costs(_Strict):
    """CPU milliseconds of each step on one whole core, measured on a Moodle 5.1.3 with PHP 8.2 and OPcache."""

    login: Annotated[float, Within(0, 60_000)] = 111.0
    dashboard: Annotated[float, Within(0, 60_000)] = 70.0
    course: Annotated[float, Within(0, 60_000)] = 80.0
    quiz_view: Annotated[float, Within(0, 60_000)] = 41.0
    start_attempt: Annotated[float, Within(0, 60_000)] = 95.0
    save_page: Annotated[float, Within(0, 60_000)] = 52.0
    autosave: Annotated[float, Within(0, 60_000)] = 7.2
    submit: Annotated[float, Within(0, 60_000)] = 93.0
    vcpu_factor: Annotated[float, Within(0.1, 20), Help("vCPU milliseconds for one millisecond of a whole core.")] = 2.0


@dataclass(frozen=True)
class Moodledata(_Strict):
    """The shared directory that every web server must have mounted."""

    path: Annotated[str, Matching(r"/[A-Za-z0-9._/-]{1,200}", "an absolute path"), Help("Where it is mounted.")] = (
        "/var/moodledata"
    )
    fstype: Annotated[
        str, Matching(r"[a-z0-9.]{0,20}", "a type such as nfs4"), Help("File system type it must have; empty: any.")
    ] = "nfs4"
    source: Annotated[
        str,
        Matching(r"[A-Za-z0-9._:/\[\]@-]{0,200}", "an export such as 10.0.1.20:/export"),
        Help("Export it must come from; empty: any."),
    ] = ""
    sentinel: Annotated[bool, Help("The export's root holds `.firstbell-site` with this site's name.")] = True


@dataclass(frozen=True)
class Admission(_Strict):
    """How long a launched instance may take, and how long a leaving one may drain."""

    deadline: Annotated[int, Within(120, 7200), Help("Seconds until an unproven instance is given up.")] = 900
    drain: Annotated[int, Within(0, 7200), Help("Seconds for which a leaving instance may go on serving.")] = 300


@dataclass(frozen=True)
class Webhook(_Strict):
    """A generic receiver: every notification is POSTed to it as JSON, signed when it has a secret."""

    url: Annotated[
        str, Matching(r"https?://[^\s]{1,2000}", "a URL with https"), Help("Where to POST; https except on loopback.")
    ]
    secret: Annotated[
        str,
        Matching(r"(/firstbell/[\w./-]{1,200})?", "an SSM parameter below /firstbell/"),
        Help("SSM parameter that holds the key."),
    ] = ""

    def __post_init__(self) -> None:
        if not re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", self.url):
            raise ValueError("a webhook needs https (plain http only to loopback)")


@dataclass(frozen=True)
class OnCall(_Strict):
    """Who hears, and how often about the same thing."""

    webhooks: Annotated[tuple[Webhook, ...], Help("Receivers beside the on-call topic's subscribers.")] = ()
    repeat: Annotated[int, Within(300, 604_800), Help("Seconds until an open incident is told again.")] = 14_400


@dataclass(frozen=True)
class Backup(_Strict):
    """What the nightly run copies."""

    database: Annotated[
        str,
        Matching(r"[A-Za-z0-9-]{0,63}", "the identifier of an RDS instance"),
        Help("RDS instance to snapshot; empty: none."),
    ] = ""


@dataclass(frozen=True)
class Site(_Strict):
    """One Moodle."""

    name: Annotated[
        str,
        Matching(r"[a-z0-9][a-z0-9-]{0,39}", "at most 40 lower-case letters, digits and dashes"),
        Help("Short name of the site."),
    ]
    timezone: Annotated[str, Checked(_zone), Help("IANA time zone in which its people live, such as Europe/Berlin.")]
    fleet: Fleet
    calendars: Annotated[tuple[CalendarSource, ...], Help("Where the peaks come from.")] = ()
    costs: Costs = field(default_factory=Costs)
    moodledata: Moodledata = field(default_factory=Moodledata)
    admission: Admission = field(default_factory=Admission)
    oncall: OnCall = field(default_factory=OnCall)
    backup: Backup = field(default_factory=Backup)

    def __post_init__(self) -> None:
        _zone(self.timezone)

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)
