"""SSM agents: they come online some tens of seconds after the boot, or never, and may lose their connection."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from simulator.cloud.ground import Ground, Json, at_utc

PING_EVERY = 300.0  # the agent's health ping


def happens(share: float, random: Random) -> bool:
    """Whether something of that share happens; nothing is drawn for what never does, so it disturbs no other draw."""
    return share > 0 and random.random() < share


@dataclass(frozen=True)
class AgentBehaviour:
    """How agents behave; times in seconds, shares as probabilities (0–1).

    `online_after`: between the boot and Online. `never_online`: share of instances whose agent never comes.
    `lost`: share of commands whose result never arrives. `late`, `late_by`: share of results that arrive so much later.
    `twice`: share of results that are announced twice. `early`: share of SendCommand calls whose answer is on its way
    for so long that the results' events are faster.
    """

    online_after: tuple[float, float] = (20.0, 60.0)
    never_online: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    late_by: float = 120.0
    twice: float = 0.0
    early: float = 0.0


@dataclass(slots=True, eq=False)
class Agent:
    """The agent of an instance; `registered` in seconds since the epoch, None before it came online."""

    instance_id: str
    registered: float | None = None
    connected: bool = False
    lost_at: float = 0.0


class Agents:
    """The agents of all instances; `came(instance_id)` follows when one is online for the first time."""

    def __init__(self, ground: Ground, behaviour: AgentBehaviour, came: Callable[[str], object] | None = None) -> None:
        self._engine = ground.engine
        self._random = ground.engine.random("ssm-agents")
        self._came = came
        self.behaviour = behaviour
        self._agents: dict[str, Agent] = {}

    def boot(self, instance_id: str, comes: bool = True) -> None:
        """An instance has booted, perhaps again: its agent comes online later, if ever."""
        agent = self._agents.setdefault(instance_id, Agent(instance_id))
        delay = self._random.uniform(*self.behaviour.online_after)
        if self._random.random() >= self.behaviour.never_online and comes:
            self._engine.after(delay, self._come_online, agent)

    def gone(self, instance_id: str) -> None:
        """An instance was terminated."""
        self._agents.pop(instance_id, None)

    def disconnect(self, instance_id: str) -> None:
        """An agent loses its connection (ConnectionLost), until `reconnect`."""
        agent = self._agents[instance_id]
        agent.connected, agent.lost_at = False, self._engine.now

    def reconnect(self, instance_id: str) -> None:
        """An agent finds its connection again, if it ever had one."""
        if self._agents[instance_id].registered is not None:
            self._come_online(self._agents[instance_id])

    def online(self, instance_id: str) -> bool:
        """Whether the agent of an instance answers."""
        agent = self._agents.get(instance_id)
        return agent is not None and agent.connected

    def since(self, instance_id: str) -> float | None:
        """When the agent of an instance came online for the first time; None: it has not yet."""
        agent = self._agents.get(instance_id)
        return agent.registered if agent else None

    def describe(self) -> list[Json]:
        """The entries of DescribeInstanceInformation: only agents that have come online once are known."""
        return [self._describe(agent) for agent in self._agents.values() if agent.registered is not None]

    def _come_online(self, agent: Agent) -> None:
        agent.connected = True
        if agent.registered is None:
            agent.registered = self._engine.now
            if self._came:
                self._came(agent.instance_id)

    def _describe(self, agent: Agent) -> Json:
        registered = agent.registered or 0.0
        seen = self._engine.now if agent.connected else agent.lost_at
        return {
            "InstanceId": agent.instance_id,
            "PingStatus": "Online" if agent.connected else "ConnectionLost",
            "LastPingDateTime": at_utc(seen - (seen - registered) % PING_EVERY),
            "AgentVersion": "3.3.2299.0",
            "IsLatestVersion": True,
            "PlatformType": "Linux",
            "PlatformName": "Amazon Linux",
            "PlatformVersion": "2023",
            "ResourceType": "EC2Instance",
        }
