"""The whole local AWS: its own virtual environment, a moto server, and MiniStack in front of it."""

import hashlib
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local_aws import places, servers

STAMP = places.VENV / "installed-from"


def prepare() -> bool:
    """Make .venv-local from requirements/local.txt, unless it is that already; returns whether there was work to do."""
    wanted = hashlib.sha256(places.REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()
    if STAMP.exists() and STAMP.read_text(encoding="ascii") == wanted:
        return False
    venv.create(places.VENV, clear=True, with_pip=True)
    pip = [str(places.VENV / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run(  # noqa: S603 - pip, on the project's own list
        [*pip, "--require-hashes", "--requirement", str(places.REQUIREMENTS)], check=True, env=places.clean()
    )
    STAMP.write_text(wanted, encoding="ascii")
    return True


@contextmanager
def local_aws(work: Path) -> Iterator[str]:
    """Run the local AWS until the block ends; yields its endpoint. Logs and state go to the directory `work`."""
    moto_port = servers.free_port()
    moto_command = [str(places.VENV / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(moto_port)]
    with servers.running("moto", moto_command, places.clean(), moto_port, work / "moto.log", work):
        port = servers.free_port()
        environment = {
            **places.clean(),
            "TMPDIR": str(work),  # MiniStack leaves each function's unpacked code there: it goes with the run
            "PYTHONPATH": str(places.ROOT),
            "MOTO_URL": f"http://127.0.0.1:{moto_port}",
            "AWS_ACCESS_KEY_ID": "test",  # for the client that talks to moto
            "AWS_SECRET_ACCESS_KEY": "test",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "IOT_MTLS_ENABLED": "0",  # or it opens :8883
            "AUTH": "true",  # enforce the IAM roles of the functions
            "MINISTACK_ACCOUNT_ID": places.ACCOUNT,
            "MINISTACK_REGION": places.REGION,
            "S3_DATA_DIR": str(work / "s3"),
        }
        command = [str(places.VENV / "bin" / "python"), "-m", "local_aws.gateway"]
        with servers.running("MiniStack", command, environment, port, work / "ministack.log", work):
            yield f"http://127.0.0.1:{port}"
