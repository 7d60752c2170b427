"""Actions are tried one by one, and each outcome is kept."""

from dataclasses import dataclass

import pytest

from firstbell.acting import ActionsFailed, Outcome, carry_out


@dataclass(frozen=True)
class Add:
    number: int
    reason: str = "it was asked for"


def test_all_are_done_in_order():
    done: list[int] = []
    assert carry_out([Add(2), Add(1)], lambda a: done.append(a.number)) == [Outcome(Add(2)), Outcome(Add(1))]
    assert done == [2, 1]


def test_one_that_fails_does_not_stop_the_others_and_its_error_is_kept():
    done: list[float] = []
    outcomes = carry_out([Add(1), Add(0), Add(2)], lambda a: done.append(1 / a.number))
    assert done == [1, 0.5]
    assert [type(o.error) for o in outcomes] == [type(None), ZeroDivisionError, type(None)]


def test_nothing_to_do_has_no_outcome():
    assert carry_out([], lambda a: 1 / 0) == []


def test_what_ends_the_process_is_not_kept_back():
    def stop(action: Add) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out([Add(1)], stop)


def test_the_failures_are_raised_as_one_group_that_names_each():
    failed = ActionsFailed("plan_capacity: 2 failures", [ValueError("a"), OSError("b")])
    assert [str(e) for e in failed.exceptions] == ["a", "b"]
