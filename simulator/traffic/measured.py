"""Reads what was measured on a real Moodle, so that the costs of the request model have one source to check.

The files and their origin are described in `simulator/data/README.md`.
"""

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class ClosedRow:
    """A closed load test of one web core: `users` who never think; seconds, and core seconds of CPU per request."""

    scenario: str
    users: int
    throughput: float
    p50: float
    p95: float
    mean: float
    web_cpu: float
    database_cpu: float


@dataclass(frozen=True, slots=True)
class BurstRow:
    """A step of a burst of `users` within `window` seconds on one web core; `web_cpu` is the whole scenario's."""

    scenario: str
    users: int
    window: float
    step: str
    requests: int
    p50: float
    p95: float
    web_cpu: float


@cache
def closed_rows() -> tuple[ClosedRow, ...]:
    """Return the closed rows of capacity.csv."""
    return tuple(_closed_row(row) for row in _rows("capacity.csv") if row["mode"] == "closed")


@cache
def burst_rows() -> tuple[BurstRow, ...]:
    """Return the rows of burst.csv."""
    return tuple(_burst_row(row) for row in _rows("burst.csv"))


@cache
def endpoint_cpu(endpoint: str) -> tuple[float, float]:
    """Return web and database CPU (core seconds) of one request to a row of endpoint_cost.csv; KeyError if unknown."""
    rows = {row["endpoint"]: row for row in _rows("endpoint_cost.csv")}
    return float(rows[endpoint]["web_cpu_ms"]) / 1e3, float(rows[endpoint]["db_cpu_ms"]) / 1e3


def _closed_row(row: dict[str, str]) -> ClosedRow:
    return ClosedRow(
        scenario=row["scenario"],
        users=int(row["concurrency"]),
        throughput=float(row["achieved_rps"]),
        p50=float(row["p50_ms"]) / 1e3,
        p95=float(row["p95_ms"]) / 1e3,
        mean=float(row["mean_ms"]) / 1e3,
        web_cpu=float(row["web_cpu_ms_per_req"]) / 1e3,
        database_cpu=float(row["db_cpu_ms_per_req"]) / 1e3,
    )


def _burst_row(row: dict[str, str]) -> BurstRow:
    return BurstRow(
        scenario=row["scenario"],
        users=int(row["users"]),
        window=float(row["window_s"]),
        step=row["step"],
        requests=int(row["n"]),
        p50=float(row["p50_ms"]) / 1e3,
        p95=float(row["p95_ms"]) / 1e3,
        web_cpu=float(row["scenario_s"]) * float(row["web_cpu_cores"]),
    )


def _rows(name: str) -> list[dict[str, str]]:
    text = resources.files("simulator").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
