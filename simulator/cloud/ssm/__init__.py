"""A model of Systems Manager Run Command: agents that come online late, commands, their outputs and their losses."""

from simulator.cloud.ssm.agents import AgentBehaviour, Agents
from simulator.cloud.ssm.commands import Result, Run
from simulator.cloud.ssm.model import Ssm

__all__ = ["AgentBehaviour", "Agents", "Result", "Run", "Ssm"]
