"""Where things are, and the environment of the local AWS and its clients: no credentials, nothing but loopback."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-local"
REQUIREMENTS = ROOT / "requirements" / "local.txt"
TOOLS = Path(sys.executable).parent  # where `sam` is, too
ACCOUNT = "123456789012"  # moto's own, so that both halves name things alike
REGION = "eu-central-1"
KEPT_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
    *(
        "PIP_CERT",
        "PIP_CONFIG_FILE",
        "PIP_FIND_LINKS",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "HTTPS_PROXY",
        "NO_PROXY",
    ),
)


def clean() -> dict[str, str]:
    """This process's environment without anything of AWS in it."""
    return {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}


def aws(endpoint: str) -> dict[str, str]:
    """The environment of a client of the local AWS: credentials that are none, and one endpoint."""
    return {
        **clean(),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "NO_PROXY": "127.0.0.1,localhost",
    }
