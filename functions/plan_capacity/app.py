"""Plans capacity: the sites' calendars → demand → steps → the smallest change of their groups' scheduled actions."""

from collections.abc import Collection, Iterable
from typing import Any

from firstbell import published
from firstbell.aws.autoscaling import UnknownGroupError
from firstbell.aws.bucket import Bucket
from firstbell.capacity import complaints, keeping, publishing
from firstbell.capacity.drafting import Draft, draft
from firstbell.capacity.reconcile import Change
from firstbell.learning import remembering
from firstbell.loans import lending
from firstbell.oncall import pinging, resolving, rota_keeping
from firstbell.oncall.signal import Signal
from firstbell.running import Run
from firstbell.site import Site
from firstbell.site_file import SiteFileError


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Woken every 15 minutes, and when a file of a site changes."""
    run = Run.start("plan_capacity", event, context)
    if run.hint is None:
        return run.finish()
    known = {site.name: site for site in published.sites(run.table, run.now)}
    folders = publishing.folders(Bucket(run.environment.bucket))
    for folder in run.in_time(publishing.meant(folders, run.hint)):
        with run.guard(folder):
            _keep_planned(run, folder, known.get(folder.name))
    for gone in known.keys() - {folder.name for folder in folders}:
        run.log.warning("site withdrawn: its site file is gone", site=gone)
        published.withdraw(run.table, gone)
    return run.finish()


def _keep_planned(run: Run, folder: publishing.SiteFolder, known: Site | None) -> None:
    site, signals = _site(run, folder, known)
    checked = {complaints.SITE_FILE.key}  # what this run can say is well again
    changes: list[Change] = []
    made: Draft | None = None
    if site is not None:
        checked.add(complaints.GROUP.key)
        try:
            made = draft(site, folder, run.table, run.now)
        except UnknownGroupError as error:
            signals.append(complaints.GROUP.signal(site.name, (str(error),), run.now))
        else:
            checked = {complaint.key for complaint in complaints.ALL}
            signals += made.complaints(run.now)
            changes = made.changes(run.now)
            with run.guard(site):
                keeping.save_plan(run.table, made.plan)
    opened = resolving.open_incidents(run.table, folder.name)
    signals += _over(run, opened, folder.name, checked, signals)
    run.act(folder, [*changes, *signals], keeping.applier(run.table, folder.name))
    if site is not None:
        with run.guard(site):
            run.act(folder, rota_keeping.refresh(site, folder.read, run.table, opened, run.now), run.tell)
    run.count("PlannedSites")
    with run.guard(folder):
        pinging.note(run.table, folder.name, run.now)
    if made is not None:
        _after(run, made, opened)


def _after(run: Run, made: Draft, opened: resolving.Open) -> None:
    """What comes after the plan, each guarded: a tier or a metric that fails must never keep the plan back."""
    site, table = made.site, run.table
    with run.guard(site):
        run.act(site, made.let_go(run.now), keeping.applier(table, site.name))
    with run.guard(site):
        troubles = made.troubles(run.now)
        over = _over(run, opened, site.name, {complaints.LAUNCHES.key}, troubles)
        run.act(site, [*troubles, *over], run.tell)
    with run.guard(site):
        actions = lending.changes(site, made.plan, table, run.environment, run.now)
        over = _over(run, opened, site.name, lending.checked(actions), [a for a in actions if isinstance(a, Signal)])
        run.act(site, [*actions, *over], lending.applier(table, site.name, run.environment))
    with run.guard(site):
        holidays = made.found.content.holidays
        learned = remembering.learn(site, table, made.seen.group, made.plan, run.now, holidays)
        run.act(site, learned, remembering.applier(table, site.name))


def _over(
    run: Run, opened: resolving.Open, site: str, checked: Collection[str], signals: Iterable[Signal]
) -> list[Signal]:
    return resolving.no_longer(opened, site, checked, {signal.key for signal in signals}, run.now)


def _site(run: Run, folder: publishing.SiteFolder, known: Site | None) -> tuple[Site | None, list[Signal]]:
    """The folder's site, published if it is new or changed; a broken file leaves the known one in force."""
    try:
        site = publishing.read(folder)
        publishing.refuse_shared_group(site, published.sites(run.table, run.now))
    except SiteFileError as error:
        return known, [complaints.SITE_FILE.signal(folder.name, tuple(str(error).splitlines()[:20]), run.now)]
    if site != known:
        published.publish(run.table, site)
        run.log.info("site published", site=site.name)
    return site, []
