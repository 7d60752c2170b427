"""What a pointer over a chart shows: the values of that minute, as data, and the few lines that look them up."""

import json
from collections.abc import Sequence
from math import isfinite

from simulator.report.axes import Time
from simulator.report.plot import Chart
from simulator.report.text import clock, spans_days

SCRIPT = """
(function () {
  var data = JSON.parse(document.getElementById("course").textContent);
  var tip = document.createElement("div");
  tip.className = "tip";
  document.body.appendChild(tip);
  document.querySelectorAll("figure[data-chart]").forEach(function (figure) {
    var chart = data[figure.dataset.chart];
    var plot = figure.querySelector("svg.plot");
    var cursor = plot.querySelector(".cursor");
    function hide() { tip.style.display = "none"; cursor.style.display = "none"; }
    plot.addEventListener("pointerleave", hide);
    plot.addEventListener("pointermove", function (event) {
      var box = plot.getBoundingClientRect();
      var share = (event.clientX - box.left) / box.width;
      var n = -1;
      chart.x.forEach(function (x, i) { if (x <= share) { n = i; } });
      if (n < 0 || share > 1) { hide(); return; }
      var lines = chart.lines.map(function (line) {
        var value = line.values[n];
        return value === null || value === undefined ? null : line.name + ": " + value + chart.unit;
      });
      tip.textContent = [chart.at[n]].concat(lines.filter(Boolean)).join("\\n");
      tip.style.display = "block";
      var left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 6);
      tip.style.left = Math.max(6, left) + window.scrollX + "px";
      tip.style.top = event.clientY + 16 + window.scrollY + "px";
      cursor.setAttribute("x1", share * 100 + "%");
      cursor.setAttribute("x2", share * 100 + "%");
      cursor.style.display = "inline";
    });
  });
})();
"""


def data(charts: Sequence[Chart], time: Time) -> str:
    """The charts' values as JSON that may stand in a script element."""
    dated = spans_days(time.start, time.end, time.zone)
    plain = {
        chart.key: {
            "unit": " s" if chart.key == "p95" else "",
            "x": [round(time.at(m.at), 4) for m in chart.lines[0].minutes],
            "at": [clock(m.at, time.zone, dated) for m in chart.lines[0].minutes],
            "lines": [
                {"name": line.name, "values": [_value(line.value(m)) for m in line.minutes]} for line in chart.lines
            ],
        }
        for chart in charts
    }
    text = json.dumps(plain, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _value(value: float) -> float | None:
    return round(value, 2) if isfinite(value) else None
