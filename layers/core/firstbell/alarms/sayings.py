"""The tiers in words, a line each: what a message about them shows as evidence. Pure."""

from collections.abc import Callable, Iterable

from firstbell.alarms.tiers import Series, Tiers
from firstbell.fleet import Group

MEBI, GIBI = 1024**2, 1024**3
Said = Iterable[tuple[Series, Callable[[float], str]]]


def measured(group: Group, tiers: Tiers) -> tuple[str, ...]:
    """What is known of each tier; nothing of one that nobody measures."""
    serving, coming = len(group.in_service), len(group.coming)
    found = {
        f"web servers: {serving} serving, {coming} on their way, at most {group.max_size}": _web(tiers),
        "balancer:": _balancer(tiers),
        "database:": _database(tiers),
        "storage:": _storage(tiers),
    }
    lines = {start: [say(s.now) for s, say in said if s.now is not None] for start, said in found.items()}
    return tuple(
        f"{start}{', ' if not start.endswith(':') and values else ' ' if values else ''}{', '.join(values)}"
        for start, values in lines.items()
        if values or start.startswith("web")
    )


def _web(tiers: Tiers) -> Said:
    return (
        (tiers.cpu, lambda n: f"CPU {n:.0f} %"),
        (tiers.cpu_most, lambda n: f"the busiest {n:.0f} %"),
        (tiers.fpm, lambda n: f"{n:.0f} % of PHP-FPM's workers busy"),
        (tiers.web_credits, lambda n: f"{n:.0f} CPU credits"),
    )


def _balancer(tiers: Tiers) -> Said:
    failed = tiers.failures or (0.0, 0.0)
    share = 100 * failed[0] / failed[1] if failed[1] else 0.0
    return (
        (tiers.p95, lambda n: f"95 % of answers within {n:.2f} s"),
        (tiers.requests, lambda n: f"{n:.0f} requests a minute, {share:.1f} % failed"),
        (tiers.per_target, lambda n: f"{n:.0f} a server"),
        (tiers.rejected, lambda n: f"{n:.0f} connections rejected"),
    )


def _database(tiers: Tiers) -> Said:
    return (
        (tiers.database_cpu, lambda n: f"CPU {n:.0f} %"),
        (tiers.connections, lambda n: f"{n:.0f} connections"),
        (tiers.read_latency, lambda n: f"reads {1000 * n:.1f} ms"),
        (tiers.write_latency, lambda n: f"writes {1000 * n:.1f} ms"),
        (tiers.acu, lambda n: f"{n:g} ACU"),
        (tiers.free_memory, lambda n: f"{n / MEBI:.0f} MiB of memory free"),
        (tiers.free_space, lambda n: f"{n / GIBI:.1f} GiB of disk free"),
        (tiers.database_credits, lambda n: f"{n:.0f} CPU credits"),
    )


def _storage(tiers: Tiers) -> Said:
    used = tiers.throughput
    share = "" if used is None else f", {100 * used:.0f} % of it in use"
    return (
        (tiers.server_failed, lambda n: "the file server fails its status checks" if n else "the file server is up"),
        (tiers.server_cpu, lambda n: f"its CPU {n:.0f} %"),
        (tiers.server_credits, lambda n: f"{n:.0f} CPU credits"),
        (tiers.io_limit, lambda n: f"{n:.0f} % of the I/O limit"),
        (tiers.permitted, lambda n: f"{n / MEBI:.1f} MiB/s permitted{share}"),
        (tiers.burst_credits, lambda n: f"{n / GIBI:.0f} GiB of burst credits"),
    )
