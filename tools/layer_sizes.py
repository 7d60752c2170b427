"""Measures the built layers as Lambda gets them, zipped: every cold start has to load them."""

import argparse
import io
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ("CoreLayer", "DependenciesLayer")
MOST = 20_000_000  # bytes of both together; Lambda itself refuses 250 MB unzipped


class NotBuiltError(Exception):
    """There is no built layer to measure."""


def zipped(folder: Path) -> int:
    """Bytes of the folder as a deflated zip file. Raises NotBuiltError when it is not there or has no files."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise NotBuiltError(f"{folder} has no files: run `make build` first")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in files:
            target.write(path, path.relative_to(folder))
    return archive.tell()


def main(arguments: list[str] | None = None) -> int:
    """Print the sizes; the exit code is 1 when both layers together are above the limit."""
    parser = argparse.ArgumentParser(prog="python -m tools.layer_sizes", description=__doc__)
    parser.add_argument("build", nargs="?", type=Path, default=ROOT / ".aws-sam" / "build", help="where sam built them")
    wanted = parser.parse_args(arguments)
    sizes = {layer: zipped(wanted.build / layer) for layer in LAYERS}
    total = sum(sizes.values())
    for name, size in [*sizes.items(), ("together", total)]:
        print(f"{name:18} {size / 1e6:6.2f} MB zipped")
    if total > MOST:
        print(f"that is more than {MOST / 1e6:.0f} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
