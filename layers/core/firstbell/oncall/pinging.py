"""Sends the heartbeat: reads when the planner has run, asks the addresses, and remembers since when one fails.

An address is a secret: no text here has it.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime

from firstbell import web
from firstbell.aws.table import Table
from firstbell.oncall import heartbeat
from firstbell.oncall.channels import ready
from firstbell.oncall.channels.channel import Refused
from firstbell.oncall.desk import PREFIX as INCIDENT
from firstbell.oncall.signal import Signal
from firstbell.running import Run
from firstbell.site import Site

PLANNED, PING = "RUN#plan_capacity", "PING"
THREADS, LONGEST = 16, 10.0  # seconds for all addresses


def note(table: Table, site: str, now: datetime) -> None:
    """Record that the planner has run for a site."""
    table.put(f"SITE#{site}", PLANNED, {"at": now.isoformat()})


def beat(run: Run, sites: Iterable[Site]) -> list[Signal]:
    """Send each site's heartbeat, and return what is to be said of those that do not arrive."""
    urls: dict[str, str] = {}
    why: dict[str, str] = {}
    watched = [site for site in sites if site.oncall.ping]
    for site in watched:
        with run.guard(site):
            if not heartbeat.is_alive(_planned_at(run.table, site.name), run.now):
                run.count("HeartbeatsWithheld")
                continue
            try:
                urls[site.name] = ready.text_of(site.oncall.ping, run.now)
            except Refused as error:
                why[site.name] = str(error)
    why |= _asked(urls, {site.name: site.private_hosts for site in watched})
    run.count("PingsFailed", sum(map(bool, why.values())))
    signals: list[Signal] = []
    for site in watched:
        if site.name in why:
            with run.guard(site):
                signals += _said(run.table, site.name, why[site.name], run.now)
    return signals


def _planned_at(table: Table, site: str) -> datetime | None:
    stored = table.get(f"SITE#{site}", PLANNED)
    return datetime.fromisoformat(stored.data["at"]) if stored else None


def _asked(urls: Mapping[str, str], private_hosts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Ask all at once; by site why it failed, or nothing."""
    pool = ThreadPoolExecutor(THREADS)
    asked = {site: pool.submit(_ask, url, private_hosts[site]) for site, url in urls.items()}
    wait(asked.values(), timeout=LONGEST)
    pool.shutdown(wait=False, cancel_futures=True)
    done = {site: future for site, future in asked.items() if future.done() and not future.cancelled()}
    return {site: done[site].result() if site in done else "no time was left for it" for site in asked}


def _ask(url: str, private_hosts: tuple[str, ...]) -> str:
    try:
        answer = web.ping(url, private_hosts=private_hosts)
    except web.WebError as error:
        return str(error)
    return "" if 200 <= answer.status < 300 else f"it answered {answer.status}"


def _said(table: Table, site: str, why: str, now: datetime) -> list[Signal]:
    """What is to be said; the record of failing stays until the incident about it is over."""
    pk = f"SITE#{site}"
    stored = table.get(pk, PING)
    if stored is None:
        if why:
            table.put(pk, PING, {"since": now.isoformat()})
        return []
    incident = table.get(pk, INCIDENT + heartbeat.KEY)
    raised = incident is not None and incident.data.get("state") == "open"
    if not why and not raised:
        table.delete(pk, PING)
    return heartbeat.decide(site, why, datetime.fromisoformat(stored.data["since"]), raised, now)
