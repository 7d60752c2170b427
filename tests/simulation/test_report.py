"""The report: a page that is whole, escaped, the same each time, and says what the figures say."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from math import inf, nan
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.report import render, sentence
from simulator.report.axes import Linear, Log, Time
from simulator.report.course import POINTS, thinned
from simulator.report.figures import ROWS
from simulator.report.markers import lay_out
from simulator.results import Happening, Minute, Result

START = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; </style></title></svg><script>",
    "]]>--><!--",
    "\u202egnp.exe\u2066",
    "\x1b[31m\x00\x07",
    "\ud800",
    "x" * 10_000,
    "&lt;b&gt;&amp;",
    "https://evil.example/x.js",
]


def minute(n: int, p95: float = 0.2, requests: int = 60) -> Minute:
    return Minute(START + timedelta(minutes=n), 1.5, 4.0, 2, requests, p95)


def result(policy: str = "firstbell", lines: int = 40, **figures: float) -> Result:
    base = {"slow_share": 0.01, "p95": 0.3, "start_p95": 0.4, "instance_hours": 30.0, "cost_usd": 1.0}
    base |= {"sessions_lost": 0.0, "pages": 0.0, "violations": 0.0}
    timeline = tuple(
        Happening(START + timedelta(minutes=9 * n), "fleet", f"line {n}", f"reason {n}") for n in range(lines)
    )
    course = tuple(minute(n, 60.0 if policy == "fixed" and n > 200 else 0.2) for n in range(360))
    return Result("exam-morning", policy, 1, base | figures, course, timeline, "Europe/Berlin")


THREE = [
    result(),
    result("fixed", slow_share=0.2, cost_usd=0.8, p95=14.0),
    result("target-tracking", slow_share=0.1, cost_usd=0.7, p95=9.0),
]


class Page(HTMLParser):
    """Reads a page strictly: every element must be closed, in order; keeps tags, ids and texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text += data

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_page_is_well_formed_and_its_ids_are_unique():
    page = Page(render(THREE))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    named = [name for a in page.all("svg") for name in (a.get("aria-labelledby") or "").split()]
    assert set(named) <= set(ids)
    assert len(named) == 6  # a title and a description for each of three charts


def test_each_marker_leads_to_a_line_of_the_timeline():
    page = Page(render(THREE))
    ids = {a.get("id") for _, a in page.tags}
    links = [str(a["href"]) for a in page.all("a")]
    assert links
    assert {link.removeprefix("#") for link in links} <= ids


def test_the_page_needs_and_names_nothing_outside():
    page = render(THREE)
    assert not re.search(r"(https?:)?//[a-z]", page, re.IGNORECASE)
    assert not re.search(r"@import|url\(|\bsrc=", page)


def test_only_our_own_script_and_style_may_run():
    page = Page(render(THREE))
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not [a for _, a in page.tags if any(name.startswith("on") or name == "style" for name in a)]


def test_the_same_results_give_the_same_bytes():
    assert render(THREE) == render([replace(r) for r in THREE])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_escaped_and_cut(text):
    line = Happening(START, "broken", text, text)
    own = replace(THREE[0], scenario=text, timeline=(line,))
    html = render([own, replace(THREE[1], policy=text), THREE[2]])
    page = Page(html)
    assert html.encode("utf-8")
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in Page(render(THREE)).tags}
    assert len(page.all("script")) == 2
    assert not re.search("[\x00-\x08\x1b\u202a-\u202e\u2066-\u2069]", html)
    assert len(html) < 200_000


@given(st.text(max_size=50), st.text(max_size=50))
def test_no_text_makes_an_element(what, why):
    page = Page(render([replace(result(lines=0), minutes=(), timeline=(Happening(START, "plan", what, why),))]))
    assert len(page.all("tr")) == 2 + len(ROWS) + 1  # two heads, the figures, the one line


def test_the_timeline_is_in_local_time():
    page = Page(render(THREE))
    assert page.all("time")[0]["datetime"] == "2026-11-24T06:00:00Z"
    assert "07:00" in page.text
    assert "line 39" in page.text
    assert "reason 39" in page.text


def test_a_long_timeline_says_what_it_leaves_out():
    assert "100 later lines are left out" in Page(render([result(lines=500)])).text


def test_the_values_for_the_pointer_are_json_that_cannot_end_its_element():
    html = render([replace(THREE[0], policy="</script><b>")])
    data = html.partition('id="course">')[2].partition("</script>")[0]
    assert json.loads(data)["p95"]["lines"][0]["name"] == "</script><b>"


