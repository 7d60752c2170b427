"""When incidents of the reaction are over, and in which words: deleted, silent, well again; and alarms of nobody."""

from dataclasses import replace

import pytest

from firstbell.alarms import ends, strays, triage
from firstbell.alarms.belonging import key_of
from firstbell.alarms.tiers import Tiers
from firstbell.alarms.values import Alarm
from tests.unit.campus_values import MINUTE, group, site
from tests.unit.reaction_world import NOW, alarm, campus, course, load, of_database, of_files, slow, tiers

OWN = "alarm/firstbell-campus-cpu"


@pytest.mark.parametrize(
    ("says", "alarms", "expected"),
    [
        ("an alarm that is OK", [alarm(state="OK")], "CloudWatch says OK since 09:02 UTC."),
        ("one that is on goes on", [alarm()], ""),
        ("one that was deleted", [slow()], "The alarm was deleted, or is no longer this site's."),
        ("one without data for some minutes says nothing", [alarm(state="INSUFFICIENT_DATA")], ""),
        (
            "one without data for an hour says nothing any more",
            [alarm(state="INSUFFICIENT_DATA", minutes=60, missing="ignore")],
            "The alarm has had no data since 08:07 UTC (it treats missing data as ignore): it says nothing.",
        ),
    ],
)
def test_the_incident_of_a_single_alarm(says: str, alarms: list[Alarm], expected: str) -> None:
    assert ends.of_alarms(alarms, [OWN, "mount/i-0a"], NOW).get(OWN, "") == expected, says
    assert set(ends.of_alarms(alarms, [OWN, "mount/i-0a"], NOW)) <= {OWN}


def test_an_alarm_with_a_name_too_long_for_a_key_still_has_one_incident() -> None:
    long = replace(alarm(state="OK"), name="firstbell-campus-" + "x" * 230)
    assert len(key_of(long)) <= 200
    assert list(ends.of_alarms([long], [key_of(long)], NOW)) == [key_of(long)]


WELL, OFF = "It is well again, and no alarm about it is on.", "All alarms are off; its values are not known."
OKAY = [alarm(state="OK"), slow(state="OK"), of_database(state="OK")]
CASES = [
    ("CPU is low and its alarm is off", "web-saturated", tiers(cpu=20), OKAY, WELL),
    ("CPU is low and its alarm still on", "web-saturated", tiers(cpu=20), [alarm()], ""),
    ("CPU is low and pages are slow", "web-saturated", tiers(cpu=20), [alarm(state="OK"), slow()], ""),
    ("a database's alarm is not about web servers", "web-saturated", tiers(cpu=20), [of_database()], WELL),
    ("CPU is high whatever the alarm says", "web-saturated", tiers(cpu=90), OKAY, ""),
    ("CPU is not known and all alarms are off", "web-saturated", Tiers(), OKAY, OFF),
    ("no data is no health", "web-saturated", Tiers(), [alarm(state="INSUFFICIENT_DATA")], ""),
    (
        "an alarm whose metric nobody publishes holds nothing open",
        "web-saturated",
        Tiers(),
        [*OKAY, alarm("fpm", state="INSUFFICIENT_DATA", minutes=60)],
        OFF,
    ),
    ("without any alarm nobody can say it is on", "web-saturated", Tiers(), [], OFF),
    ("an alarm that is on for days holds nothing open", "web-saturated", tiers(cpu=9), [slow(minutes=3000)], WELL),
    ("the database is well", "database-saturated", tiers(database_cpu=20), OKAY, WELL),
    ("the database is not known", "database-saturated", tiers(cpu=20), [slow(state="INSUFFICIENT_DATA")], ""),
    ("the files are well", "storage-slow", tiers(io_limit=20), OKAY, WELL),
    ("the files' alarm is on", "storage-slow", tiers(io_limit=20), [of_files()], ""),
    ("nothing fails", "errors-without-load", tiers(requests=20), OKAY, WELL),
    ("credits grow", "credits/web", tiers(web_credits=course(20, 60)), OKAY, WELL),
    ("credits fall", "credits/web", tiers(web_credits=course(60, 20)), OKAY, ""),
    (
        "credits grow and their alarm is on",
        "credits/web",
        tiers(web_credits=course(20, 60)),
        [alarm("credits", metric="AWS/EC2/CPUCreditBalance", above=False)],
        "",
    ),
]


@pytest.mark.parametrize(("says", "key", "seen", "alarms", "expected"), CASES, ids=[case[0] for case in CASES])
def test_the_incident_of_a_cause(says: str, key: str, seen: Tiers, alarms: list[Alarm], expected: str) -> None:
    watched = replace(load(group(serving=2), seen), alarms=tuple(alarms), opened={key: "page", "mount/i-0a": "page"})
    found = triage.over(campus(), watched, NOW)
    assert found.get(key, "") == expected, says
    assert set(found) <= {key}


def test_alarms_of_no_site_are_one_ticket_while_they_are_on() -> None:
    stray = Alarm("firstbell-old-cpu", "ALARM", NOW - MINUTE, "m", (), 1)
    found = strays.strays([stray, alarm(), replace(stray, name="firstbell-x", state="OK")], [site()], "firstbell-")
    assert found == [stray]
    [ticket] = strays.decide(found, (), NOW)
    assert (ticket.site, ticket.key, ticket.severity, ticket.evidence) == (
        "unknown",
        "unknown-alarm",
        "ticket",
        ("firstbell-old-cpu",),
    )
    assert strays.decide(found, {"unknown-alarm"}, NOW) == []
    assert strays.decide([], (), NOW) == []
