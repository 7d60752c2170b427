"""The layers as `sam build` makes them: for Lambda's processor and interpreter, small, no trace of this machine."""

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tools import layer_sizes

ROOT = Path(__file__).resolve().parents[2]
ARM64 = 183  # e_machine EM_AARCH64 (ELF header, elf(5))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("build")
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "LAYER_PYTHON": sys.executable}
    for layer in layer_sizes.LAYERS:
        subprocess.run(
            [Path(sys.executable).parent / "sam", "build", layer, "--build-dir", target / layer],
            cwd=ROOT,
            env=environment,
            check=True,
            capture_output=True,
        )
        (target / layer / layer / "python").rename(target / layer / "python")
    return target


pytestmark = pytest.mark.slow


def test_native_code_is_lambdas(built: Path) -> None:
    native = list((built / "DependenciesLayer" / "python").rglob("*.so"))
    assert native, "pydantic's core and PyYAML's parser are native"
    for path in native:
        machine = struct.unpack_from("<H", path.read_bytes(), 18)[0]
        assert (path.name, machine, "cpython-314" in path.name) == (path.name, ARM64, True)


def test_the_layers_together_are_small(built: Path) -> None:
    sizes = [layer_sizes.zipped(built / layer / "python") for layer in layer_sizes.LAYERS]
    assert 1_000_000 < sum(sizes) < layer_sizes.MOST


def test_the_core_layer_is_the_source_and_nothing_else(built: Path) -> None:
    source = ROOT / "layers" / "core" / "firstbell"
    copy = built / "CoreLayer" / "python" / "firstbell"
    wanted = {p.relative_to(source) for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert {p.relative_to(copy) for p in copy.rglob("*") if p.is_file()} == wanted


def test_nothing_tells_when_or_where_it_was_built(built: Path) -> None:
    files = [p for layer in layer_sizes.LAYERS for p in (built / layer / "python").rglob("*") if p.is_file()]
    assert not [p for p in files if p.suffix == ".pyc"]
    assert {int(p.stat().st_mtime) for p in files} == {int(os.environ.get("SOURCE_DATE_EPOCH", "315532800"))}
    assert not (built / "DependenciesLayer" / "python" / "bin").exists()


def test_boto3_is_the_runtimes_own(built: Path) -> None:
    packages = {p.name for p in (built / "DependenciesLayer" / "python").iterdir()}
    assert not packages & {"boto3", "botocore", "s3transfer"}
