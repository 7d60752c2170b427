"""From the bucket to plans: reads each site's files; a broken one raises, and nothing of it is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from posixpath import basename

from firstbell.aws.bucket import Bucket, Found, TooLargeError
from firstbell.calendar import sources
from firstbell.calendar.values import CalendarError
from firstbell.capacity.planning import make_plan
from firstbell.capacity.values import Plan
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


def plan(site: Site, folder: SiteFolder, now: datetime, most: int) -> Plan:
    """A plan of the folder's calendars. Raises CalendarError, and then nothing of it is used."""
    start, end = now - BEHIND, now + AHEAD
    try:
        found = sources.read_all(site, folder.read, start, end)
    except TooLargeError as error:
        raise CalendarError(str(error)) from error
    return make_plan(site, found.peaks, start, end, most, found.warnings)


def forget() -> None:
    """Drop the files that were read."""
    _bytes.clear()
