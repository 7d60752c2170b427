"""A model of CloudWatch: metrics from the twin itself, alarms evaluated each minute, and their events."""

from simulator.cloud.cloudwatch.alarms import Alarm
from simulator.cloud.cloudwatch.formulas import Formula
from simulator.cloud.cloudwatch.metrics import Metric
from simulator.cloud.cloudwatch.model import CloudWatch

__all__ = ["Alarm", "CloudWatch", "Formula", "Metric"]
