"""A run begins only the sites that it can end in time; what is left is counted."""

from dataclasses import dataclass

import pytest

from firstbell.calendar import fetching, moodle_talk, trust
from firstbell.running import ENOUGH, Run
from firstbell.site import Fleet, Site
from simulator import stack

SITES = [Site(name, "UTC", Fleet(name)) for name in "abcd"]


@dataclass
class Context:
    """What Lambda tells; each site takes so many seconds."""

    left: float

    def get_remaining_time_in_millis(self) -> float:
        return self.left * 1000


@pytest.mark.parametrize(
    ("says", "left", "expected"),
    [
        ("all", ENOUGH + 300, 4),
        ("all that are begun can take the whole of their time", ENOUGH + 2 * 40, 3),
        ("there is just enough for one", ENOUGH, 1),
        ("there is not enough for one", ENOUGH - 1, 0),
    ],
)
def test_a_site_is_begun_when_there_is_enough_time_to_end_it(says: str, left: float, expected: int):
    context = Context(left)
    run = Run.start("plan_capacity", {"source": "firstbell.schedule"}, context)
    begun = []
    for site in run.in_time(SITES):
        begun.append(site.name)
        context.left -= 40
    assert len(begun) == expected, says
    assert run._counts["SitesLeft"] == len(SITES) - expected


def test_what_takes_time_fits_into_what_it_is_part_of():
    """An answer into a Moodle's conversation, that into what a site's hosts have, that into a site, that into a run."""

    timeout = stack._template()["Resources"]["PlanCapacity"]["Properties"]["Timeout"]
    conversation = (moodle_talk.TIME + moodle_talk.GRACE).total_seconds()
    assert trust.HURRIED <= moodle_talk.GRACE.total_seconds() < trust.SECONDS < conversation < fetching.BUDGET
    assert fetching.BUDGET + 25 < ENOUGH < timeout / 2
