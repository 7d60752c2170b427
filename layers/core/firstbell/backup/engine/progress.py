"""How far a long command is, on standard error: a changing line on a terminal, JSON now and then elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
from typing import Any, TextIO

from firstbell.backup.engine import clock

_EVERY = 10.0  # seconds between two lines of JSON


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class Reporter:
    """Tells of one command's progress and end."""

    def __init__(self, command: str, stream: TextIO | None = None) -> None:
        self._command, self._stream = command, stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._begun = clock.seconds()
        self._told, self._dirty = self._begun, False

    def tell(self, files: int, count: int, total: int = 0) -> None:
        """Say that so many files with `count` bytes are done, of `total` files where that is known (else 0)."""
        passed = clock.seconds() - self._begun
        if self._terminal:
            self._line(files, count, total, passed)
        elif clock.seconds() - self._told >= _EVERY:
            self._told = clock.seconds()
            fields: dict[str, Any] = {"files": files, "bytes": count, "seconds": round(passed, 1)}
            self._write(json.dumps({"event": "progress", "command": self._command, **fields}) + "\n")

    def clear(self) -> None:
        """Take the changing line away."""
        if self._dirty:
            self._write("\r\x1b[K")
            self._dirty = False

    def _line(self, files: int, count: int, total: int, passed: float) -> None:
        rate = f"{files / passed:,.0f} files/s, {size(count / passed)}/s" if passed > 0.5 else ""
        of = f" of {total:,}" if total else ""
        text = f"{self._command}: {_bar(files, total)}{files:,}{of} files, {size(count)}  {rate}"
        self._write("\r\x1b[K" + text[: shutil.get_terminal_size().columns - 1])
        self._dirty = True

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _bar(done: int, total: int, width: int = 24) -> str:
    if not total:
        return ""
    full = min(width, done * width // total)
    return f"[{'=' * full}{' ' * (width - full)}] "
