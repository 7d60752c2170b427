"""How alarms are answered: which database is looked at, what is too slow, what may be changed beside web servers."""

from dataclasses import dataclass
from typing import Annotated

from firstbell.site.checks import Help, Matching, Strict, Within

_NAME = Matching(r"([A-Za-z][A-Za-z0-9-]{0,62})?", "the identifier of a database or a cluster")


@dataclass(frozen=True)
class Reaction(Strict):
    """What is looked at when an alarm is on, and what may then be changed beside the web servers."""

    database: Annotated[str, _NAME, Help("RDS instance of this Moodle; default: backup.database.")] = ""
    cluster: Annotated[str, _NAME, Help("Its Aurora cluster, in place of 'database'; default: tiers.aurora's.")] = ""
    max_connections: Annotated[
        int, Within(0, 100_000), Help("The database's max_connections; 0: not known, and not watched.")
    ] = 0
    p95_ms: Annotated[float, Within(50, 60_000), Help("One page in twenty may take longer; more is too slow.")] = 2000.0
    efs_throughput: Annotated[
        bool, Help("Throughput of tiers.efs is raised, and returned, while it is what makes files slow.")
    ] = True
    aurora_minimum: Annotated[
        bool, Help("The minimum of tiers.aurora is raised, and returned, while the database is saturated.")
    ] = False

    def __post_init__(self) -> None:
        if self.database and self.cluster:
            raise ValueError("a reaction looks at one of 'database' and 'cluster'")
