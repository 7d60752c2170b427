"""Compares what the probe answered with what its row says."""

import json
import re
from dataclasses import dataclass
from typing import Any

from nfs_lab.cases import Case
from nfs_lab.ssm import OUTPUT_LIMIT
from nfs_lab.world import Probed

EXIT_CODES = {"healthy": 0, None: 0, "unknown": 2}  # of all other verdicts: 1


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a case, with its slowest run's seconds; without complaints it is as it should be."""

    case: Case
    verdict: str | None
    seconds: float
    complaints: tuple[str, ...]
    answer: dict[str, Any]


def answer_in(output: str) -> dict[str, Any]:
    """The probe's answer, the last line of what was printed; empty when that is no answer."""
    try:
        answer = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        return {}
    return answer if isinstance(answer, dict) else {}


def judge(case: Case, probed: Probed) -> Result:
    """Say in what the answer differs from the row."""
    # The first run that went wrong, or the last one.
    ran = next((r for r in probed.runs if answer_in(r.output).get("verdict") != case.verdict), probed.runs[-1])
    answer = answer_in(ran.output)
    verdict, slowest = answer.get("verdict", "no answer"), max(run.seconds for run in probed.runs)
    complaints = []
    if verdict != case.verdict:
        complaints.append(f"the verdict must be {case.verdict}")
    if case.step and answer.get("step") != case.step:
        complaints.append(f"the step must be {case.step}, not {answer.get('step')}")
    if not re.search(case.says, json.dumps(answer)):
        complaints.append(f"it must match {case.says}")
    if slowest > case.seconds:
        complaints.append(f"it may take {case.seconds:g} s")
    if probed.left > 0:
        complaints.append(f"it left {probed.left} processes behind")
    if ran.code != (wanted := EXIT_CODES.get(case.verdict, 1)):
        complaints.append(f"the exit code must be {wanted}, not {ran.code}")
    if len(ran.output) > OUTPUT_LIMIT:
        complaints.append(f"of its {len(ran.output)} characters Run Command would list only {OUTPUT_LIMIT}")
    if not answer:
        complaints.append(f"it printed {ran.output[-500:]!r}")
    return Result(case, verdict, slowest, tuple(complaints), answer)
