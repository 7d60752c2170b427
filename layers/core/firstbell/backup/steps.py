"""The steps of `statemachines/back_up.asl.json`: state so far in, what is merged into it out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from firstbell.acting import Explained
from firstbell.aws import rds
from firstbell.aws.table import Table
from firstbell.backup.database import (
    KEY,
    ONLY_DATABASE,
    RecordBackup,
    TakeSnapshot,
    recovered,
    snapshot_name,
    stage,
)
from firstbell.running import Run
from firstbell.site import Site

EXECUTION = "firstbell:execution"


class UnknownStepError(ValueError):
    """The state machine asked for a step or a site that there is not; the message names it."""


def take(run: Run, sites: Mapping[str, Site], state: Mapping[str, Any]) -> dict[str, Any]:
    """Do the step that `state` asks for. Raises UnknownStepError, and what AWS refuses."""
    step = state.get("step")
    if step == "sites":
        return {"sites": sorted(sites)}
    site = sites.get(str(state.get("site")))
    if site is None:
        raise UnknownStepError(f"there is no published site {state.get('site')!r}")
    match step:
        case "start":
            return _start(run, site, str(state.get("execution", "")))
        case "check":
            return {"status": stage(rds.status(str(state["snapshot"])))}
        case "record":
            return _record(run, site, str(state["snapshot"]), datetime.fromisoformat(state["started"]))
        case _:
            raise UnknownStepError(f"{step!r} is not a step: sites, start, check, record")


def _start(run: Run, site: Site, execution: str) -> dict[str, Any]:
    """Begin a snapshot, unless this execution has begun one already (a retry): its tag says so."""
    database = site.backup.database
    if not database:
        return {"status": "none"}
    begun = [s.name for s in rds.snapshots(database) if execution and (EXECUTION, execution) in s.tags]
    name = begun[0] if begun else snapshot_name(site.name, run.now)
    if not begun:
        run.act(site, [TakeSnapshot(name, database, execution, "backup, database first")], _applier(run.table, site))
    return {"status": "creating", "snapshot": name, "started": run.now.isoformat()}


def _record(run: Run, site: Site, snapshot: str, at: datetime) -> dict[str, Any]:
    incident = run.table.get(f"SITE#{site.name}", f"INCIDENT#{KEY}")
    raised = {KEY} if incident and incident.data.get("state") == "open" else set()
    actions: list[Explained] = [
        RecordBackup(snapshot, site.backup.database, at),
        *recovered(site.name, raised, run.now),
    ]
    run.act(site, actions, _applier(run.table, site))
    return {"recorded": ONLY_DATABASE}


def _applier(table: Table, site: Site) -> Any:
    def apply(action: TakeSnapshot | RecordBackup) -> None:
        match action:
            case TakeSnapshot(name, database, execution):
                rds.create_snapshot(database, name, {"firstbell:site": site.name, EXECUTION: execution})
            case RecordBackup(name, database, at, reason):
                document = {"snapshot": name, "database": database, "at": at.isoformat(), "holds": reason}
                table.put(f"SITE#{site.name}", f"BACKUP#{at.isoformat()}", document)

    return apply
