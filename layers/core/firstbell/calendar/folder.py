"""A site's folder on disk, read as the controller reads its bucket: for the command line and the twin."""

from pathlib import Path

from firstbell.calendar.sources import ReadAll

LARGEST = 10 * 1024 * 1024  # bytes; the planner reads no more of an object either


def reader(root: Path) -> ReadAll:
    """What reads the files of the site in `root`: a file, or the JSON files of a folder, by name."""

    def read(path: str) -> dict[str, bytes]:
        place = root / path
        if place.is_dir():
            return {p.name: contents(p) for p in sorted(place.glob("*.json"))}
        return {place.name: contents(place)} if place.exists() else {}

    return read


def contents(path: Path) -> bytes:
    """A file's bytes, at most one more than LARGEST: what is longer is refused by whoever reads it."""
    with path.open("rb") as file:
        return file.read(LARGEST + 1)
