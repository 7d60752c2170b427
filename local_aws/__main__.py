"""`python -m local_aws`: deploy to a local AWS, prove the deployment, say what was proven, stop everything."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import deploying, places, school, stage
from local_aws.cloud import Cloud, NotProvenError
from local_aws.receiver import receiver
from local_aws.servers import DidNotStartError
from local_aws.smoke import Smoke


@dataclass
class Report:
    """The table on the screen: a line for each step as it ends; `failed` counts those that did not prove themselves."""

    failed: int = 0
    began: float = field(default_factory=time.monotonic)

    def step(self, what: str, do: Callable[[], str | None]) -> None:
        """Do a step and tell how it went."""
        start = time.monotonic()
        try:
            told, mark = do() or "", "proven"
        except (NotProvenError, BotoCoreError, ClientError) as error:
            told, mark = str(error), "FAILED"
            self.failed += 1
        print(f"  {mark:7} {time.monotonic() - start:5.1f} s  {what:48} {told}", flush=True)

    def end(self) -> int:
        """Tell the total; returns the exit code."""
        verdict = f"{self.failed} FAILED" if self.failed else "everything proven"
        print(f"  {verdict}, {time.monotonic() - self.began:.0f} s in all")
        return 1 if self.failed else 0


def run(source: Path, work: Path, keep: bool) -> int:
    """Deploy the template in `source`, check it and, with `keep`, wait until Ctrl-C. Returns the exit code."""
    report = Report()
    report.step("the environment of the local AWS", lambda: "made anew" if stage.prepare() else "there already")
    with stage.local_aws(work) as endpoint, receiver() as hook:
        cloud, built = Cloud(endpoint), work / "build"
        report.step("sam build, for this machine's interpreter", lambda: deploying.build(source, built))
        report.step(
            "sam deploy, IAM enforced",
            lambda: deploying.deploy(source, built, endpoint, school.GROUP, school.ALARM_PREFIX),
        )
        school.make_group(cloud)
        for what, check in Smoke(cloud, hook, datetime.now(UTC)).checks().items():
            report.step(what, check)
        code = report.end()
        if keep:
            print(f"\n  It stays up until Ctrl-C. Endpoint {endpoint}, logs in {work}\n  Environment for a client:")
            for name, value in places.aws(endpoint).items() - places.clean().items():
                print(f"    export {name}={value}", flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()
    return code


def main() -> int:
    """Read the command line, run, and clear away the working directory, whatever happens."""
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running for inspection until Ctrl-C")
    parser.add_argument(
        "--source", type=Path, default=places.ROOT, help="where template.yaml is (default: this project)"
    )
    wanted = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT, too: a job in the background has it ignored
        signal.signal(number, _interrupt)
    with tempfile.TemporaryDirectory(prefix="firstbell-local-") as work:
        try:
            return run(wanted.source.resolve(), Path(work), wanted.keep)
        except (deploying.SamFailedError, DidNotStartError) as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("  stopped")
            return 130


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
