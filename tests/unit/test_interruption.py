"""Interruption: what EC2 takes back leaves at once and is replaced, and one incident of the site tells of it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.aws import clients, spot
from firstbell.fleet import IN_SERVICE, Group, Instance
from firstbell.instances.actions import Deregister, Terminate
from firstbell.instances.interruption import KEY, decide
from firstbell.instances.release import Scene
from firstbell.oncall.signal import Signal
from firstbell.site import Fleet, Site

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SITE = Site("campus", "Europe/Berlin", Fleet("web"))
CODE = "instance-terminated-no-capacity"


def scene(serving: int, *taken: str, desired: int = 4, targets: int = 1, **settings: Any) -> Scene:
    """So many instances in service, of which EC2 takes some back."""
    instances = tuple(Instance(f"i-{n}", IN_SERVICE) for n in range(serving))
    group = Group("web", 1, 9, desired, instances, target_groups=tuple(f"tg-{n}" for n in range(targets)))
    return Scene(SITE, NOW, group, taken=tuple((i, CODE) for i in taken), **settings)


def test_it_is_taken_out_of_every_target_group_and_then_out_of_the_group() -> None:
    *steps, _ = decide(scene(4, "i-1", targets=2))
    assert [(type(a), getattr(a, "target_group", "")) for a in steps] == [
        (Deregister, "tg-0"),
        (Deregister, "tg-1"),
        (Terminate, ""),
    ]
    assert {getattr(a, "subject", "") for a in steps} == {"i-1"}
    assert all(CODE in a.reason for a in steps)


def test_three_at_once_all_go_and_are_one_incident() -> None:
    actions = decide(scene(4, "i-0", "i-1", "i-2"))
    assert [a.subject for a in actions if isinstance(a, Terminate)] == ["i-0", "i-1", "i-2"]
    [signal] = [a for a in actions if isinstance(a, Signal)]
    assert (signal.key, signal.severity, signal.runbook) == (KEY, "ticket", "spot-interrupted")
    assert "i-0, i-1, i-2 will be gone in two minutes; 1 of 4 instances go on serving." in signal.what


def test_while_an_exam_is_on_somebody_is_paged() -> None:
    [signal] = [a for a in decide(scene(4, "i-1", exam="Algebra")) if isinstance(a, Signal)]
    assert signal.severity == "page"
    assert signal.what.endswith("Algebra is on.")


ENDS = [
    ("as many serve as are desired: it is over", scene(4, raised=frozenset({KEY})), True),
    ("more serve than are desired: it is over", scene(5, raised=frozenset({KEY})), True),
    ("one is still missing", scene(3, raised=frozenset({KEY})), False),
    ("nobody was told", scene(4), False),
    ("another incident is open", scene(4, raised=frozenset({"storage"})), False),
    ("the next one is taken in this very moment", scene(4, "i-1", raised=frozenset({KEY})), False),
]


@pytest.mark.parametrize(("seen", "over"), [c[1:] for c in ENDS], ids=[c[0] for c in ENDS])
def test_it_is_over_when_the_replacements_serve(seen: Scene, over: bool) -> None:
    assert any(isinstance(a, Signal) and a.resolved for a in decide(seen)) == over


@given(st.integers(0, 6), st.integers(0, 6), st.sets(st.integers(0, 5)), st.booleans())
def test_who_goes_is_exactly_who_is_taken_and_deciding_again_gives_nothing(
    serving: int, desired: int, taken: set[int], open_incident: bool
) -> None:
    names = [f"i-{n}" for n in sorted(taken) if n < serving]
    seen = scene(serving, *names, desired=desired, raised=frozenset({KEY} if open_incident else ()))
    actions = decide(seen)
    assert [a.subject for a in actions if isinstance(a, Terminate)] == names
    left = tuple(i for i in seen.group.instances if i.id not in names)
    over = any(isinstance(a, Signal) and a.resolved for a in actions)
    told = {KEY} if names or (open_incident and not over) else set()
    after = replace(seen, group=replace(seen.group, instances=left), taken=(), raised=frozenset(told))
    assert not [a for a in decide(after) if not isinstance(a, Signal)]
    assert not decide(after) or len(left) >= desired, "only its end is left to be told"


# ---------------------------------------------------------------- what EC2 says


class Requests:
    """EC2's spot requests: instance to status code; `asked` are the filters of each question."""

    def __init__(self, codes: dict[str, str]) -> None:
        self.codes = codes
        self.asked: list[Any] = []

    def get_paginator(self, operation: str) -> "Requests":
        assert operation == "describe_spot_instance_requests"
        return self

    def paginate(self, Filters: list[Any]) -> list[Any]:  # noqa: N803 - as boto3 has it
        self.asked.append(Filters)
        [wanted] = [f["Values"] for f in Filters if f["Name"] == "instance-id"]
        return [
            {"SpotInstanceRequests": [{"InstanceId": i, "Status": {"Code": code}}]}
            for i, code in self.codes.items()
            if i in wanted
        ]


CODES = [
    ("marked-for-termination", True),
    ("marked-for-stop", True),
    ("instance-terminated-no-capacity", True),
    ("instance-terminated-by-price", True),
    ("fulfilled", False),
    ("request-canceled-and-instance-running", False),
    ("instance-terminated-by-user", False),
    ("instance-stopped-by-user", False),
]


@pytest.mark.parametrize(("code", "taken"), CODES, ids=[c[0] for c in CODES])
def test_only_what_ec2_takes_is_taken_back(monkeypatch: pytest.MonkeyPatch, code: str, taken: bool) -> None:
    requests = Requests({"i-spot": code, "i-other": "marked-for-termination"})
    monkeypatch.setattr(clients, "ec2", lambda: requests)
    assert spot.taken_back(["i-spot", "i-on-demand"]) == ({"i-spot": code} if taken else {})
