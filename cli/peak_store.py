"""Where a site's `peaks.yaml` is: beside the site file, or in the deployed bucket; read and changed, never torn."""

import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import USAGE, CommandError
from firstbell.aws.bucket import Bucket, TooLargeError
from firstbell.calendar.peak_file import NAME
from firstbell.site import Site
from firstbell.yaml_file import LARGEST

if TYPE_CHECKING:
    from firstbell.calendar.sources import ReadAll

Edit = Callable[[bytes], bytes | None]
"""From the file's bytes (none when it is not there) to its new ones, or None when nothing is to change."""

TRIES = 5
SITE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class Store(ABC):
    """Where the file of `site` is, and what is to be done with it next, in a sentence."""

    place: str
    site: Site
    next: str

    @abstractmethod
    def read(self) -> bytes:
        """The file's bytes; none when it is not there."""

    @abstractmethod
    def beside(self) -> "ReadAll":
        """What reads the site's other files."""

    @abstractmethod
    def change(self, edit: Edit) -> bool:
        """Write what `edit` makes of the file, so that nobody else's change is lost; False: nothing was to change."""


@dataclass(frozen=True)
class FolderStore(Store):
    """The file beside a site file, at the path `place`."""

    def read(self) -> bytes:
        """The file's bytes; none when it is not there. Raises OSError."""
        from firstbell.calendar.folder import contents

        return contents(path) if (path := Path(self.place)).exists() else b""

    def beside(self) -> "ReadAll":
        """What reads the site's other files."""
        from firstbell.calendar.folder import reader

        return reader(Path(self.place).parent)

    def change(self, edit: Edit) -> bool:
        """Write the file in one move; a second one who does so at the same time is sent away. Raises OSError."""
        target = Path(self.place).resolve()
        new = target.with_name(f".{target.name}.new")
        try:
            file = new.open("xb")
        except FileExistsError as error:
            raise CommandError(f"{new}: somebody else is changing the peaks; if nobody is, delete this file") from error
        try:
            with file:
                text = edit(self.read())
                file.write(text or b"")
                file.flush()
                os.fsync(file.fileno())
            if text is None:
                new.unlink()
                return False
            if target.exists():
                shutil.copymode(target, new)
            new.replace(target)
        except BaseException:  # an interruption too must not leave the door closed
            new.unlink(missing_ok=True)
            raise
        return True


@dataclass(frozen=True)
class BucketStore(Store):
    """The file in the deployed bucket, under `key`."""

    bucket: Bucket
    key: str

    def read(self) -> bytes:
        """The file's bytes; none when it is not there."""
        return self._find()[0]

    def beside(self) -> "ReadAll":
        """What reads the site's other files."""
        from firstbell.capacity.publishing import SiteFolder

        prefix = self.key.removesuffix(NAME)
        objects = {found.key.removeprefix(prefix): found for found in self.bucket.list(prefix)}
        return SiteFolder(self.bucket, self.site.name, objects).read

    def change(self, edit: Edit) -> bool:
        """Write the file if nobody else did since it was read, else begin again."""
        for _ in range(TRIES):
            old, etag = self._find()
            text = edit(old)
            if text is None:
                return False
            if self.bucket.replace(self.key, text, etag):
                return True
        raise CommandError(f"{self.place}: somebody else keeps changing it; try again")

    def _find(self) -> tuple[bytes, str | None]:
        return _find(self.bucket, self.key) or (b"", None)


def open_store(site: str, bucket: str) -> Store:
    """The store beside the site file `site`, or of the site of that name in `bucket`.

    Raises OSError, SiteFileError, CommandError or AWS's errors when the site's time zone cannot be read.
    """
    if not bucket:
        from cli.folder import open_site

        folder = open_site(Path(site))
        key = f"sites/{folder.site.name}/{NAME}"
        said = f"See `firstbell plan --site {site}`, then upload it as {key}: the planner follows."
        return FolderStore(str(folder.root / NAME), folder.site, said)
    if not SITE_NAME.fullmatch(site):
        raise CommandError("with --bucket, --site is the site's name in it, such as campus", USAGE)
    from firstbell.site_file import read_site

    home, folder_key = Bucket(bucket), f"sites/{site}"
    place = f"s3://{bucket}/{folder_key}"
    found = _find(home, f"{folder_key}/site.yaml")
    if found is None:
        raise CommandError(f"{place}/site.yaml: there is no such file; are these the bucket's and the site's names?")
    known = read_site(found[0], f"{place}/site.yaml")
    return BucketStore(f"{place}/{NAME}", known, "The planner follows within minutes.", home, f"{folder_key}/{NAME}")


def _find(bucket: Bucket, key: str) -> tuple[bytes, str] | None:
    try:
        return bucket.find(key, LARGEST)
    except TooLargeError as error:
        raise CommandError(f"s3://{bucket.name}/{error}") from error
