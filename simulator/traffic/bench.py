"""Measures how fast the request model runs: `python -m simulator.traffic.bench [students]` plays one exam morning."""

import sys
import time
from datetime import UTC, datetime

from simulator.engine import Engine
from simulator.traffic.balancer import Balancer
from simulator.traffic.campus import Background, Campus, Exam
from simulator.traffic.meter import Meter
from simulator.traffic.rates import daily
from simulator.traffic.servers import WebServer


def play(students: int, servers: int = 12, seed: int = 0) -> Meter:
    """Play the morning of a two-hour exam at 09:00 on servers of two vCPUs, with other users on the campus."""
    engine = Engine(datetime(2026, 6, 15, 8, 0, tzinfo=UTC), seed)
    balancer = Balancer(engine)
    meter = Meter(engine)
    for number in range(servers):
        balancer.register(f"web-{number}", WebServer(engine, f"web-{number}", 2.0))
    campus = Campus(engine, balancer, meter)
    opens = engine.now + 3600.0
    campus.hold(Exam("exam", opens, opens + 7200.0, students, 5400.0))
    campus.welcome(Background("others", daily(10.0)))
    engine.run_until(opens + 7500.0)
    return meter


def main() -> None:
    """Print requests per second of wall time, end to end."""
    students = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    begin = time.perf_counter()
    meter = play(students)
    seconds = time.perf_counter() - begin
    print(f"{meter.requests:,} requests in {seconds:.2f} s: {meter.requests / seconds:,.0f} requests per second")
    print(meter.figures())


if __name__ == "__main__":
    main()
