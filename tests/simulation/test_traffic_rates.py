"""Arrival rates: general functions of time, combined."""

from datetime import UTC, datetime

import pytest

from simulator.traffic.rates import Rate, constant, daily, pieces, spike, total

MIDNIGHT = datetime(2026, 6, 15, tzinfo=UTC).timestamp()
HOUR = 3600.0


@pytest.mark.parametrize(
    ("rate", "hour", "expected"),
    [
        pytest.param(constant(3.0), 4.0, 3.0, id="a constant rate is the same at all times"),
        pytest.param(daily(20.0), 9.5, 20.0, id="the busiest hour has the peak rate"),
        pytest.param(daily(20.0), 4.5, 1.8, id="the night is nearly empty"),
        pytest.param(daily(20.0), 9.0, 18.7, id="between two hours it is interpolated"),
        pytest.param(daily(20.0), 33.5, 20.0, id="the next day is like this one"),
        pytest.param(daily(20.0, utc_offset=2.0), 7.5, 20.0, id="another time zone has its morning at another time"),
        pytest.param(daily(20.0), 0.0, 1.4, id="midnight lies between the last hour and the first"),
        pytest.param(spike(MIDNIGHT + HOUR, 50.0, 600.0), 0.9, 0.0, id="before a spike there is nothing"),
        pytest.param(spike(MIDNIGHT + HOUR, 50.0, 600.0), 1.0, 50.0, id="it begins at once"),
        pytest.param(spike(MIDNIGHT + HOUR, 50.0, 600.0), 1.2, 0.0, id="and is over at once"),
        pytest.param(pieces((MIDNIGHT, 1.0), (MIDNIGHT + HOUR, 2.0)), -0.1, 0.0, id="before its first piece it is 0"),
        pytest.param(pieces((MIDNIGHT, 1.0), (MIDNIGHT + HOUR, 2.0)), 99.0, 2.0, id="the last piece goes on"),
        pytest.param(total(constant(1.0), constant(2.5)), 0.0, 3.5, id="rates add up"),
    ],
)
def test_rate(rate: Rate, hour: float, expected: float) -> None:
    assert rate(MIDNIGHT + hour * HOUR) == pytest.approx(expected)


def test_pieces_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="order"):
        pieces((10.0, 1.0), (5.0, 2.0))
