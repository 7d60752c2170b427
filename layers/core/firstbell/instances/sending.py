"""Runs the probe's document on instances: each is claimed first, so that of two looks at once one sends it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

from firstbell.aws import commands
from firstbell.instances.keeping import Records
from firstbell.instances.records import Record
from firstbell.site import Site

T = TypeVar("T")
ADMITTING, PATROLLING, LEAVING = "admitting", "patrolling", "leaving"  # why the document runs: its parameter `purpose`
DELIVER_WITHIN = 60  # seconds: a command for an instance that is not reached ends then
SLOW_MS = 2000
PROBE_SECONDS = 20
REPAIRS = 2  # most mount attempts of a run
COMMAND_SECONDS = 10  # this and the following are the probe's own limits, see its module's docstring
REPAIR_SECONDS = 3 * COMMAND_SECONDS
WEB_SECONDS = 15  # for the web server, but for the time for warming


def send_probes(site: Site, records: Records, document: str, instances: Sequence[str]) -> None:
    """Probe `instances`, fifty by one command: to admit those in their launch hook, warmed unless it is the pool's.

    What fails for one does not stop the others and is raised at the end.
    """
    kinds: dict[tuple[str, bool], list[str]] = {}
    for instance in instances:
        record = records.get(instance)
        admitted = record if record and record.phase == "admission" else None
        kind = (ADMITTING, not admitted.pooled) if admitted else (PATROLLING, False)
        kinds.setdefault(kind, []).append(instance)
    _raise([error for kind, ids in kinds.items() for error in _send(site, records, document, ids, *kind)])


def look_at_leaving(site: Site, records: Records, document: str, instances: Sequence[str]) -> None:
    """Ask leaving `instances` what they still work on, and stop their cron's timer; failures as in `send_probes`."""
    _raise(_send(site, records, document, instances, LEAVING))


def probe_parameters(site: Site, purpose: str, warmed: bool = True) -> dict[str, str]:
    """What the document is told of the site; what is empty is its default, and so left out."""
    web, moodledata = site.web, site.moodledata
    found = {
        "path": moodledata.path,
        "purpose": purpose,
        "fstype": moodledata.fstype,
        "source": moodledata.source,
        "site": site.name if moodledata.sentinel else "",
        "slowMs": str(SLOW_MS),
        "timeoutSeconds": str(PROBE_SECONDS),
        "repair": str(REPAIRS),
        "webHost": web.host,
        "webPort": str(web.port),
        "page": web.check,
        "warm": " ".join(web.warm),
        "warmMs": str(web.warm_ms),
        "warmSeconds": str(_warming(site, purpose, warmed)),
        "cron": web.cron,
    }
    return {name: value for name, value in found.items() if value}


def answer_within(site: Site, purpose: str, warmed: bool = True, instances: int = 1) -> timedelta:
    """How long a command may take that runs on so many instances, its delivery included: then it counts as lost."""
    if purpose == LEAVING:
        run = PROBE_SECONDS + 1 + COMMAND_SECONDS
    else:
        run = (REPAIRS + 1) * (PROBE_SECONDS + 1) + REPAIRS * REPAIR_SECONDS + WEB_SECONDS
    turns = -(-min(instances, commands.PER_CALL) // commands.AT_ONCE)
    return timedelta(seconds=DELIVER_WITHIN + turns * (run + _warming(site, purpose, warmed)))


def _warming(site: Site, purpose: str, warmed: bool) -> int:
    return site.web.warm_seconds if purpose == ADMITTING and warmed and site.web.host else 0


def _send(
    site: Site, records: Records, document: str, instances: Sequence[str], purpose: str, warmed: bool = True
) -> list[Exception]:
    within, claimed = answer_within(site, purpose, warmed, len(instances)), list[str]()
    errors = _each(instances, lambda i: claimed.append(i) if records.claim(i, within) else None)
    waiting = [claimed[n : n + commands.PER_CALL] for n in range(0, len(claimed), commands.PER_CALL)]
    while waiting:
        batch = waiting.pop(0)
        try:
            command = commands.send(document, batch, probe_parameters(site, purpose, warmed), DELIVER_WITHIN)
        except commands.UnreachableError as error:  # for one whose agent is not online AWS refuses them all
            offline = [i for i in batch if i in str(error)] or (batch if len(batch) == 1 else [])
            errors += _each(offline, partial(_note_unsent, records, why=f"not sent: {error}", offline=True))
            left = [i for i in batch if i not in offline]
            half = len(left) if offline else len(left) // 2  # AWS names them; if ever it does not, they are searched
            waiting += [part for part in (left[:half], left[half:]) if part]
        except Exception as error:  # noqa: BLE001 - raised at the end
            errors += [error, *_each(batch, partial(_note_unsent, records, why=f"not sent: {error}"))]
        else:
            errors += _each(batch, partial(_note, records, command=command))
    return errors


def _raise(errors: list[Exception]) -> None:
    if errors:
        raise ExceptionGroup(f"{len(errors)} failures in sending probes", errors)


def _each(items: Iterable[T], work: Callable[[T], object]) -> list[Exception]:
    errors = []
    for item in items:
        try:
            work(item)
        except Exception as error:  # noqa: BLE001 - the caller raises what failed
            errors.append(error)
    return errors


def _note(records: Records, instance: str, command: str) -> None:
    records.change(instance, lambda r: replace(r, command=command, no_answer=""))


def _note_unsent(records: Records, instance: str, why: str, offline: bool = False) -> None:
    """One that is offline was no attempt: at a launch the agent is not yet there."""

    def changed(r: Record) -> Record:
        unsent = replace(r, command="", no_answer=why, silent_in_a_row=r.silent_in_a_row + 1)
        return replace(unsent, reached=False, attempts=max(0, r.attempts - 1)) if offline else unsent

    records.change(instance, changed)
