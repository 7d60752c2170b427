"""The tool that measures layers notices what is too large, and what is not there."""

import os
from pathlib import Path

import pytest

from tools import layer_sizes


def lay(build: Path, **sizes: int) -> None:
    for layer, size in sizes.items():
        (build / layer / "python").mkdir(parents=True)
        (build / layer / "python" / "noise.bin").write_bytes(os.urandom(size))  # which does not deflate


@pytest.mark.parametrize(
    ("core", "dependencies", "code"),
    [(1_000, 1_000, 0), (11_000_000, 10_000_000, 1), (1_000, 21_000_000, 1)],
    ids=["both small", "together too large", "one too large"],
)
def test_the_limit_is_on_both_together(tmp_path: Path, core: int, dependencies: int, code: int) -> None:
    lay(tmp_path, CoreLayer=core, DependenciesLayer=dependencies)
    assert layer_sizes.main([str(tmp_path)]) == code


def test_a_layer_that_was_not_built_is_no_small_layer(tmp_path: Path) -> None:
    lay(tmp_path, CoreLayer=1_000)
    with pytest.raises(layer_sizes.NotBuiltError, match="make build"):
        layer_sizes.main([str(tmp_path)])
