"""Which tier is saturated, each by its own values and with its reasons; nobody is suspected for want of data. Pure.

A database spends 0.07 to 0.2 of a core on each core that the web servers spend, measured on a Moodle 5.1.3
(capacity.csv in simulator/data): one that is saturated while they are not has work of its own, such as a report.
"""

from firstbell.alarms.credits import remaining
from firstbell.alarms.tiers import Series, Tiers
from firstbell.site import Site

BUSY = 80.0  # percent CPU; waiting doubles between 75 and 90 % (measured: p95 0.34 s at 74 %, 0.8 s at 91 %)
FULL = 95.0  # percent of a hard limit, such as EFS's of I/O
CROWDED = 0.9  # of the connections that a database allows: the rest is wanted by its administrator
FAR_ABOVE, SLOW = 5.0, 0.02  # times the usual latency, and seconds: below them nobody notices
NO_SPACE = 512 * 1024**2  # bytes: RDS stops a database without space
NO_BURST = 10 * 1024**3  # bytes of EFS burst credits: minutes at the burst rate of 100 MiB/s
SOON = 0.5  # hours until burst credits are gone
FAILING, SOME = 0.02, 10  # share of the requests of five minutes, and a number under which it is chance
SURGE = 3.0  # times the usual requests: errors under it are not without load


def storage(tiers: Tiers, lent: bool = False) -> list[str]:
    """Why the storage is slow. `lent`: its throughput is raised by now, so that burst credits do not matter."""
    found = []
    if tiers.server_failed.now:
        found.append("the file server fails its status checks")
    if _at_least(tiers.server_cpu, BUSY):
        found.append(f"the file server's CPU is at {tiers.server_cpu.now:.0f} %")
    if _at_least(tiers.io_limit, FULL):
        found.append(f"{tiers.io_limit.now:.0f} % of the file system's I/O limit are in use")
    return found + throughput(tiers) + ([] if lent else burst(tiers))


def throughput(tiers: Tiers) -> list[str]:
    """Why more throughput would help the file system now."""
    used = tiers.throughput
    full = used is not None and 100 * used >= FULL
    return [f"{100 * used:.0f} % of the file system's permitted throughput are in use"] if full and used else []


def burst(tiers: Tiers) -> list[str]:
    """Why more throughput will help it soon."""
    left, hours = tiers.burst_credits.now, remaining(tiers.burst_credits)
    if left is None or (left > NO_BURST and (hours is None or hours > SOON)):
        return []
    return [f"the file system's burst credits are nearly gone ({left / 1024**3:.0f} GiB left)"]


def database(site: Site, tiers: Tiers) -> list[str]:
    """Why the database is saturated."""
    found = []
    if _at_least(tiers.database_cpu, BUSY):
        found.append(f"the database's CPU is at {tiers.database_cpu.now:.0f} %")
    most = site.reaction.max_connections
    if most and _at_least(tiers.connections, CROWDED * most):
        found.append(f"{tiers.connections.now:.0f} of its {most} connections are taken")
    for what, series in (("reads", tiers.read_latency), ("writes", tiers.write_latency)):
        late, usual = series.lately, series.usual
        if late is not None and usual is not None and late >= max(SLOW, FAR_ABOVE * usual):
            found.append(f"its {what} take {1000 * late:.0f} ms, {1000 * usual:.1f} ms are usual")
    if _at_least(tiers.acu_share, FULL):
        found.append(f"it is at {tiers.acu_share.now:.0f} % of the capacity that Aurora may give it")
    if tiers.free_space.now is not None and tiers.free_space.now < NO_SPACE:
        found.append(f"its disk is full ({tiers.free_space.now / 1024**2:.0f} MiB free)")
    return found


def errors(tiers: Tiers) -> list[str]:
    """Why people see errors, though not more of them come than usual."""
    if tiers.failures is None:
        return []
    failed, of = tiers.failures
    refused = tiers.rejected.now or 0.0
    usual, now = tiers.requests.usual, tiers.requests.now or 0.0
    if usual and now > SURGE * usual:
        return []
    found = [f"{refused:.0f} connections a minute are rejected by the balancer"] if refused else []
    if failed >= max(SOME, FAILING * of):
        found.append(f"{failed:.0f} of {of:.0f} requests failed in five minutes")
    return found


def _at_least(series: Series, limit: float) -> bool:
    return series.now is not None and series.now >= limit
