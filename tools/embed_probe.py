"""Writes the mount probe into the SSM document in template.yaml, between its two marker comments.

`python -m tools.embed_probe` writes; `--check` only says whether the copy is up to date (exit code 1 when it is not).
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROBE = ROOT / "layers/core/firstbell/instances/probe.py"
TEMPLATE = ROOT / "template.yaml"
BEGIN = "# begin of layers/core/firstbell/instances/probe.py"
END = "# end of layers/core/firstbell/instances/probe.py"
DELIMITER = "FIRSTBELL_PROBE"  # ends the heredoc in the document


class CannotEmbedError(ValueError):
    """The probe or the template is not as embedding needs it; the message says in what."""


def embedded(template: str, probe: str) -> str:
    """The template with the probe between its markers, indented as the first marker is. Raises CannotEmbedError."""
    if not probe.isascii() or "{{" in probe or "}}" in probe:
        raise CannotEmbedError("the probe must be ASCII and without doubled braces, which SSM takes for its parameters")
    if DELIMITER in probe.split():
        raise CannotEmbedError(f"the probe has the word {DELIMITER}, which ends it in the document")
    lines = template.splitlines()
    starts = [n for n, line in enumerate(lines) if line.lstrip().startswith(BEGIN)]
    ends = [n for n, line in enumerate(lines) if line.lstrip().startswith(END)]
    if len(starts) != 1 or len(ends) != 1 or starts[0] > ends[0]:
        raise CannotEmbedError("the template must have the two marker comments once each, in order")
    start, end = starts[0], ends[0]
    margin = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
    copy = [margin + line if line else "" for line in probe.splitlines()]
    return "\n".join([*lines[: start + 1], *copy, *lines[end:]]) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write the probe into the template, or with `--check` compare them; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.embed_probe", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when the copy is out of date")
    wanted = parser.parse_args(arguments)
    template = TEMPLATE.read_text(encoding="utf-8")
    fresh = embedded(template, PROBE.read_text(encoding="utf-8"))
    if fresh == template:
        print("template.yaml has the probe as it is")
        return 0
    if wanted.check:
        print("template.yaml has an old probe: run `python -m tools.embed_probe`", file=sys.stderr)
        return 1
    TEMPLATE.write_text(fresh, encoding="utf-8")
    print("template.yaml now has the probe as it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