@pytest.mark.parametrize(
    "results",
    [
        [result(lines=0)],  # one policy, nothing happened
        [replace(result(), minutes=())],  # no course
        [replace(result(), minutes=(minute(0),))],  # one minute
        [replace(result(), minutes=tuple(minute(n, 0.0, 0) for n in range(9)))],  # nobody came
        [replace(result(), minutes=(minute(0, inf), minute(1, nan), minute(2, 1e9)))],  # no sensible latency
        [replace(result(), figures={})],  # no figures
        [replace(THREE[1]), replace(THREE[2])],  # Firstbell did not run
        [replace(result(), zone="Pacific/Kiritimati")],  # another day there
        [replace(result(), minutes=tuple(minute(n) for n in range(14 * 1440)))],  # a fortnight
    ],
)
def test_odd_results_still_make_a_whole_page(results):
    html = render(results)
    Page(html)
    assert not re.search(r'="[^"]*(nan|inf)[^"]*"', html)
    assert len(html) < 400_000


def test_without_results_there_is_no_report():
    with pytest.raises(ValueError, match="no result"):
        render([])


@pytest.mark.parametrize(
    ("own", "other", "begins"),
    [
        ({"slow_share": 0.01}, {"slow_share": 0.2}, "Firstbell had the fewest slow requests: 1.0 %"),
        ({"cost_usd": 0.5}, {"slow_share": 0.2}, "Firstbell had the fewest slow requests and cost the least"),
        ({"slow_share": 0.2}, {"slow_share": 0.2}, "No policy had fewer slow requests than Firstbell"),
        ({"slow_share": 0.3}, {"slow_share": 0.2}, "A fixed fleet had fewer slow requests than Firstbell"),
    ],
)
def test_the_conclusion_follows_from_the_figures(own, other, begins):
    assert sentence([result(**own), result("fixed", **other)]).startswith(begins)


def test_broken_invariants_are_part_of_the_conclusion():
    assert sentence([result(violations=1)]).endswith("1 invariant was broken.")
    assert sentence([result(violations=2)]).endswith("2 invariants were broken.")


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ((0.3, 14.0), {"firstbell"}),  # the lower one
        ((14.0, 0.3), {"fixed"}),  # whoever has it
        ((0.3, 0.3), set()),  # no difference, no best
        ((0.301, 0.302), set()),  # nor one that nobody can read
        ((0.0, 0.3), {"fixed"}),  # a latency of 0 is that of no request
    ],
)
def test_the_best_of_a_row(values, best):
    row = next(row for row in ROWS if row.key == "p95")
    assert row.best([result(p95=values[0]), result("fixed", p95=values[1])]) == best


@given(st.lists(st.integers(0, 359), max_size=60), st.sampled_from([290, 900]))
def test_markers_never_overlap_and_lose_no_line(moments, plot):
    time = Time(START, START + timedelta(hours=6), ZoneInfo("UTC"))
    lines = [Happening(START + timedelta(minutes=n), "fleet", "x") for n in sorted(moments)]
    found = lay_out(lines, time, plot)
    assert [n for m in found for n in range(m.first, m.last + 1)] == list(range(1, len(lines) + 1))
    assert all(a.left(plot) + a.width <= b.left(plot) for a, b in pairwise(found))


@given(st.floats(0.001, 1e6), st.floats(0, 1e6))
def test_a_linear_axis_holds_its_values(highest, value):
    axis = Linear(highest)
    assert axis.top >= highest
    assert 0 <= axis.at(value) <= 1
    assert 2 <= len(axis.ticks()) <= 9


def test_a_logarithmic_axis_is_cut_at_its_ends():
    axis = Log(60.0)
    assert axis.at(0.0) == axis.at(0.1) == 0
    assert axis.at(60.0) == axis.at(inf) == 1
    assert axis.at(0.1) < axis.at(2.0) < axis.at(20.0)


@given(st.integers(1, 20 * 1440))
def test_a_time_axis_has_a_readable_number_of_ticks(minutes):
    time = Time(START, START + timedelta(minutes=minutes), ZoneInfo("Europe/Berlin"))
    places = [place for place, _ in time.ticks()]
    assert len(places) <= 11
    assert places == sorted(places)
    assert all(0 <= place <= 1 for place in places)


def test_thinning_loses_no_spike():
    course = [minute(n) for n in range(5000)]
    course[4321] = minute(4321, 55.0)
    found = thinned(course)
    assert len(found) <= POINTS
    assert max(m.p95 for m in found) == 55.0
    assert sum(m.requests for m in found) == sum(m.requests for m in course)
