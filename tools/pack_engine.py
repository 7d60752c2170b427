"""Pack the backup engine alone into one file that any Python from 3.9 on runs: `dist/firstbell-backup.pyz`.

The same sources give the same bytes, so that what an instance fetched can be compared with what was deployed.
"""

import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "layers" / "core"
ENGINE = Path("firstbell", "backup", "engine")
TARGET = ROOT / "dist" / "firstbell-backup.pyz"
_SHEBANG = b"#!/usr/bin/env python3\n"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_MAIN = b"import sys\n\nfrom firstbell.backup.engine.cli import main\n\nsys.exit(main())\n"


def members() -> Iterator[tuple[str, bytes]]:
    """The names and bytes of what is packed: the engine's modules, and empty packages above them."""
    yield "__main__.py", _MAIN
    yield "firstbell/__init__.py", b""
    yield "firstbell/backup/__init__.py", b""
    for path in sorted((CORE / ENGINE).glob("*.py")):
        yield (ENGINE / path.name).as_posix(), path.read_bytes()


def pack(target: Path) -> str:
    """Write the packed engine; returns its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.write(_SHEBANG)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members():
                info = zipfile.ZipInfo(name, _LONG_AGO)
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, content)
    target.chmod(0o755)
    return hashlib.sha256(target.read_bytes()).hexdigest()


def main() -> int:
    """Pack to `dist/`, or where the argument says."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    digest = pack(target)
    print(f"{target}: {target.stat().st_size:,} bytes, SHA-256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
