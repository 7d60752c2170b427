"""What each step of a student costs, in seconds of a whole core, derived from the measurements in `simulator/data`.

Costs are medians over the concurrencies of a load test; how they grow on a saturated core is fitted (`inflation`).
"""

import math
import statistics
from dataclasses import dataclass
from functools import cache

from simulator.traffic.measured import burst_rows, closed_rows

VCPU_FACTOR = 2.0
"""vCPU seconds per second of a whole core: a cloud vCPU is half a core. Agrees with 170-250 exam takers per vCPU."""

SATURATED_AT = 32
"""Requests per CPU beyond which nothing was measured; inflation stays at its value there."""


@dataclass(frozen=True, slots=True)
class Step:
    """A kind of request: `cpu` and `database` in core seconds, `wait` in seconds of response time that is not web CPU.

    `reloaded` is False for what the page's script sends by itself: nobody presses reload when it fails.
    """

    name: str
    cpu: float
    wait: float
    database: float
    reloaded: bool = True


def _step(name: str, scenario: str, reloaded: bool = True) -> Step:
    rows = [row for row in closed_rows() if row.scenario == scenario]
    alone = next(row for row in rows if row.users == 1)
    return Step(
        name=name,
        cpu=statistics.median(row.web_cpu for row in rows),
        wait=max(0.0, alone.mean - alone.web_cpu),
        database=statistics.median(row.database_cpu for row in rows),
        reloaded=reloaded,
    )


LOGIN = _step("login", "full_login")
DASHBOARD = _step("dashboard", "dashboard")
COURSE = _step("course", "course")
QUIZ_VIEW = _step("quiz_view", "quiz_view")
ATTEMPT_PAGE = _step("attempt_page", "quiz_attempt_get")
SAVE_NEXT = _step("save_next", "quiz_save_next")
AUTOSAVE = _step("autosave", "quiz_autosave", reloaded=False)


@cache
def saturation() -> float:
    """Return how much the CPU per request grows with each further running request per CPU (about 0.003).

    The least-squares line through every closed row of capacity.csv, each relative to the median of its scenario and
    the whole relative to the line's value for one request: about 10 % more at 32 requests.
    """
    medians = {
        name: statistics.median(row.web_cpu for row in closed_rows() if row.scenario == name)
        for name in {row.scenario for row in closed_rows()}
    }
    users = [row.users for row in closed_rows()]
    ratios = [row.web_cpu / medians[row.scenario] for row in closed_rows()]
    slope, intercept = statistics.linear_regression(users, ratios)
    return slope / (intercept + slope)


def inflation(load: float) -> float:
    """Return the CPU per request at `load` running requests per CPU, relative to a request that runs alone."""
    return 1.0 + saturation() * (min(max(load, 1.0), SATURATED_AT) - 1.0)


def _start_cpu() -> float:
    """Return the core seconds of one "Start attempt", which was never measured alone.

    A burst scenario's whole web CPU (cores x duration), less its log-ins, views and saves, divided by its starts, where
    each step is inflated by the load that its median latency tells (R = n S); a start by that of the views before it.
    The mean of the four scenarios, 0.088; they differ (0.074-0.115): `web_cpu_cores` has two digits, which is ±0.008.
    """
    known = {"login": LOGIN.cpu, "view": QUIZ_VIEW.cpu, "save": SAVE_NEXT.cpu}
    costs = []
    for scenario in sorted({row.scenario for row in burst_rows()}):
        rows = {row.step: row for row in burst_rows() if row.scenario == scenario}
        grown = {step: inflation(rows[step].p50 / cpu) for step, cpu in known.items() if step in rows}
        others = sum(rows[step].requests * known[step] * growth for step, growth in grown.items())
        costs.append((rows["start"].web_cpu - others) / (rows["start"].requests * grown["view"]))
    return statistics.fmean(costs)


# A start builds an attempt and shows its first page; its wait and database share are taken as those of a save, which
# writes as well, scaled by CPU.
_START_CPU = _start_cpu()
START = Step(
    name="start",
    cpu=_START_CPU,
    wait=SAVE_NEXT.wait * _START_CPU / SAVE_NEXT.cpu,
    database=SAVE_NEXT.database * _START_CPU / SAVE_NEXT.cpu,
)

# A submission saves the last page and shows the summary, which costs what an attempt page does.
SUBMIT = Step(
    name="submit",
    cpu=SAVE_NEXT.cpu + ATTEMPT_PAGE.cpu,
    wait=SAVE_NEXT.wait + ATTEMPT_PAGE.wait,
    database=SAVE_NEXT.database + ATTEMPT_PAGE.database,
)


@cache
def spread_sigma() -> float:
    """Return sigma of the log-normal spread of a request's cost: the median over scenarios of ln(p95 / p50) / 1.645.

    From the rows of one user, where nothing queues.
    """
    alone = [row for row in closed_rows() if row.users == 1]
    return statistics.median(math.log(row.p95 / row.p50) / 1.645 for row in alone)
