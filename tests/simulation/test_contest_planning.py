"""The planning benchmark plans what it says it plans, and shows how time grows."""

from simulator import planning_bench


def test_the_benchmark_plans_every_site_once():
    run = planning_bench.measure(3, 40, 1)
    assert (run["sites"], run["peaks"]) == (3, 40)
    assert run["steps"] == sum(planning_bench.plan_site((number, 40))[0] for number in range(3))
    assert run["cpu_seconds"] > 0
    assert run["megabytes"] > 20


def test_growth_is_said_as_a_ratio():
    runs = [{"sites": 10, "peaks": peaks, "cpu_seconds": cpu} for peaks, cpu in ((500, 1.0), (1000, 2.5))]
    assert planning_bench.lines(runs, "peaks") == [
        "   10 sites x   500 peaks:   1.00 s of CPU, 100.0 ms a site",
        "   10 sites x 1,000 peaks:   2.50 s of CPU, 250.0 ms a site, 2.50 x that of half the peaks",
    ]
