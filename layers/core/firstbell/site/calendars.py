"""Where a site's peaks come from: its calendars, and the rules that say which of their events count, and as what."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal
from urllib.parse import urlsplit

from firstbell.site.checks import Checked, Help, Matching, Strict, Within

Kind = Literal["exam", "quiz", "deadline", "lecture", "term_start"]
SECRET = r"ssm:/firstbell/[A-Za-z0-9_./-]{1,200}|secretsmanager:firstbell/[A-Za-z0-9_./+=@-]{1,200}"

_LIKE_ADDRESS = re.compile(r"(?s)/|[^/]*:|.*(\?|://)|([\w-]+\.)+[A-Za-z]{2,}/")


def _expression(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error


def _is_address(url: str) -> bool:
    try:
        found = urlsplit(url)
        return bool(found.hostname) and found.username is None and found.port != 0
    except ValueError:
        return False


Pattern = Annotated[str, Checked(_expression)]


@dataclass(frozen=True)
class Rule(Strict):
    """Which events of a calendar it means (every condition given must hold), and what they count as."""

    match: Annotated[Pattern, Help("Regular expression, searched in the event's title.")] = ""
    category: Annotated[Pattern, Help("Regular expression, searched in the event's categories.")] = ""
    calendar: Annotated[Pattern, Help("Regular expression, searched in the calendar's own name (X-WR-CALNAME).")] = ""
    kind: Annotated[Kind | None, Help("What such an event is.")] = None
    participants: Annotated[int | None, Within(0, 1_000_000), Help("How many take part.")] = None
    ignore: Annotated[bool, Help("Leave such events out.")] = False


@dataclass(frozen=True)
class CalendarSource(Strict):
    """One source of peaks: an iCalendar file or feed, a Moodle (or its recorded answers), or a term file."""

    ical: Annotated[str, Help("An iCalendar file beside the site file, or the https address of a feed.")] = ""
    moodle: Annotated[str, Help("The https address of a Moodle, or a folder with its recorded answers.")] = ""
    term: Annotated[str, Help("A term file (YAML) beside the site file.")] = ""
    token: Annotated[
        str,
        Matching(rf"({SECRET})?", "a secret such as ssm:/firstbell/moodle-token or secretsmanager:firstbell/moodle"),
        Help("Where the token of Moodle's web service is kept; with the address of a Moodle."),
    ] = ""
    kind: Annotated[Kind | None, Help("What an event is, unless a rule says otherwise.")] = None
    participants: Annotated[int | None, Within(0, 1_000_000), Help("How many take part, unless known better.")] = None
    participants_factor: Annotated[float, Within(0, 1000), Help("The participants are multiplied by this.")] = 1.0
    rules: Annotated[tuple[Rule, ...], Help("The first rule that matches an event decides.")] = ()
    may_shrink: Annotated[bool, Help("Nearly all its events may vanish at once, and that is believed.")] = False

    def __post_init__(self) -> None:
        if sum(map(bool, (self.ical, self.moodle, self.term))) != 1:
            raise ValueError("a calendar needs exactly one of 'ical', 'moodle' and 'term'")
        if self.ical and self.participants is None:
            raise ValueError("an 'ical' calendar needs 'participants': the file does not say how many take part")
        if not self.remote and _LIKE_ADDRESS.match(self.name):  # as a path it would be quoted, with its secret
            raise ValueError("only https addresses are read: begin one with https://, or a path with ./")
        if self.remote and not _is_address(self.name):
            raise ValueError("not an address: expected https://host/path without a user name in it")
        if self.term and self.remote:
            raise ValueError("a 'term' file lies beside the site file: give its path")
        if bool(self.token) != (bool(self.moodle) and self.remote):
            raise ValueError("'token' belongs to the https address of a 'moodle', and such an address needs one")

    @property
    def name(self) -> str:
        """Where it is: a path relative to the site file, or an address."""
        return self.ical or self.moodle or self.term

    @property
    def remote(self) -> bool:
        """It is fetched from another host."""
        return self.name.startswith("https://")

    @property
    def label(self) -> str:
        """What it is called in plans, messages and keys: of an address the host, and a mark where there may be several.

        The path and the query of a feed often hold its secret.
        """
        if not self.remote:
            return self.name
        host = urlsplit(self.name).hostname or "?"
        return host if self.moodle else f"{host}#{sha256(self.name.encode()).hexdigest()[:6]}"
