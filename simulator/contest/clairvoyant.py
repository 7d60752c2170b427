"""The clairvoyant: the fewest instance-hours of anybody who knows every arrival and is bound as real controllers are.

It keeps each minute's demand under the target utilisation, and pays for launches: an instance is asked for, and paid
for, a lead time before it is needed. While an exam is on, from its first log-in to its end, its capacity stays: nothing
is removed then (the freeze), and what is needed later must be there at the log-in, for sessions are sticky. An instance
that is up stays up for a quarter of an hour, so that it does not flap: AWS's scale-in alarm wants 15 data points, so
nobody who reacts removes one earlier. Under these rules no course of capacity takes fewer.
"""

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from itertools import groupby

from firstbell.capacity.planning import instances_for
from simulator.contest.campus import STEP, Campus
from simulator.contest.fleet import MINUTE

STAY = 15 * MINUTE  # steps
LOG_IN = timedelta(minutes=25)  # the first comes so long before an exam (simulator.traffic.lives)


def floors(campus: Campus) -> list[int]:
    """What to ask for at each played step."""
    fleet = campus.site.fleet
    minutes = campus.demand.vcpus(MINUTE)[campus.opens // MINUTE :]
    needed = [max(fleet.min_instances, instances_for(vcpus, campus.site)) for vcpus in minutes for _ in range(MINUTE)]
    serving = highest(needed, STAY)
    begin = 0
    for is_frozen, run in groupby(frozen(campus)):
        end = begin + sum(1 for _ in run)
        if is_frozen:
            serving[begin:end] = [max(serving[begin:end])] * (end - begin)
        begin = end
    ahead = highest(serving[::-1], fleet.lead // STEP + 1)[::-1]
    return [min(count, fleet.max_instances) for count in ahead]


def frozen(campus: Campus) -> list[bool]:
    """For each played step, whether an exam is on."""
    found = [False] * (len(campus.demand.joins) - campus.opens)
    for peak in campus.peaks:
        if peak.kind == "exam" and peak.start > campus.term.opens:
            first, last = (campus.step(m.timestamp()) - campus.opens for m in (peak.start - LOG_IN, peak.end))
            found[first:last] = [True] * (last - first)
    return found


def highest(values: Sequence[int], span: int) -> list[int]:
    """For each place the highest of the `span` values that end there."""
    found: list[int] = []
    falling: deque[int] = deque()  # places whose values fall, the first being the highest of the span
    for place, value in enumerate(values):
        while falling and values[falling[-1]] <= value:
            falling.pop()
        falling.append(place)
        if falling[0] <= place - span:
            falling.popleft()
        found.append(values[falling[0]])
    return found
