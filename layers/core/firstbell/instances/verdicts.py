"""The probe's answer, read defensively: whatever an instance printed becomes a verdict, in doubt `unknown`."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

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


WEB_STEPS = ("web", "warm")  # an `unknown` of these is about the web server: the mount is healthy
LONGEST_TAIL = 600  # characters of a log that a message quotes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one probe means: a word of the probe's, and its detail; and what it said beside it, if `answered`.

    `mounted`: the mount is healthy, whatever the word says of the web server.
    """

    word: str
    detail: str = ""
    answered: bool = False
    mounted: bool = False
    repairs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    warmth: str = ""
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """What a leaving instance works on: requests that it answers, tasks of Moodle's cron, and how its timer is."""

    requests: int
    tasks: tuple[str, ...] = ()
    timer: str = ""


def parse(output: str) -> Verdict:
    """The verdict in what a probe's command printed: the last line that is an answer of the probe counts."""
    return _last_answer(output, _verdict) or Verdict(UNKNOWN, f"no answer of the probe in its output {_end(output)!r}")


def parse_leaving(output: str) -> Busy | None:
    """What a leaving instance said that it works on; None when that cannot be understood."""
    return _last_answer(output, _busy)


def printable(text: str, longest: int = LONGEST_TAIL) -> str:
    """The end of a log as a message can quote it: without colours and control characters."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.replace("\r\n", "\n"))
    return "".join(c for c in plain if c.isprintable() or c == "\n").strip()[-longest:].strip()


def _end(output: str) -> str:
    return output.strip()[-200:]


def _last_answer(output: str, read: Callable[[dict[str, Any]], T]) -> T | None:
    for line in reversed(output.splitlines()):
        answer = _json(line.strip())
        if answer is not None:
            return read(answer)
    return None


def _json(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) and answer.get("probe") == 1 else None


def _verdict(answer: dict[str, Any]) -> Verdict:
    word, detail = answer.get("verdict"), _text(answer.get("detail"), 500)
    known = word == HEALTHY or (isinstance(word, str) and word in NEEDED_IN_A_ROW)
    of_web = word == UNKNOWN and answer.get("step") in WEB_STEPS
    return Verdict(
        str(word) if known else UNKNOWN,
        detail if known or detail else f"the probe said {word!r:.80}",
        answered=True,
        mounted=word == HEALTHY or of_web,
        repairs=tuple(_repair(each) for each in _items(answer.get("repairs")) if isinstance(each, dict)),
        warnings=tuple(_text(each, 300) for each in _items(answer.get("warnings")) if isinstance(each, str)),
        warmth=_warmth(answer.get("warm"), answer.get("web")),
        tail=printable(_text(answer.get("tail"), 10 * LONGEST_TAIL)),
    )


def _busy(answer: dict[str, Any]) -> Busy | None:
    found = answer.get("leaving")
    if not isinstance(found, dict) or not isinstance(found.get("tasks"), list):
        return None
    requests = found.get("requests")
    if not isinstance(requests, int) or isinstance(requests, bool) or requests < 0:
        return None
    return Busy(requests, tuple(_text(t, 200) for t in _items(found["tasks"])), _text(found.get("timer"), 200))


def _repair(found: dict[str, Any]) -> str:
    did, said = _text(found.get("did"), 60), _text(found.get("said"), 200)
    went = "which helped" if found.get("ok") is True else f"which did not help{': ' if said else ''}{said}"
    return f"{_text(found.get('was'), 30)}: {did} in {_seconds(found.get('ms'))}, {went}"


def _warmth(warm: object, web: object) -> str:
    """How warm it is; where it was not warmed, how its web server answered."""
    if isinstance(warm, dict):
        took = _seconds(warm.get("ms"))
        if warm.get("done") is True:
            return f"warm in {took}, {_text(warm.get('pages'), 10)} pages"
        return f"not warm after {took}: {_text(warm.get('slowest'), 250)}"
    if isinstance(web, dict):
        page, status = _text(web.get("page"), 200), _text(web.get("status"), 10)
        return f"{page} answers {status} in {_seconds(web.get('ms'))}"
    return ""


def _seconds(ms: object) -> str:
    return f"{ms / 1000:.1f} s" if isinstance(ms, int | float) and abs(ms) < 1e9 else "an unknown time"


def _items(found: object) -> list[Any]:
    """At most eight items of what should be a list."""
    return found[:8] if isinstance(found, list) else []


def _text(found: object, longest: int) -> str:
    return "" if found is None else str(found)[:longest]
