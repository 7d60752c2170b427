"""From the bucket to what is planned: reads each site's file, and everything that its calendars say."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from posixpath import basename

from firstbell.aws.bucket import Bucket, Found, TooLargeError
from firstbell.aws.table import Table
from firstbell.calendar import sources
from firstbell.calendar.fetching import together
from firstbell.calendar.keeping import Keeper, Reading
from firstbell.calendar.sources import Content
from firstbell.events import Hint
from firstbell.site import Site
from firstbell.site_file import SiteFileError, read_site

FOLDER = "sites/"
FILE = "site.yaml"
LARGEST = 10 * 1024 * 1024
BEHIND, AHEAD = timedelta(days=1), timedelta(days=14)
_bytes: dict[tuple[str, str], bytes] = {}  # (key, etag) → what a warm function has read already


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """A site's folder in the bucket: its name, and its objects by their path inside the folder."""

    bucket: Bucket
    name: str
    objects: Mapping[str, Found]

    def read(self, path: str) -> dict[str, bytes]:
        """The file at `path`, or the JSON files of the folder at `path`, by name; empty when there is nothing."""
        if path in self.objects:
            return {basename(path): self._bytes(path)}
        inside = f"{path}/"
        return {
            p.removeprefix(inside): self._bytes(p) for p in self.objects if p.startswith(inside) and p.endswith(".json")
        }

    def _bytes(self, path: str) -> bytes:
        found = self.objects[path]
        key = (found.key, found.etag)
        if key not in _bytes:
            _bytes[key] = self.bucket.read(found.key, LARGEST)
        return _bytes[key]


def folders(bucket: Bucket) -> list[SiteFolder]:
    """All site folders of the bucket, by name; objects elsewhere are not ours."""
    of_site: dict[str, dict[str, Found]] = {}
    found = bucket.list(FOLDER)
    for item in found:
        name, _, path = item.key.removeprefix(FOLDER).partition("/")
        if path:
            of_site.setdefault(name, {})[path] = item
    for stale in set(_bytes) - {(f.key, f.etag) for f in found}:
        del _bytes[stale]
    return [SiteFolder(bucket, name, of_site[name]) for name in sorted(of_site) if FILE in of_site[name]]


def meant(found: Sequence[SiteFolder], hint: Hint) -> Sequence[SiteFolder]:
    """The folders that a hint is about: the one whose file has changed, or all."""
    name = hint.key.removeprefix(FOLDER).partition("/")[0] if hint.why == "bucket" else ""
    return [folder for folder in found if folder.name == name] or found


def read(folder: SiteFolder) -> Site:
    """The folder's site. Raises SiteFileError when the file is wrong or names another site."""
    origin = f"{FOLDER}{folder.name}/{FILE}"
    try:
        site = read_site(folder.read(FILE)[FILE], origin)
    except TooLargeError as error:
        raise SiteFileError.because(origin, str(error)) from error
    if site.name != folder.name:
        raise SiteFileError.because(origin, f"name is {site.name!r}; it must be the folder's")
    return site


def refuse_shared_group(site: Site, others: Iterable[Site]) -> None:
    """Two sites with one group would take each other's plan back at every run. Raises SiteFileError for the later name.

    The one that is in force with the group already, keeps it.
    """
    group = site.fleet.auto_scaling_group
    rivals = [other for other in others if other.fleet.auto_scaling_group == group]
    own = any(other.name == site.name for other in rivals)
    for other in rivals:
        if other.name != site.name and not (own and site.name < other.name):
            origin = f"{FOLDER}{site.name}/{FILE}"
            raise SiteFileError.because(
                origin, f"fleet.auto_scaling_group: {group!r} is the group of site {other.name}"
            )


@dataclass(frozen=True, slots=True)
class Read:
    """What a site's calendars say together, and how each of them is."""

    content: Content
    readings: tuple[Reading, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the plan says about its sources: the stale ones first."""
        return (*(r.record.stale for r in self.readings if r.record.stale), *self.content.warnings)

    @property
    def calls(self) -> dict[str, str]:
        """What on-call hears of them, by the source's key."""
        return {r.key: r.record.stale for r in self.readings if r.calls}


def read_calendars(site: Site, folder: SiteFolder, table: Table, now: datetime) -> Read:
    """Everything that the site's calendars say of the time to plan; a source that fails is its last good copy."""
    start, end = window(now)
    readings = Keeper(table, folder.bucket, site.name).readings(
        sources.all_of(site, folder.read),
        lambda asked: together(site, asked, folder.read, lambda name: _secret(name, now), start, end),
        lambda source, files: sources.read(site, source, files, start, end, now),
        now,
    )
    return Read(sources.combine((r.content for r in readings), start, end), tuple(readings))


def _secret(reference: str, now: datetime) -> str:
    from firstbell.aws import secrets  # when a Moodle is asked; most sites need no secret

    return secrets.value(reference, now)


def window(now: datetime) -> tuple[datetime, datetime]:
    """The time that is planned."""
    return now - BEHIND, now + AHEAD


def forget() -> None:
    """Drop the files that were read."""
    _bytes.clear()
