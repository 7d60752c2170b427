"""How a site is run: its shared directory, the ways of instances in and out, who is on call, and what is backed up."""

import re
from dataclasses import dataclass
from typing import Annotated

from firstbell.site.checks import Help, Matching, Strict, Within


@dataclass(frozen=True)
class Moodledata(Strict):
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
class Admission(Strict):
    """How long a launched instance may take, and how long a leaving one may drain."""

    deadline: Annotated[int, Within(120, 7200), Help("Seconds until an unproven instance is given up.")] = 900
    drain: Annotated[int, Within(0, 7200), Help("Seconds for which a leaving instance may go on serving.")] = 300


@dataclass(frozen=True)
class Webhook(Strict):
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
class OnCall(Strict):
    """Who hears, and how often about the same thing."""

    webhooks: Annotated[tuple[Webhook, ...], Help("Receivers beside the on-call topic's subscribers.")] = ()
    repeat: Annotated[int, Within(300, 604_800), Help("Seconds until an open incident is told again.")] = 14_400


@dataclass(frozen=True)
class Backup(Strict):
    """What the nightly run copies."""

    database: Annotated[
        str,
        Matching(r"[A-Za-z0-9-]{0,63}", "the identifier of an RDS instance"),
        Help("RDS instance to snapshot; empty: none."),
    ] = ""
