"""`sam build` and `sam deploy`, as an operator runs them, against the local AWS."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local_aws import places

STACK = "firstbell-local"


class SamFailedError(Exception):
    """A SAM command failed; the message has what it printed."""


def build(source: Path, target: Path) -> None:
    """Build the template in `source` into `target`, for the interpreter of this machine. Raises SamFailedError."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    layers = {"LAYER_PYTHON": sys.executable, "LAYER_PYTHON_VERSION": version, "LAYER_PLATFORMS": ""}
    _sam(["build", "--build-dir", str(target)], source, {**places.aws("http://127.0.0.1:1"), **layers})


def deploy(source: Path, built: Path, endpoint: str, groups: str, alarm_prefix: str) -> None:
    """Deploy what was built as the stack `STACK`. Raises SamFailedError."""
    overrides = [f"AutoScalingGroupNames={groups}", f"AlarmNamePrefix={alarm_prefix}", "OnCallEmail=oncall@example.org"]
    options = ["--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset"]
    template = ["--template-file", str(built / "template.yaml")]
    command = ["deploy", *template, *options, "--region", places.REGION, "--parameter-overrides", *overrides]
    _sam(command, source, places.aws(endpoint))


def _sam(arguments: list[str], directory: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - the SAM CLI of this environment
        [str(places.TOOLS / "sam"), *arguments],
        cwd=directory,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        told = [line for line in lines if line.strip() and "Uploading to" not in line and "File with same" not in line]
        raise SamFailedError(f"sam {arguments[0]} failed:\n" + "\n".join(told[-60:]))
