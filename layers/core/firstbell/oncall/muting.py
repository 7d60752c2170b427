"""Why nobody is told of an open incident now: a silence, maintenance, another incident that explains it, quiet hours.

What is muted is recorded as open; when it is muted no longer and still open, it is told then. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from firstbell.calendar import zones
from firstbell.oncall.incident import RANK, Incident
from firstbell.oncall.texts import digest
from firstbell.site import Inhibit, Site
from firstbell.site.oncall import hours

LONGEST = timedelta(days=30)  # of a silence: what is silent for longer wants another threshold
NEVER = ("readiness/",)  # pages that only a silence with just their key mutes
LINGERS = timedelta(minutes=10)  # after its cause is over an effect has this long to end by itself: two probes' time
STUCK = timedelta(days=1)  # so long without a word, and a cause explains nothing more: it may be open by mistake
EXPLAINED = "explained by"
_PAGES = ("web-silent/", "web-saturated", "errors-without-load")  # what students see of any cause behind the servers
PRODUCT = tuple(
    Inhibit(source, mutes)
    for source, muted in {
        "storage": ("mount/", "replacement/", "admission/", "storage-slow", *_PAGES),
        "storage-slow": _PAGES,
        "database-saturated": _PAGES,
    }.items()
    for mutes in muted
)


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody is told of incidents whose key `matches`, from `start` to `end` (UTC), because `owner` says so."""

    owner: str
    reason: str
    matches: str
    start: datetime
    end: datetime

    @property
    def id(self) -> str:
        """What it is called in the table; the same silence again is the same one."""
        return digest(self.owner, self.reason, self.matches, self.start.isoformat(), self.end.isoformat())[:8]


@dataclass(frozen=True, slots=True)
class Muted:
    """By what, in words; `until` is when that ends, if it is known."""

    by: str
    until: datetime | None = None


def matches(pattern: str, key: str) -> bool:
    """Whether a key is meant: just this one, all below a prefix that ends in a slash, or by `*` and `?`."""
    return pattern == key or (pattern.endswith("/") and key.startswith(pattern)) or fnmatchcase(key, pattern)


def muted(
    incident: Incident, site: Site, silences: Iterable[Silence], others: Iterable[Incident], now: datetime
) -> Muted | None:
    """Why nobody is told of the incident now, if so."""
    never = incident.severity == "page" and incident.key.startswith(NEVER)
    found = [
        s
        for s in (*silences, *_maintenance(site))
        if s.start <= now < s.end and (s.matches == incident.key if never else matches(s.matches, incident.key))
    ]
    if found:
        last = max(found, key=lambda silence: (silence.end, silence.id))
        return Muted(f"silenced by {last.owner}: {last.reason}", last.end)
    cause = None if never else next(_causes(incident, site, others, now), None)
    if cause is None:
        return quiet(incident, site, now)
    return Muted(f"{EXPLAINED} {cause.key}: {cause.title}", cause.resolved_at + LINGERS if cause.resolved_at else None)


def quiet(incident: Incident, site: Site, now: datetime) -> Muted | None:
    """The quiet hours in which incidents of this severity wait, if it is such an hour. Pages never wait."""
    told = site.oncall.quiet
    wanted = {"page": (), "ticket": (told.ticket,), "info": (told.ticket, told.info)}[incident.severity]
    ends = [end for text in wanted if text and (end := _quiet_until(text, site, now))]
    return Muted(f"quiet hours for severity {incident.severity}", max(ends)) if ends else None


def _quiet_until(text: str, site: Site, now: datetime) -> datetime | None:
    begins, ends = hours(text)
    local = now.astimezone(site.zone)
    clock = local.time().replace(tzinfo=None)
    if not (begins <= clock < ends if begins < ends else clock >= begins or clock < ends):
        return None
    day = local.date() + timedelta(days=clock >= ends)
    return zones.ends(datetime.combine(day, ends), site.zone)


def _maintenance(site: Site) -> Iterator[Silence]:
    for window in site.oncall.maintenance:
        if window.start.tzinfo is not None:
            start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
        else:
            start, end = zones.begins(window.start, site.zone), zones.ends(window.end, site.zone)
        yield Silence("maintenance", window.reason, window.matches, start, end)


def pairs(site: Site) -> Sequence[Inhibit]:
    """What explains what."""
    return (*PRODUCT, *site.oncall.inhibit)


def explains(incident: Incident, site: Site, now: datetime) -> bool:
    """Whether the incident may be what explains others now."""
    lasts = now - (incident.resolved_at or incident.last_signal_at)
    recent = lasts < (LINGERS if incident.resolved_at else STUCK)
    return recent and any(matches(p.source, incident.key) for p in pairs(site))


def _causes(incident: Incident, site: Site, others: Iterable[Incident], now: datetime) -> Iterator[Incident]:
    """What explains it: nothing that is itself explained by another (two would mute each other), or is less severe."""
    mine = [p.source for p in pairs(site) if matches(p.mutes, incident.key)]
    for other in sorted(others, key=lambda o: o.key) if mine else ():
        if other.key == incident.key or other.muted_by.startswith(EXPLAINED):
            continue
        enough = RANK[other.severity] >= RANK[incident.severity] and explains(other, site, now)
        if enough and any(matches(source, other.key) for source in mine):
            yield other
