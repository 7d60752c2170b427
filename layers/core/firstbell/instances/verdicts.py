"""The probe's answer, read defensively: whatever an instance printed becomes a verdict, in doubt `unknown`."""

import json
from dataclasses import dataclass
from typing import Any

HEALTHY, UNKNOWN = "healthy", "unknown"

NEEDED_IN_A_ROW = {
    "wrong_source": 1,  # what is mounted does not change by waiting
    "wrong_export": 1,
    "read_only": 1,
    "permission": 1,
    "stale_handle": 2,  # these pass when a file server restarts or has a bad minute
    "hung": 2,
    "slow": 2,
    "full": 2,
    "not_mounted": 3,  # at launch the SSM agent is often online before cloud-init has mounted anything
}
"""The bad verdicts, and how many probes in a row must be bad before a launched instance is given up for them."""

STORAGE_LIKE = frozenset(NEEDED_IN_A_ROW) - {"wrong_source"}
"""Bad verdicts that a broken file server can cause; a wrong source is this instance's own mistake."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one probe means: a word of the probe's, and its detail."""

    word: str
    detail: str = ""


def parse(output: str) -> Verdict:
    """The verdict in what a probe's command printed: the last line that is an answer of the probe counts."""
    for line in reversed(output.splitlines()):
        answer = _json(line.strip())
        if answer is not None:
            return _verdict(answer)
    return Verdict(UNKNOWN, f"no answer of the probe in its output {output.strip()[-200:]!r}")


def _json(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and answer.get("probe") == 1 else None


def _verdict(answer: dict[str, Any]) -> Verdict:
    word, detail = answer.get("verdict"), str(answer.get("detail") or "")[:500]
    if word == HEALTHY or (isinstance(word, str) and word in NEEDED_IN_A_ROW):
        return Verdict(word, detail)
    return Verdict(UNKNOWN, detail or f"the probe said {word!r:.80}")
