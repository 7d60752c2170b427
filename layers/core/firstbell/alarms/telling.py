"""What on-call hears: what was seen, what was done, what was not and why, how long until it helps. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from firstbell.alarms.belonging import STALE, is_store, key_of, matters
from firstbell.alarms.credits import Forecast
from firstbell.alarms.judging import Load, credit_key, lacking
from firstbell.alarms.sayings import measured
from firstbell.alarms.sizing import Bounds
from firstbell.alarms.values import Alarm
from firstbell.capacity.complaints import Complaint
from firstbell.oncall.signal import Severity, Signal
from firstbell.site import Site

SHOWN = 6  # alarms in the evidence
STORAGE = Complaint(
    "storage-slow",
    "The shared storage is slow",
    "Not done: no web server was added, for each makes it slower.",
)
DATABASE = Complaint(
    "database-saturated",
    "The database is saturated",
    "Not done: no web server was added, for each opens more connections and makes it worse.",
)
WEB = Complaint("web-saturated", "The web servers are saturated", "")
ERRORS = Complaint(
    "errors-without-load",
    "Pages fail, and not for want of capacity",
    "Not done: nothing was scaled, for the web servers are not busy. Look at what was deployed or changed last.",
)
CREDITS = Complaint("credits", "Something is being used up", "")


def of_cause(
    cause: Complaint,
    site: Site,
    load: Load,
    why: Sequence[str],
    busy: str,
    done: Sequence[str],
    helps: str,
    now: datetime,
) -> Signal:
    """The page about slow storage, a saturated database or errors; `busy` is why the web servers are it too."""
    also = f"The web servers are busy too ({busy}), which may come of it" if busy else ""
    return _told(cause, site, load, why, also, done, helps, "page", now)


def of_web(
    site: Site, load: Load, why: Sequence[str], need: int, limits: Bounds, done: Sequence[str], now: datetime
) -> Signal:
    """A ticket while more web servers are enough; a page when more would be needed than are allowed, or pages fail.

    That pages fail is said in `why`, after the servers' own reason.
    """
    minutes = load.lead // 60
    helps = f"New instances serve in about {minutes} min and take new sessions only: who is logged in stays"
    if need <= limits.most:
        return _told(WEB, site, load, why, "", done, helps, "page" if len(why) > 1 else "ticket", now)
    price = (need - limits.most) * site.fleet.instance_price
    beyond = (
        f"Not done: {need} instances would be needed, {limits.most} is the most (max_instances"
        f" {site.fleet.max_instances}, MaxSize {load.group.max_size}). The others would cost about ${price:.2f} an hour"
    )
    return _told(WEB, site, load, why, beyond, done, "", "page", now)


def of_credits(site: Site, load: Load, found: Forecast, now: datetime) -> Signal:
    """A ticket half a day before something is gone, a page three hours before."""
    severity: Severity = "page" if found.wakes else "ticket"
    told = _told(CREDITS, site, load, (found.said(now),), "", (), "", severity, now)
    return replace(told, key=credit_key(found), title=f"Used up soon: {found.supply.what}")


def of_alarm(site: Site, load: Load, alarm: Alarm, done: Sequence[str], now: datetime) -> Signal:
    """A page about an alarm that no tier explains; a ticket when it is on for days, or when what is low will last."""
    days = (now - alarm.since) // STALE
    severity: Severity = "ticket" if days or is_store(alarm) else "page"
    what = [f"It has been on for {days} days"] if days else []
    what += ["What it is about is low, but will last for half a day or cannot be forecast"] if is_store(alarm) else []
    what += ["No tier of the site is saturated, so nothing was added", _missing(site, load)]
    of = alarm.metric if alarm.kind != "composite" else f"a composite of {', '.join(alarm.children)}"
    threshold = f" against {alarm.threshold:g}" if alarm.kind in ("metric", "math") else ""
    about = f"{of}{threshold}, since {alarm.since:%Y-%m-%d %H:%M} UTC"
    return Signal(
        site=site.name,
        key=key_of(alarm),
        severity=severity,
        title=f"Alarm {alarm.name} is on",
        what=_sentences(what),
        evidence=(about, *measured(load.group, load.tiers)),
        done=tuple(done),
        runbook="other-alarm",
        at=now,
    )


def _told(
    complaint: Complaint,
    site: Site,
    load: Load,
    why: Sequence[str],
    undone: str,
    done: Sequence[str],
    helps: str,
    severity: Severity,
    now: datetime,
) -> Signal:
    what = _sentences([_upper("; ".join(why)), complaint.what, undone, helps, _missing(site, load)])
    signal = complaint.signal(site.name, (*measured(load.group, load.tiers), *_alarms(load, now)), now)
    return replace(signal, what=what, done=tuple(done), severity=severity)


def _missing(site: Site, load: Load) -> str:
    unknown = lacking(site, load.tiers)
    return f"Not known, and so not judged: {', '.join(unknown)}" if unknown else ""


def _alarms(load: Load, now: datetime) -> list[str]:
    on = sorted((a for a in load.alarms if matters(a)), key=lambda a: a.since)
    more = [f"and {len(on) - SHOWN} more alarms"] if len(on) > SHOWN else []
    return [f"alarm {a.name} is on since {_since(a.since, now)}" for a in on[:SHOWN]] + more


def _since(moment: datetime, now: datetime) -> str:
    return f"{moment:%H:%M} UTC" if now - moment < timedelta(days=1) else f"{moment:%Y-%m-%d %H:%M} UTC"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentences(parts: Sequence[str]) -> str:
    return " ".join(f"{part.rstrip('.')}." for part in parts if part)
