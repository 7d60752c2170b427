"""The report of a simulated run: the figures side by side, one sentence from them, and a page that shows the course."""

from simulator.report.conclusion import sentence
from simulator.report.page import render

__all__ = ["render", "sentence"]
