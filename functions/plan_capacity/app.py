"""Plans capacity: the sites' calendars → demand → steps → the smallest change of their groups' scheduled actions."""

from typing import Any

from firstbell import published
from firstbell.aws.autoscaling import UnknownGroupError
from firstbell.aws.bucket import Bucket
from firstbell.calendar.values import CalendarError
from firstbell.capacity import complaints, keeping, publishing, reconcile
from firstbell.oncall import resolving
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
    for folder in folders:
        with run.guard(folder):
            _keep_planned(run, folder, known.get(folder.name))
    for gone in known.keys() - {folder.name for folder in folders}:
        run.log.warning("site withdrawn: its site file is gone", site=gone)
        published.withdraw(run.table, gone)
    return run.finish()


def _keep_planned(run: Run, folder: publishing.SiteFolder, known: Site | None) -> None:
    site, signals = _site(run, folder, known)
    changes: list[reconcile.Change] = []
    checked = {complaints.SITE_FILE.key}  # what this run can say is well again
    if site is not None:
        checked.add(complaints.GROUP.key)
        try:
            seen = keeping.observe(site, run.table, run.now)
        except UnknownGroupError as error:
            signals.append(complaints.GROUP.signal(site.name, (str(error),), run.now))
        else:
            plan = seen.plan
            checked = {complaint.key for complaint in complaints.ALL}
            try:
                plan = publishing.plan(site, folder, run.now, seen.group.max_size)
            except CalendarError as error:
                signals.append(complaints.CALENDAR.signal(site.name, (str(error),), run.now))
            signals += complaints.about_plan(site.name, plan, seen.group.suspended, run.now)
            changes = reconcile.follow(site, seen, plan, run.now)
            if plan is not None:
                keeping.save_plan(run.table, reconcile.remembering(site, seen, plan))
    raised = {signal.key for signal in signals}
    signals += resolving.over(run.table, folder.name, checked, raised, run.now)
    run.act(folder, [*changes, *signals], keeping.applier(run.table, folder.name))
    run.count("PlannedSites")


def _site(run: Run, folder: publishing.SiteFolder, known: Site | None) -> tuple[Site | None, list[Signal]]:
    """The folder's site, published if it is new or changed; a broken file leaves the known one in force."""
    try:
        site = publishing.read(folder)
    except SiteFileError as error:
        return known, [complaints.SITE_FILE.signal(folder.name, tuple(str(error).splitlines()[:20]), run.now)]
    if site != known:
        published.publish(run.table, site)
        run.log.info("site published", site=site.name)
    return site, []
