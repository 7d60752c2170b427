"""Seeds with faults drawn by the seed: no invariant breaks. `make soak` runs many more."""

import pytest

from simulator.run import simulate
from simulator.soak import broken, scenario_of


@pytest.mark.parametrize("seed", range(24))
def test_no_invariant_breaks(seed: int) -> None:
    scenario = scenario_of(seed)
    assert broken(scenario, simulate(scenario, "firstbell", seed)) == []
