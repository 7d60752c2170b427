"""The timeline of a run: the journal's entries and what the world noted, in one list that a person can read."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from simulator.results import Happening, Kind

TOLD: Mapping[str, tuple[Kind, str]] = {
    "PutScheduled": ("plan", "scheduled actions are written for {subject}"),
    "DeleteScheduled": ("plan", "scheduled actions of {subject} are deleted"),
    "SetMinSize": ("plan", "MinSize of {subject} is set"),
    "SaveFloor": ("alarm", "a floor is leased by {subject}"),
    "SetDesired": ("plan", "the desired capacity of {subject} is set"),
    "LendZones": ("plan", "{subject} may use other zones"),
    "ReturnZones": ("plan", "{subject} gets its own strategy for zones back"),
    "Borrow": ("plan", "{subject} is borrowed, and its return is booked with AWS"),
    "Return": ("plan", "{subject} is returned"),
    "SendProbe": ("mount", "the mount of {subject} is probed"),
    "Continue": ("mount", "{subject} is let into service"),
    "Abandon": ("mount", "{subject} is abandoned"),
    "EnterStandby": ("mount", "{subject} is taken out of service, to be replaced"),
    "Terminate": ("fleet", "{subject} is terminated through its group"),
    "Excuse": ("mount", "{subject} gets another probe"),
    "Deregister": ("fleet", "{subject} is taken from the balancer"),
    "HookEnded": ("mount", "the hook of {subject} ended by itself"),
}
RELEASED: tuple[Kind, str] = ("fleet", "{subject} may go")
QUIET = frozenset(
    {"Heartbeat", "Wait", "Noted", "Tell", "Signal", "SendProbe", "LookAtLeaving", "Keep", "SaveMemory", "SaveOutcome"}
)


def tell(journal: Sequence[Mapping[str, Any]], noted: Sequence[Happening]) -> tuple[Happening, ...]:
    """Everything worth reading, in order of time; repeated lines of one minute about several instances are joined."""
    lines = [_line(entry) for entry in journal if entry["action"] not in QUIET or entry["error"]]
    return tuple(_joined(sorted([*lines, *noted], key=lambda h: (h.at, h.kind != "fault"))))  # a cause comes first


def _line(entry: Mapping[str, Any]) -> Happening:
    kind, phrase = TOLD.get(entry["action"], ("fleet", entry["action"] + " {subject}"))
    if (entry["function"], entry["action"]) == ("release_instances", "Continue"):
        kind, phrase = RELEASED
    failed = f" (failed: {entry['error']})" if entry["error"] else ""
    what = phrase.format(subject=entry["subject"]) + failed
    return Happening(datetime.fromisoformat(entry["at"]), kind, what, entry["reason"])


def _joined(lines: Sequence[Happening]) -> list[Happening]:
    """Lines in a row of one moment that differ in the instance only become one."""
    found: list[list[Happening]] = []
    for line in lines:
        last = found[-1][-1] if found else None
        if last and (last.at, last.kind, _rest(last)) == (line.at, line.kind, _rest(line)) and _subject(line):
            found[-1].append(line)
        else:
            found.append([line])
    return [_one(group) for group in found]


def _one(group: Sequence[Happening]) -> Happening:
    first = group[0]
    if len(group) == 1:
        return first
    everyone = f"{len(group)} instances ({', '.join(_subject(line)[-6:] for line in group)})"
    what = first.what.replace(_subject(first), everyone, 1).replace(" is ", " are ", 1)
    return Happening(first.at, first.kind, what, first.why)


def _subject(line: Happening) -> str:
    return next((word for word in line.what.split() if word.startswith("i-0")), "")


def _rest(line: Happening) -> str:
    return line.what.replace(_subject(line), "", 1) if _subject(line) else line.what
