"""Which signals are news: a raised one is told once, a resolved one only after it was raised; pure."""

from collections.abc import Collection, Iterable

from firstbell.oncall.signal import Signal


def only_news(signals: Iterable[Signal], raised: Collection[str]) -> list[Signal]:
    """Those of `signals` that change something, given the keys of the incidents open at present; one of each key."""
    found: dict[str, Signal] = {}
    for signal in signals:
        if (signal.key in raised) == signal.resolved:
            found.setdefault(signal.key, signal)
    return list(found.values())
