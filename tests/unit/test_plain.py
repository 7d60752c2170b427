"""Values survive being written as JSON, and data of the wrong shape is refused with its place."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.capacity.values import Factor, Floor, Learned, Plan
from firstbell.plain import from_plain, to_plain
from firstbell.site import (
    Admission,
    Arrivals,
    Backup,
    CalendarSource,
    Channel,
    Costs,
    EfsTier,
    Fleet,
    OnCall,
    Rule,
    Site,
    Tiers,
)
from tests.unit.campus_values import MONDAY, at, floor, peak


@dataclass(frozen=True)
class Leaf:
    size: int
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Tree:
    name: str
    leaves: tuple[Leaf, ...] = ()
    height: float = 1.0
    planted: datetime | None = None
    tag: Annotated[str, "a note"] = ""
    anything: Any = None


def through_json(value: Any) -> Any:
    return from_plain(type(value), json.loads(json.dumps(to_plain(value))))


FULL_SITE = Site(
    name="riverside",
    timezone="Europe/Berlin",
    fleet=Fleet("web", vcpus_per_instance=4, lead_time=90),
    calendars=(
        CalendarSource(
            ical="term.ics",
            kind="exam",
            participants=30,
            rules=(Rule("Exam", "X", kind="quiz", participants=2), Rule(ignore=True)),
        ),
        CalendarSource(moodle="answers"),
    ),
    costs=Costs(login=1.5),
    arrivals=Arrivals(exam=((30, 0.5), (90, 1))),
    tiers=Tiers(efs=EfsTier("fs-0123456789abcdef0")),
    admission=Admission(drain=0),
    oncall=OnCall((Channel(webhook="https://example.org/hook", secret="ssm:/firstbell/key"),), 600),
    backup=Backup("moodle-db"),
)


@pytest.mark.parametrize(
    "value",
    [
        Leaf(1),
        Tree("oak", (Leaf(1), Leaf(2, "b")), 2.5, MONDAY, "old", {"x": [1]}),
        FULL_SITE,
        floor(at(8), at(9), 4),
        Plan(
            "riverside",
            MONDAY,
            at(9),
            (),
            (peak(at(8), at(9), 3),),
            (floor(at(7), at(9), 2),),
            ("w",),
            ("s",),
            (4,),
            2,
            ("a",),
        ),
        Learned((0.5, 1), 240, (Factor("exam", 0.9, 3),)),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_value_is_the_same_after_json(value: Any):
    assert through_json(value) == value


def test_plain_data_holds_dicts_lists_and_iso_times_only():
    assert to_plain(Tree("oak", (Leaf(1),), planted=MONDAY)) == {
        "name": "oak",
        "leaves": [{"size": 1, "kind": "a"}],
        "height": 1.0,
        "planted": "2026-05-04T00:00:00+00:00",
        "tag": "",
        "anything": None,
    }


def test_a_key_of_a_newer_writer_is_ignored_and_one_of_an_older_takes_its_default():
    assert from_plain(Tree, {"name": "oak", "age": 300}) == Tree("oak")


def test_a_whole_number_is_a_float_where_one_is_wanted():
    found = from_plain(Tree, {"name": "oak", "height": 3})
    assert (found.height, type(found.height)) == (3.0, float)


@pytest.mark.parametrize(
    ("says", "data", "told"),
    [
        ("a list is no mapping", [], "Tree: expected a mapping, got list"),
        ("a needed key", {}, "Tree.name is missing"),
        ("a needed key deep inside", {"name": "x", "leaves": [{"size": 1}, {}]}, "Tree.leaves[1].size is missing"),
        ("a mapping is no list", {"name": "x", "leaves": {}}, "Tree.leaves: expected a list, got dict"),
        ("a text is no list", {"name": "x", "leaves": "ab"}, "Tree.leaves: expected a list, got str"),
        ("a number is no text", {"name": 3}, "Tree.name: 3 is not str"),
        ("a text is no number", {"name": "x", "height": "3"}, "Tree.height: '3' is not float"),
        ("true is no float", {"name": "x", "height": True}, "Tree.height: True is not float"),
        (
            "a word that is not allowed",
            {"name": "x", "leaves": [{"size": 1, "kind": "c"}]},
            "kind: 'c' is not ('a', 'b')",
        ),
        ("null where something is needed", {"name": None}, "Tree.name: None is not str"),
        ("a time that is none", {"name": "x", "planted": "noon"}, "Tree.planted: Invalid isoformat string: 'noon'"),
        ("a number is no time", {"name": "x", "planted": 3}, "Tree.planted: 3 is not datetime"),
    ],
)
def test_wrong_data_is_refused_with_its_place(says: str, data: object, told: str):
    with pytest.raises(ValueError) as caught:
        from_plain(Tree, data)
    assert told in str(caught.value), says


FLOORS = st.builds(
    Floor,
    st.text(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)),
    st.integers(),
    st.text(),
)


@given(FLOORS)
def test_any_floor_survives(value: Floor):
    assert through_json(value) == value


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "leaves", "size", "kind", "height", "planted"]), inner, max_size=4
            )
        ),
        max_leaves=10,
    )
)
def test_any_data_makes_a_value_or_a_value_error(data: object):
    try:
        found: object = from_plain(Tree, data)
    except ValueError as error:
        found = str(error)
    assert isinstance(found, Tree) or str(found).startswith("Tree")
