"""`firstbell peak add`, `list` and `remove`: "we have an exam", for people who do not write YAML."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from cli import screen
from cli.errors import USAGE, CommandError
from cli.options import SITE, Json, counted, examples
from cli.times import local
from firstbell import clock

if TYPE_CHECKING:
    from cli.peak_store import Store
    from firstbell.calendar.peak_file import Edit
    from firstbell.calendar.term_values import PlannedPeak
    from firstbell.capacity.values import Plan
    from firstbell.site import Site

EXAMPLES = examples(
    "firstbell peak add --start 2026-12-01T09:00 --minutes 120 --participants 900 --title 'Entrance exam'",
    "firstbell peak add --start 2026-12-01T09:00 --end 2026-12-01T11:00 --participants 900 --bucket B --site campus",
    "firstbell peak list --json",
    "firstbell peak remove 'Entrance exam'",
)

app = typer.Typer(
    help="Tell the planner of an exam, a quiz or a deadline that no calendar has; it is kept in peaks.yaml.",
    epilog=EXAMPLES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
SiteName = Annotated[str, typer.Option("--site", help="The site file; with --bucket the site's name.", metavar="SITE")]
BucketName = Annotated[str, typer.Option("--bucket", help="The deployed bucket with the site's files.", metavar="NAME")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the file that would be written, and write nothing.")]
A_DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


@app.command(epilog=EXAMPLES)
def add(
    start: Annotated[str, typer.Option(help="When it begins: 2026-12-01T09:00 in the site's zone.", metavar="TIME")],
    participants: Annotated[int, typer.Option(help="How many take part.")],
    end: Annotated[str, typer.Option(help="When it ends; or say --minutes.", metavar="TIME")] = "",
    minutes: Annotated[int | None, typer.Option(help="How long it lasts; or say --end.")] = None,
    kind: Annotated[str, typer.Option(help="exam, quiz, deadline, lecture or term_start.")] = "exam",
    title: Annotated[str, typer.Option(help="What it is called.", show_default="its kind")] = "",
    course: Annotated[
        str, typer.Option(help="Its course's short name in Moodle: the same exam from Moodle then counts once.")
    ] = "",
    expires: Annotated[
        str, typer.Option(help="When it is forgotten.", metavar="TIME", show_default="a day after its end")
    ] = "",
    site: SiteName = str(SITE),
    bucket: BucketName = "",
    dry_run: DryRun = False,
) -> None:
    """Plan for many people at one time. Adding the same peak again changes nothing."""
    if bool(end) == (minutes is not None):
        raise CommandError("say with one of --end and --minutes when it ends", USAGE)
    from cli.peak_store import open_store
    from firstbell.calendar.peak_file import identity

    store = open_store(site, bucket)
    zone = store.site.zone
    given = {"title": title or kind, "start": start, "end": end, "minutes": minutes, "participants": participants}
    wanted = _read(given | {"kind": kind, "course": course, "expires": expires}, zone)

    def append(peaks: "list[PlannedPeak]") -> "list[PlannedPeak] | None":
        there = next((p for p in peaks if identity(p, zone) == identity(wanted, zone)), None)
        if there is None:
            return [*peaks, wanted]
        same = (there.participants, there.kind) == (wanted.participants, wanted.kind)
        same = same and (not course or there.course == wanted.course)
        if same and (not expires or there.expires == wanted.expires):
            return None
        raise CommandError(
            f"{store.place}: {there.title!r} is there at that time already, and it differs; remove it first, or give"
            " the other one a --title of its own"
        )

    if _changed(store, append, dry_run):
        _tell_added(wanted, store)


@app.command("list", epilog=EXAMPLES)
def show(site: SiteName = str(SITE), bucket: BucketName = "", as_json: Json = False) -> None:
    """Show the peaks that were added, with their numbers."""
    from cli import peak_view
    from cli.peak_store import open_store
    from firstbell.calendar import peak_file

    store, now = open_store(site, bucket), clock.now()
    zone = store.site.zone
    peaks = peak_file.read(store.read(), store.place, zone)
    if as_json:
        screen.print_json([peak_view.plain(n, peak, zone, now) for n, peak in enumerate(peaks, 1)])
    elif peaks:
        heads = ("", f"Local time ({zone.key})", "UTC", "People", "Kind", "Title", "Forgotten")
        rows = [peak_view.row(n, peak, zone, now) for n, peak in enumerate(peaks, 1)]
        screen.console().print(screen.table(heads, rows, right=(0, 3)))
    else:
        print(f"{store.place}: no peaks")


@app.command(epilog=EXAMPLES)
def remove(
    which: Annotated[str, typer.Argument(help="Its number or title.", metavar="NUMBER|TITLE", show_default=False)],
    site: SiteName = str(SITE),
    bucket: BucketName = "",
    dry_run: DryRun = False,
) -> None:
    """Forget a peak that was added."""
    from cli import peak_view
    from cli.peak_store import open_store

    store = open_store(site, bucket)
    found: list[PlannedPeak] = []  # chosen once: when the file is read again, a number may be another peak's

    def without(peaks: "list[PlannedPeak]") -> "list[PlannedPeak] | None":
        found[:] = found or [_chosen(peaks, which, store.place)]
        return [peak for peak in peaks if peak not in found] if found[0] in peaks else None

    if _changed(store, without, dry_run):
        print(f"Removed: {peak_view.sentence(found[0], store.site.zone)}. {store.next}")


def _changed(store: "Store", edit: "Edit", dry_run: bool) -> bool:
    """Whether the file was written. Without a need to, or in a dry run, it says so."""
    from firstbell.calendar import peak_file

    def rewrite(text: bytes) -> bytes | None:
        return peak_file.edited(text, store.place, store.site.zone, clock.now(), edit)

    if dry_run:
        text = rewrite(store.read())
        print(end="" if text is None else text.decode())
        screen.console(err=True).print(screen.text(f"{store.place}: {'no change' if text is None else 'not written'}"))
        return False
    if store.change(rewrite):
        return True
    print(f"{store.place}: it is so already; nothing was changed.")
    return False


def _read(given: Mapping[str, object], zone: ZoneInfo) -> "PlannedPeak":
    """The peak that the options describe. Raises CommandError naming each wrong one."""
    from firstbell.calendar import peak_file, term, term_file
    from firstbell.yaml_file import FileError

    try:
        peak = term_file.read_peak({key: value for key, value in given.items() if value not in (None, "")})
    except FileError as error:
        lines = (f"--{p.key}: {p.says}" if p.key else f"this peak: {p.says}" for p in error.problems)
        raise CommandError("\n".join(lines)) from error
    peak = peak_file.with_expiry(peak, zone)
    begins, ends = term.times(peak, zone)
    if ends <= begins:
        raise CommandError("this peak: it ends before it begins")
    if ends <= clock.now():
        raise CommandError(f"this peak: it ended already, {local(ends, zone)} ({zone.key}); is the date right?")
    if peak_file.is_expired(peak, zone, ends - SECOND):
        raise CommandError(f"--expires: that is before the peak ends, {local(ends, zone)} ({zone.key})")
    return peak


def _chosen(peaks: "list[PlannedPeak]", which: str, place: str) -> "PlannedPeak":
    if which.isdecimal() and len(which) < 5 and 1 <= int(which) <= len(peaks):
        return peaks[int(which) - 1]
    named = [peak for peak in peaks if peak.title == which]
    if len(named) == 1:
        return named[0]
    if named:
        raise CommandError(f"{place}: {len(named)} peaks are called {which!r}; say the number, as `peak list` shows it")
    raise CommandError(f"{place}: there is no peak {which!r}; `firstbell peak list` shows which there are")


def _tell_added(peak: "PlannedPeak", store: "Store") -> None:
    from cli import peak_view
    from firstbell.calendar import term, zones

    zone = store.site.zone
    until = f"on {local(term.ends_at(peak.expires, zone), zone)}" if peak.expires else "never"
    print(f"Servers will be planned for {peak_view.sentence(peak, zone)}; it is forgotten {until}.")
    plan = _outlook(peak, store.site)
    most = counted(max(n.instances for n in plan.floors or plan.steps), "instance")
    begun = " It has begun already." if term.times(peak, zone)[0] <= clock.now() else ""
    print(f"On its own it asks for {most}; the site may have {store.site.fleet.max_instances}.{begun}")
    doubts = [zones.note(moment, zone) for moment in (peak.start, peak.end) if moment and not moment.tzinfo]
    _warn(*doubts, *plan.shortfalls)
    print(f"Written to {store.place}. {store.next}")
    _warn(*_alike(plan, store))  # at last: it reads the other calendars, and AWS may refuse that


def _warn(*sentences: str) -> None:
    for sentence in filter(None, sentences):
        screen.console().print(screen.text(f"Warning: {sentence}", "yellow"))


def _alike(outlook: "Plan", store: "Store") -> list[str]:
    """What another calendar has at the very time of the peak of `outlook`, and the plan counts twice, in sentences."""
    from cli.folder import read
    from firstbell.calendar.sources import OWN_PEAKS

    said = []
    for own in outlook.peaks:
        found, unread = read(store.site, store.beside(), own.start, own.end, clock.now())
        said += [f"not compared with a calendar that cannot be read: {problem}" for problem in unread]
        for p in found.peaks:
            if (p.start, p.end) == (own.start, own.end) and p.key != own.key and p.source != OWN_PEAKS.label:
                again = f" and add it again with --course {p.course!r}" if p.course else ""
                said.append(
                    f"it looks like {p.title!r} of {p.source}, at the same time: both are planned; if it is the same,"
                    f" remove this one{again}"
                )
    return said


def _outlook(peak: "PlannedPeak", site: "Site") -> "Plan":
    """What the site would plan if there were this peak alone."""
    from firstbell.calendar import term
    from firstbell.calendar.sources import OWN_PEAKS
    from firstbell.calendar.term_values import Term
    from firstbell.capacity.planning import make_plan

    begins, ends = term.times(peak, site.zone)
    found, _ = term.peaks(Term(peaks=(peak,)), OWN_PEAKS, site.zone, begins, ends, clock.now())
    return make_plan(site, found, begins - A_DAY, ends + A_DAY)
