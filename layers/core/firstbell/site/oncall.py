"""Who is on call for a site, through which channels, and when nobody is to be told."""

import re
from dataclasses import dataclass, field
from datetime import datetime, time
from typing import Annotated, Literal

from firstbell.calendar.written import MOMENT
from firstbell.site.calendars import SECRET, CalendarSource
from firstbell.site.checks import Checked, Help, Matching, Strict, Within

PEOPLE = "people"  # the on-call topic, whose subscribers are e-mail addresses and telephones
Hears = Literal["escalation", "page", "ticket", "info"]
KINDS = ("pagerduty", "slack", "teams", "webhook", "apprise")

_SECRET = Matching(rf"({SECRET})?", "a secret such as ssm:/firstbell/on-call or secretsmanager:firstbell/on-call")
_URL = r"https://[^\s]{1,2000}|http://(127\.0\.0\.1|localhost|\[::1\])([:/][^\s]{0,2000})?"
_ADDRESS = Matching(rf"({_URL}|{SECRET})?", "an address with https, or a secret such as ssm:/firstbell/hook")
_KEYS = Matching(r"[^\x00-\x1f\x7f]{1,200}", 'an incident\'s key such as "storage", or a pattern such as "mount/*"')
_NAME = r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}"
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def hours(text: str) -> tuple[time, time]:
    """From when to when, of `22:00-07:00`. Raises ValueError with the sentence for people."""
    found = [_CLOCK.fullmatch(part.strip()) for part in text.split("-")]
    match found:
        case [re.Match() as begins, re.Match() as ends] if begins[0] != ends[0]:
            return time(int(begins[1]), int(begins[2])), time(int(ends[1]), int(ends[2]))
    raise ValueError(f'{text!r:.40} is no time of the day: expected such as "22:00-07:00"')


def _never() -> None:
    raise ValueError("pages are never quiet: what may wait until morning is a ticket")


Hours = Annotated[str, Checked(lambda text: text and hours(text)), Help('Local time, such as "22:00-07:00".')]


@dataclass(frozen=True)
class Channel(Strict):
    """One way to tell somebody, beside the on-call topic; exactly one of the five kinds."""

    pagerduty: Annotated[str, _SECRET, Help("Secret with the routing key of a PagerDuty service (Events v2).")] = ""
    slack: Annotated[str, _SECRET, Help("Secret with a Slack bot's token.")] = ""
    teams: Annotated[str, _SECRET, Help("Secret with the address of a Microsoft Teams workflow.")] = ""
    webhook: Annotated[str, _ADDRESS, Help("Where JSON is POSTed to: https except on loopback, or a secret.")] = ""
    apprise: Annotated[str, _SECRET, Help("Secret with addresses for the library Apprise, one a line.")] = ""
    room: Annotated[str, Matching(r"([CGD][A-Z0-9]{2,20})?", "a channel's id such as C0123456"), Help("Of Slack.")] = ""
    secret: Annotated[str, _SECRET, Help("Secret with the key that a webhook's messages are signed with.")] = ""
    name: Annotated[str, Matching(f"({_NAME})?", "a short name"), Help("What it is called; default: its kind.")] = ""
    hears: Annotated[Hears, Help("The least severity that it is told of; 'escalation': only what nobody took.")] = (
        "ticket"
    )

    def __post_init__(self) -> None:
        if sum(bool(getattr(self, kind)) for kind in KINDS) != 1:
            raise ValueError(f"a channel needs exactly one of {', '.join(KINDS)}")
        if bool(self.slack) != bool(self.room):
            raise ValueError("'slack' and 'room' belong together: the room is the id of a Slack channel")
        if self.secret and not self.webhook:
            raise ValueError("'secret' belongs to a 'webhook'")

    @property
    def kind(self) -> str:
        """Which of the five it is."""
        return next(kind for kind in KINDS if getattr(self, kind))

    @property
    def label(self) -> str:
        """What it is called in the table and in messages."""
        return self.name or self.kind


@dataclass(frozen=True)
class Quiet(Strict):
    """When nobody is told of tickets and information; what was held is told after. Pages are never quiet."""

    ticket: Hours = ""
    info: Hours = ""
    page: Annotated[str, Checked(lambda text: text and _never()), Help("Not allowed.")] = ""


@dataclass(frozen=True)
class Escalate(Strict):
    """Who else hears of a page that nobody acknowledged."""

    after: Annotated[int, Within(300, 86_400), Help("Seconds without an acknowledgement.")] = 900
    to: Annotated[
        tuple[str, ...], Help("Names of channels, told again if they know; default: all that were not told yet.")
    ] = ()


@dataclass(frozen=True)
class Rota(Strict):
    """Who is on call now: the events of a calendar, each named for a channel, an address or a person."""

    ical: Annotated[str, Help("An iCalendar file beside the site file, or the https address of a feed.")] = ""

    def __post_init__(self) -> None:
        _ = self.source  # raises ValueError for what is neither

    @property
    def source(self) -> CalendarSource | None:
        """The calendar, if there is one."""
        return CalendarSource(ical=self.ical, participants=0) if self.ical else None


@dataclass(frozen=True)
class Inhibit(Strict):
    """While one incident is open, others that it explains are told to nobody."""

    source: Annotated[str, _KEYS, Help("Key of the incident that explains; may be a pattern, or end in a slash.")]
    mutes: Annotated[str, _KEYS, Help("Keys that it mutes; may be a pattern, or end in a slash.")]


@dataclass(frozen=True)
class Maintenance(Strict):
    """A time in which nobody is told; what is still open when it ends is told then."""

    start: Annotated[datetime, MOMENT, Help("When it begins: local time, or with an offset or Z.")]
    end: Annotated[datetime, MOMENT, Help("When it ends.")]
    reason: Annotated[str, Matching(r"[^\x00-\x1f\x7f]{1,200}", "a sentence on one line"), Help("What is done.")]
    matches: Annotated[str, _KEYS, Help("Keys of the incidents that are muted.")] = "*"

    def __post_init__(self) -> None:
        if (self.start.tzinfo is None) != (self.end.tzinfo is None):
            raise ValueError("'start' and 'end' need an offset both, or none")
        if self.end <= self.start:
            raise ValueError("it ends before it begins")
        if (self.end - self.start).days > 30:
            raise ValueError("it lasts more than 30 days; is the year right?")


@dataclass(frozen=True)
class OnCall(Strict):
    """Who hears, and how often about the same thing."""

    channels: Annotated[tuple[Channel, ...], Help("Channels beside 'people', the on-call topic's subscribers.")] = ()
    repeat: Annotated[int, Within(300, 604_800), Help("Seconds until an open incident is told again.")] = 14_400
    quiet: Quiet = field(default_factory=Quiet)
    escalate: Escalate = field(default_factory=Escalate)
    rota: Rota = field(default_factory=Rota)
    inhibit: Annotated[tuple[Inhibit, ...], Help("Pairs beside Firstbell's own.")] = ()
    maintenance: Annotated[tuple[Maintenance, ...], Help("Times in which nobody is told.")] = ()
    ping: Annotated[str, _ADDRESS, Help("Asked every five minutes while Firstbell lives, by a dead man's switch.")] = ""

    def __post_init__(self) -> None:
        names = [PEOPLE, *(channel.label for channel in self.channels)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"two channels are called {twice!r}: give one a 'name' of its own")
        if unknown := next((name for name in self.escalate.to if name not in names), None):
            raise ValueError(f"'escalate' names {unknown!r}, but the channels are {', '.join(names)}")
