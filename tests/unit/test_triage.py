"""What an alarm leads to: web servers in proportion, a hold, a loan, a person, or nothing, by what the tiers say."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.alarms import sizing, triage
from firstbell.alarms.belonging import belongs, of_site
from firstbell.alarms.judging import Load, judge
from firstbell.alarms.sizing import LEASE, RENEW, SETTLE, bounds
from firstbell.alarms.tiers import Tiers
from firstbell.alarms.triage import decide
from firstbell.alarms.values import Alarm, children
from firstbell.capacity import reconcile
from firstbell.capacity.reconcile import SaveFloor, Seen, SetMinSize
from firstbell.capacity.values import Floor, Plan
from firstbell.fleet import Group
from firstbell.loans.values import Ask, Wish
from firstbell.oncall.signal import Signal
from firstbell.site import BalancerTier, Moodledata, Site
from firstbell.site import Tiers as Lent
from tests.unit.campus_values import HOUR, MINUTE, floor, group, site
from tests.unit.reaction_world import (
    FILES,
    GIBI,
    MEBI,
    NOW,
    alarm,
    campus,
    course,
    lending,
    load,
    of_database,
    of_files,
    series,
    slow,
    tiers,
    told,
)

DAYS = 3 * 24 * 60  # minutes


def lease(instances: int, began: float = 10, lasts: float = 60) -> Floor:
    start = NOW - began * MINUTE
    return floor(start, start + lasts * MINUTE, instances, "an alarm", sizing.OWNER)


def levels(actions: list[triage.Action]) -> list[int]:
    return [a.floor.instances for a in actions if isinstance(a, SaveFloor)]


def said(actions: list[triage.Action], key: str) -> Signal:
    return next(a for a in actions if isinstance(a, Signal) and a.key == key)


def by_cpu(found: Group, cpu: float, *leases: Floor, threshold: float = 50, **fleet: int) -> list[triage.Action]:
    seen = load(found, tiers(cpu=cpu), alarm(threshold=threshold), leases=leases)
    return decide(campus(**fleet), seen, NOW)


# ---------------------------------------------------------------- the web tier


@pytest.mark.parametrize(
    ("says", "serving", "coming", "min_size", "max_size", "cpu", "expected", "tells"),
    [
        ("twice the load wants twice the servers", 4, 0, 1, 20, 100, [8], ["ticket"]),
        ("a part of a server is a whole one", 4, 0, 1, 20, 51, [5], ["ticket"]),
        ("at the threshold what serves is protected", 4, 0, 1, 20, 50, [4], ["ticket"]),
        ("what is on its way is not asked for again", 4, 4, 8, 20, 100, [], []),
        ("what is on its way counts towards what is needed", 4, 2, 6, 20, 100, [8], ["ticket"]),
        ("with nobody in service one is reckoned", 0, 1, 1, 20, 100, [2], ["ticket"]),
        ("one alarm adds max_step at most, to what serves and comes", 9, 2, 1, 20, 100, [15], ["ticket"]),
        ("MaxSize is the most, and more is a page", 9, 0, 1, 10, 100, [10], ["page"]),
        ("at MaxSize nothing is raised, and a person is called", 10, 0, 10, 10, 100, [], ["page"]),
        ("a MinSize that is enough already stays", 4, 0, 8, 20, 100, [], []),
    ],
)
def test_the_rule_of_proportion(
    says: str,
    serving: int,
    coming: int,
    min_size: int,
    max_size: int,
    cpu: float,
    expected: list[int],
    tells: list[str],
):
    actions = by_cpu(group(min_size, max_size, serving, coming), cpu, max_step=4)
    assert (levels(actions), told(actions)) == (expected, [("web-saturated", severity) for severity in tells]), says


def test_those_that_came_after_the_measurement_have_no_part_in_it():
    """Four came into service since: the CPU is of the two before, so four in all are enough, and there are six."""
    of_two = tiers(cpu=90, cpu_samples=2)
    assert levels(decide(campus(), load(group(6, serving=6), of_two), NOW)) == []
    of_all = tiers(cpu=90, cpu_samples=30)  # basic monitoring: five samples each
    assert levels(decide(campus(), load(group(6, serving=6), of_all), NOW)) == [11]


def test_a_raise_is_leased_for_an_hour_and_says_what_was_seen_and_what_to_expect():
    save, told_ = decide(campus(), replace(load(group(serving=2, coming=1), tiers(cpu=90)), lead=420), NOW)
    why = "CPU 90 % on 2 serving instances, 50 % wanted: at least 4 for the next hour (1 are on their way)"
    assert save == SaveFloor(Floor("alarm", NOW, NOW + LEASE, 4, why), why)
    assert isinstance(told_, Signal)
    assert told_.what.startswith("CPU 90 % on 2 serving instances, 50 % wanted. New instances serve in about 7 min")
    assert "take new sessions only" in told_.what
    assert told_.done == ("MinSize raised to 4 for an hour",)
    assert told_.evidence == (
        "web servers: 2 serving, 1 on their way, at most 20, CPU 90 %",
        "alarm firstbell-campus-cpu is on since 09:02 UTC",
    )


@pytest.mark.parametrize(
    ("says", "min_size", "leases", "expected"),
    [
        ("a raise of two minutes ago is left to work", 6, [lease(6, began=2)], []),
        ("after it had time to work, more is added", 6, [lease(6, began=4)], [8]),
        ("a lease that a deploy reset is renewed", 1, [lease(8, began=20, lasts=70)], [8]),
        ("a lease with much time left is not renewed", 8, [lease(8, began=4)], []),
        ("a lease with little time left is renewed while the alarm lasts", 8, [lease(8, began=30)], [8]),
        ("a renewal never lowers what was leased", 12, [lease(12, began=30)], [12]),
        ("a lease that has run out counts no more", 8, [lease(12, began=90)], []),
        ("a lease of another owner is not the alarm's", 8, [floor(NOW - HOUR, NOW + MINUTE, 12, "x", "somebody")], []),
        ("a lease above what is allowed by now is not kept above", 10, [lease(25, began=30)], [20]),
        ("a lease above what is allowed is no reason to raise for ever", 20, [lease(25, began=5)], []),
    ],
)
def test_leases(says: str, min_size: int, leases: list[Floor], expected: list[int]):
    assert levels(by_cpu(group(min_size, 20, 4), 100, *leases)) == expected, says


def test_while_a_raise_settles_nobody_is_called_for_more_than_the_most():
    """What was measured is what was before the new servers came."""
    assert by_cpu(group(17, 20, 17), 80, lease(17, began=2)) == []
    assert told(by_cpu(group(17, 20, 17), 80, lease(17, began=4))) == [("web-saturated", "page")]


def test_beyond_the_most_a_page_says_what_it_would_take():
    actions = by_cpu(group(1, 12, 9), 100, max_instances=10, instance_price=0.04)
    assert levels(actions) == [10]
    assert (
        "Not done: 18 instances would be needed, 10 is the most (max_instances 10, MaxSize 12)"
        in said(actions, "web-saturated").what
    )
    assert "about $0.32 an hour" in said(actions, "web-saturated").what


@pytest.mark.parametrize(
    ("says", "seen", "alarms", "expected"),
    [
        ("another alarm, CPU over the plan's own target", tiers(cpu=90), [slow()], [6]),
        ("another alarm, and CPU that says nothing", tiers(cpu=30), [slow()], []),
        ("slow pages and one hot server: one more", tiers(cpu=45, cpu_most=99, p95=3.1), [slow()], [5]),
        ("one hot server among idle ones is sick, not busy", tiers(cpu=20, cpu_most=99, p95=3.1), [slow()], []),
        ("slow pages and no hot server", tiers(cpu=45, cpu_most=60, p95=3.1), [slow()], []),
        ("a hot server and no slow pages", tiers(cpu=45, cpu_most=99, p95=0.4), [slow()], []),
        ("all workers of PHP busy, CPU too", tiers(cpu=45, fpm=98), [slow()], [6]),
        ("all workers busy with waiting", tiers(cpu=10, fpm=98), [slow()], []),
        ("the alarm's minute is over, and it is on", tiers(cpu=20), [alarm()], [2]),
        ("a threshold of nothing is none", tiers(cpu=50), [alarm(threshold=0)], []),
        ("of two thresholds the lower one", tiers(cpu=80), [alarm(), alarm("early", threshold=40)], [8]),
        ("that CPU is low is no trouble", tiers(cpu=5), [alarm("low", above=False, threshold=10)], []),
        ("a threshold that is passed for days is wrong", tiers(cpu=20), [alarm(threshold=5, minutes=DAYS)], []),
        ("an anomaly is a hint like any other", tiers(cpu=90), [alarm("odd", kind="anomaly", threshold=0)], [6]),
        ("so is a composite", tiers(cpu=90), [alarm("all", kind="composite", metric="", dimensions=())], [6]),
    ],
)
def test_what_saturates_the_web_servers(says: str, seen: Tiers, alarms: list[Alarm], expected: list[int]):
    assert levels(decide(campus(), load(group(serving=4), seen, *alarms), NOW)) == expected, says


# ---------------------------------------------------------------- order of suspicion


CAUSES = [
    ("a busy database, whatever the web servers do", {"database_cpu": 92}, [slow()], [("database-saturated", "page")]),
    ("busy web servers over a busy database", {"cpu": 99, "database_cpu": 92}, [], [("database-saturated", "page")]),
    ("slow storage", {"cpu": 99, "io_limit": 99}, [], [("storage-slow", "page")]),
    (
        "both of them",
        {"cpu": 99, "io_limit": 99, "database_cpu": 85},
        [],
        [("storage-slow", "page"), ("database-saturated", "page")],
    ),
    (
        "errors, and nobody is busy",
        {"cpu": 12, "requests": [50] * 5, "balancer_errors": [50] * 5},
        [slow()],
        [("errors-without-load", "page")],
    ),
    ("errors of busy servers", {"cpu": 99, "balancer_errors": [50] * 5}, [], [("web-saturated", "ticket")]),
    (
        "errors of busy servers that more of them have not ended",
        {"cpu": 60, "requests": [50] * 5, "target_errors": [50] * 5},
        [alarm(minutes=10)],
        [("web-saturated", "page")],
    ),
    (
        "errors in a dip of busy servers",
        {"cpu": 3, "balancer_errors": [50] * 5},
        [alarm()],
        [("errors-without-load", "page")],
    ),
    (
        "errors of a busy database",
        {"cpu": 12, "database_cpu": 99, "requests": [50] * 5, "target_errors": [50] * 5},
        [slow()],
        [("database-saturated", "page")],
    ),
    (
        "credits that end in two hours, beside what is",
        {"cpu": 12, "database_cpu": 99, "database_credits": course(40, 20)},
        [of_database()],
        [("database-saturated", "page"), ("credits/database", "page")],
    ),
    (
        "an alarm that no tier explains",
        {"cpu": 12, "database_cpu": 10},
        [slow()],
        [("alarm/firstbell-campus-p95", "page")],
    ),
    (
        "that web servers are busy does not explain a database's alarm",
        {"cpu": 99, "database_cpu": 10},
        [alarm(), of_database()],
        [("web-saturated", "ticket"), ("alarm/firstbell-campus-database", "page")],
    ),
    (
        "nor does it explain one of the files",
        {"cpu": 99, "io_limit": 10},
        [alarm(), of_files()],
        [("web-saturated", "ticket"), ("alarm/firstbell-campus-files", "page")],
    ),
    (
        "a credits' alarm is explained by its forecast",
        {"cpu": 12, "burst_credits": course(900 * GIBI, 700 * GIBI)},
        [of_files("BurstCreditBalance", above=False)],
        [("credits/storage", "ticket")],
    ),
    (
        "credits that are low but last are a ticket",
        {"cpu": 12, "web_credits": course(100, 100)},
        [alarm("credits", metric="AWS/EC2/CPUCreditBalance", above=False)],
        [("alarm/firstbell-campus-credits", "ticket")],
    ),
    (
        "a composite over what is told anyway is not told too",
        {"cpu": 12},
        [slow(), alarm("all", kind="composite", metric="", dimensions=(), children=("firstbell-campus-p95",))],
        [("alarm/firstbell-campus-p95", "page")],
    ),
    (
        "a composite over what is off is",
        {"cpu": 12},
        [slow(state="OK"), alarm("all", kind="composite", metric="", children=("firstbell-campus-p95",))],
        [("alarm/firstbell-campus-all", "page")],
    ),
    (
        "one that has been on for days wakes nobody",
        {"cpu": 12},
        [slow(minutes=DAYS)],
        [("alarm/firstbell-campus-p95", "ticket")],
    ),
    ("nothing known", {}, [], [("alarm/firstbell-campus-cpu", "page")]),
]


@pytest.mark.parametrize(("says", "seen", "alarms", "expected"), CAUSES, ids=[case[0] for case in CAUSES])
def test_what_is_told(says: str, seen: dict[str, float], alarms: list[Alarm], expected: list[tuple[str, str]]):
    actions = decide(campus(), load(group(serving=4), tiers(**seen), *alarms), NOW)
    assert told(actions) == expected, says


@pytest.mark.parametrize(
    "seen",
    [
        {"cpu": 99, "database_cpu": 92},
        {"cpu": 99, "io_limit": 99},
        {"cpu": 12, "balancer_errors": [50] * 5},
        {"requests": 5},
    ],
    ids=["database", "storage", "errors", "the CPU is not known"],
)
def test_every_cause_but_the_web_s_own_holds_the_size_and_adds_nothing(seen: dict[str, float]):
    actions = decide(campus(), load(group(serving=4, coming=2), tiers(**seen)), NOW)
    assert levels(actions) == [6]
    [signal] = [a for a in actions if isinstance(a, Signal)]
    assert signal.done == ("the size is held at 6 for an hour",)
    held = load(group(serving=4, coming=2), tiers(**seen), leases=(lease(6),))
    assert levels(decide(campus(), held, NOW)) == [], "one that holds already is not renewed before it is time"
    assert levels(decide(campus(), replace(held, leases=(lease(6, began=30),)), NOW)) == [6]


def test_what_is_wrong_for_days_holds_no_size_for_ever():
    """Else the most that a week needed would stay for the week."""
    seen = load(group(serving=20), tiers(cpu=12, balancer_errors=[50] * 5), slow(), leases=(lease(20, began=30),))
    assert levels(decide(campus(), seen, NOW)) == [20]
    assert levels(decide(campus(), replace(seen, alarms=(slow(minutes=DAYS),)), NOW)) == []


def test_a_file_server_that_says_nothing_is_storage_trouble_where_its_alarm_says_so():
    """A server that is stopped has no status checks."""
    of = replace(campus(), moodledata=Moodledata(server="i-0a1b2c3d4e5f60718"))
    silent = alarm("nfs", metric="AWS/EC2/StatusCheckFailed", dimensions=(("InstanceId", "i-0a1b2c3d4e5f60718"),))
    breaching = replace(silent, missing="breaching")
    assert told(decide(of, load(group(), tiers(cpu=9), breaching), NOW)) == [("storage-slow", "page")]
    assert told(decide(of, load(group(), tiers(cpu=9), silent), NOW)) == [("alarm/firstbell-campus-nfs", "page")]
    up = load(group(), tiers(cpu=9, server_failed=0), breaching)
    assert told(decide(of, up, NOW)) == [("alarm/firstbell-campus-nfs", "page")]


def test_a_group_that_a_policy_shrank_meanwhile_is_held_at_what_was_leased():
    seen = load(group(serving=2), tiers(database_cpu=99), leases=(lease(8, began=30),))
    assert levels(decide(campus(), seen, NOW)) == [8]


def test_a_dip_after_an_outage_takes_nothing_back():
    """Errors, then nobody on the servers: those who were thrown out all come back at once."""
    outage = load(group(8, serving=8), tiers(cpu=3, balancer_errors=[90] * 5), slow(), leases=(lease(8, began=30),))
    assert levels(decide(campus(), outage, NOW)) == [8]


def test_the_page_about_a_database_says_what_was_seen_done_and_not_done():
    page = said(
        decide(campus(), load(group(serving=4), tiers(cpu=97, database_cpu=92, p95=4.2)), NOW), "database-saturated"
    )
    assert page.what.startswith("The database's CPU is at 92 %. Not done: no web server was added")
    assert "The web servers are busy too (CPU 97 % on 4 serving instances, 50 % wanted)" in page.what
    assert "Nothing that was done makes it faster." in page.what
    assert "Not known, and so not judged: RequestCount of the balancer, DatabaseConnections of the dat" in page.what
    assert page.evidence[1:3] == ("balancer: 95 % of answers within 4.20 s", "database: CPU 92 %")
    assert page.runbook == "database-saturated"


def test_a_site_that_names_no_database_hears_that_none_was_looked_at():
    page = said(decide(site(), load(group(), tiers(cpu=10), slow()), NOW), "alarm/firstbell-campus-p95")
    assert "the database, which the site file does not name" in page.what
    assert "the storage, which the site file does not name" in page.what
    assert page.evidence[0] == "AWS/ApplicationELB/TargetResponseTime against 2, since 2026-05-04 09:02 UTC"


# ---------------------------------------------------------------- what is asked for


def asked(actions: list[triage.Action]) -> list[tuple[str, float]]:
    return [(a.wish.key, a.wish.level) for a in actions if isinstance(a, Ask)]


FULL = {"cpu": 9, "metered": 600 * MEBI, "permitted": 10 * MEBI}
ASKS = [
    ("twice the throughput that is used", lending(), FULL, [("efs", 20.0)]),
    ("at least what a thousand people get", lending(), {"burst_credits": 1 * GIBI}, [("efs", 20.0)]),
    (
        "never more than for ten thousand people",
        lending(),
        {"metered": 60 * 500 * MEBI, "permitted": 500 * MEBI},
        [("efs", 200.0)],
    ),
    ("no throughput against a limit of operations", lending(), {"io_limit": 99}, []),
    ("nothing where the site does not allow it", lending(efs_throughput=False), FULL, []),
    ("nothing where nothing is lent", campus(), FULL, []),
    (
        "an Aurora minimum where the site allows it",
        lending(aurora_minimum=True),
        {"database_cpu": 99},
        [("aurora", 4.0)],
    ),
    ("twice what Aurora has", lending(aurora_minimum=True), {"database_cpu": 99, "acu": 6}, [("aurora", 12.0)]),
    ("none at its maximum", lending(aurora_minimum=True), {"database_cpu": 99, "acu_share": 99}, []),
    ("none unless it is allowed", lending(), {"database_cpu": 99}, []),
]


@pytest.mark.parametrize(("says", "of", "seen", "expected"), ASKS, ids=[case[0] for case in ASKS])
def test_what_is_asked_for(says: str, of: Site, seen: dict[str, float], expected: list[tuple[str, float]]):
    actions = decide(of, load(group(serving=2), tiers(**seen)), NOW)
    assert asked(actions) == expected, says
    assert all(a.wish.start == NOW and a.wish.end == NOW + HOUR for a in actions if isinstance(a, Ask))


def wish(level: float, left: timedelta) -> Wish:
    return Wish(NOW - HOUR, NOW + left, "efs", "", FILES, level, NOW, "files are slow")


def test_what_was_asked_for_is_renewed_and_not_raised_again():
    seen = load(group(serving=2), tiers(metered=60 * 39 * MEBI, permitted=40 * MEBI), asked=(wish(40, 50 * MINUTE),))
    assert asked(decide(lending(), seen, NOW)) == []
    assert asked(decide(lending(), replace(seen, asked=(wish(40, 20 * MINUTE),)), NOW)) == [("efs", 40.0)]


def test_lent_throughput_makes_burst_credits_a_matter_of_money_only():
    seen = load(group(), tiers(cpu=5, burst_credits=2 * GIBI), asked=(wish(40, 50 * MINUTE),))
    assert judge(lending(), seen, NOW).storage == ()
    late = replace(seen, asked=(wish(40, 20 * MINUTE),))
    assert asked(decide(lending(), late, NOW)) == [("efs", 40.0)], "it is kept until there are credits again"


def test_the_page_says_what_was_asked_for_and_when_it_helps():
    page = said(decide(lending(), load(group(serving=2), tiers(**FULL)), NOW), "storage-slow")
    assert page.done[0] == "the size is held at 2 for an hour"
    assert page.done[1].startswith("asked for 20 MiB/s until 10:07 UTC")
    assert "More throughput helps within minutes." in page.what


# ---------------------------------------------------------------- the alarm's state, and what is news


@pytest.mark.parametrize("state", ["OK", "INSUFFICIENT_DATA"])
def test_an_alarm_that_is_not_on_begins_nothing(state: str):
    seen = tiers(cpu=99, database_cpu=99, balancer_errors=[50] * 5)
    assert decide(campus(), load(group(serving=4), seen, alarm(state=state)), NOW) == []


@pytest.mark.parametrize(
    ("says", "state", "minutes", "leases", "expected"),
    [
        ("what an alarm without data had raised is kept", "INSUFFICIENT_DATA", 5, [lease(6, began=30)], [6]),
        ("as long as there is reason to doubt", "INSUFFICIENT_DATA", 61, [lease(6, began=30)], []),
        ("one with data that is off lets go", "OK", 5, [lease(6, began=30)], []),
        ("without a lease there is nothing to keep", "INSUFFICIENT_DATA", 5, [], []),
    ],
)
def test_a_lease_while_data_are_missing(says: str, state: str, minutes: int, leases: list[Floor], expected: list[int]):
    seen = load(group(1, serving=6), Tiers(), alarm(state=state, minutes=minutes), leases=tuple(leases))
    assert levels(decide(campus(), seen, NOW)) == expected, says


@pytest.mark.parametrize(
    ("says", "opened", "minute", "expected"),
    [
        ("what on-call has not", {}, 7, 1),
        ("what it has is no news", {"database-saturated": "page"}, 7, 0),
        ("that it became worse is", {"database-saturated": "ticket"}, 7, 1),
        ("each quarter of an hour it hears how things stand", {"database-saturated": "page"}, 15, 1),
        ("another incident is another", {"web-saturated": "page"}, 7, 1),
    ],
)
def test_what_on_call_has_is_not_told_each_minute(says: str, opened: dict[str, str], minute: int, expected: int):
    seen = load(group(serving=1), tiers(cpu=10, database_cpu=99), of_database(), opened=opened)
    assert len(told(decide(campus(), seen, NOW.replace(minute=minute)))) == expected, says


def test_an_alarm_that_is_still_on_is_explained_by_the_incident_that_is_still_open():
    seen = load(group(4, serving=8), tiers(cpu=30), slow(), opened={"web-saturated": "ticket"})
    assert decide(campus(), seen, NOW) == []


def test_an_alarm_that_flaps_keeps_what_was_raised():
    leases: tuple[Floor, ...] = ()
    found, now = group(1, serving=4), NOW
    for minute in range(240):
        now = NOW + minute * MINUTE
        on = minute % 6 < 3
        one = replace(alarm(state="ALARM" if on else "OK"), since=now - (minute % 3) * MINUTE)
        seen = Load((one,), found, tiers(cpu=series(90 if on else 30, last=now)), leases)
        saved = tuple(a.floor for a in decide(campus(), seen, now) if isinstance(a, SaveFloor))
        leases = saved or leases
        found = replace(found, min_size=leases[0].instances)
        assert leases[0].end > now
        assert leases[0].instances == 8


@pytest.mark.parametrize(
    ("says", "alarms", "minute", "expected"),
    [
        ("an alarm is on", [slow(minutes=70)], 7, True),
        ("one of the web servers' CPU, for days", [alarm(minutes=DAYS)], 7, True),
        ("another one for days: each look costs", [slow(minutes=DAYS)], 7, False),
        ("one has lately changed", [alarm(state="OK", minutes=60)], 7, True),
        ("one without data has lately changed", [alarm(state="INSUFFICIENT_DATA", minutes=20)], 7, True),
        ("all have been quiet for long", [alarm(state="OK", minutes=61)], 7, False),
        ("low CPU is quiet", [alarm(above=False, minutes=61)], 7, False),
        ("four times an hour it is looked anyway", [alarm(state="OK", minutes=61)], 45, True),
        ("without an alarm too", [], 0, True),
    ],
)
def test_when_it_is_worth_a_question(says: str, alarms: list[Alarm], minute: int, expected: bool):
    assert triage.lively(alarms, NOW.replace(minute=minute)) is (expected), says


# ---------------------------------------------------------------- whose an alarm is


BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/moodle/0123456789abcdef"
OWNER_OF_ALL = Site(
    "campus",
    "UTC",
    campus().fleet,
    tiers=Lent(balancer=BalancerTier(BALANCER)),
    moodledata=Moodledata(server="i-0a1b2c3d4e5f60718", file_system=FILES),
    reaction=campus().reaction,
)


@pytest.mark.parametrize(
    ("says", "name", "dimensions", "expected"),
    [
        ("its group's dimension makes it the site's", "anything", {"AutoScalingGroupName": "web"}, True),
        ("another group's dimension makes it another's", "firstbell-campus-cpu", {"AutoScalingGroupName": "b"}, False),
        ("without a group its name tells", "firstbell-campus-database", {"DBInstanceIdentifier": "x"}, True),
        ("a site whose name begins alike is another", "firstbell-campus2-database", {}, False),
        ("another prefix is not ours", "controller-campus-errors", {}, False),
        ("the database that the site names", "firstbell-db", {"DBInstanceIdentifier": "db"}, True),
        ("another database", "firstbell-db", {"DBInstanceIdentifier": "other"}, False),
        ("its file system", "firstbell-files", {"FileSystemId": FILES}, True),
        ("its file server", "firstbell-nfs", {"InstanceId": "i-0a1b2c3d4e5f60718"}, True),
        ("its balancer", "firstbell-p95", {"LoadBalancer": "app/moodle/0123456789abcdef", "TargetGroup": "t"}, True),
    ],
)
def test_whose_an_alarm_is(says: str, name: str, dimensions: dict[str, str], expected: bool):
    found = Alarm(name, "OK", NOW, "m", tuple(dimensions.items()), 1)
    assert belongs(found, OWNER_OF_ALL, "firstbell-") is expected, says


@pytest.mark.parametrize(
    ("says", "alarm", "owner"),
    [
        ("of two names that begin alike the longer one", "firstbell-campus-north-slow", "campus-north"),
        ("the shorter one where the longer is not", "firstbell-campus-slow", "campus"),
        ("a composite by its alarms", "firstbell-x/firstbell-campus-north-slow", "campus-north"),
    ],
)
def test_of_sites_whose_names_begin_alike_one_has_the_alarm(says: str, alarm: str, owner: str):
    name, _, child = alarm.partition("/")
    found = Alarm(name, "ALARM", NOW, "m", (), 1, children=(child,) if child else ())
    both = [campus(), replace(campus(), name="campus-north")]
    assert [one.name for one in both if of_site([found], one, "firstbell-", both)] == [owner], says


def test_a_composite_alarm_is_his_whose_alarms_it_is_made_of():
    database = Alarm("firstbell-db", "OK", NOW, "m", (("DBInstanceIdentifier", "db"),), 1)
    over = Alarm("firstbell-all", "OK", NOW, "", (), 0, kind="composite", children=("firstbell-db", "x"))
    named = replace(over, name="firstbell-some", children=("firstbell-campus-cpu",))
    other = replace(over, name="firstbell-none", children=("firstbell-campus2-cpu",))
    assert [a.name for a in of_site([database, over, named, other], campus(), "firstbell-")] == [
        "firstbell-db",
        "firstbell-all",
        "firstbell-some",
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('ALARM("a b") AND NOT OK(c)', ("a b", "c")),
        ("(ALARM(one) OR INSUFFICIENT_DATA( 'two' )) AND TRUE", ("one", "two")),
        ("ALARM(arn:aws:cloudwatch:eu-central-1:123456789012:alarm:three) OR ALARM(three)", ("three",)),
        ("AT_LEAST(2, ALARM, (one, two))", ()),
        ("", ()),
    ],
)
def test_the_alarms_that_a_rule_speaks_of(rule: str, expected: tuple[str, ...]):
    assert children(rule) == expected


# ---------------------------------------------------------------- properties


GROUPS = st.builds(
    lambda low, more, serving, coming: group(low, low + more, serving, coming),
    st.integers(0, 20),
    st.integers(0, 30),
    st.integers(0, 30),
    st.integers(0, 10),
)
LEASES = st.lists(st.builds(lease, st.integers(0, 60), st.integers(0, 70), st.just(60)), max_size=1)
PERCENT = st.none() | st.floats(0, 100)


def measured(**values: float | None) -> Tiers:
    return tiers(**{name: value for name, value in values.items() if value is not None})


SEEN = st.builds(
    measured, cpu=PERCENT, cpu_most=PERCENT, fpm=PERCENT, database_cpu=PERCENT, io_limit=PERCENT, p95=PERCENT
)
STATES = st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"])
ALARMS = st.lists(
    st.builds(
        lambda make, state, minutes: make(state=state, minutes=minutes),
        st.sampled_from([alarm, slow, of_database, of_files]),
        STATES,
        st.integers(0, 3000),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.name,
)


@given(GROUPS, SEEN, ALARMS, LEASES, st.integers(1, 40), st.integers(1, 10))
def test_a_floor_is_within_the_most_and_the_step_and_lowers_nothing(
    found: Group, seen: Tiers, alarms: list[Alarm], leases: list[Floor], maximum: int, step: int
):
    of = campus(min_instances=0, max_instances=maximum, max_step=step)
    here = bounds(of, found, leases, NOW)
    running = here.lease.instances if here.lease else 0
    for level in levels(decide(of, Load(tuple(alarms), found, seen, tuple(leases)), NOW)):
        assert level <= here.most
        assert level <= max(here.have + step, running, found.desired)
        assert level >= min(running, here.most)


@given(GROUPS, SEEN, ALARMS, LEASES, st.integers(1, 40), st.integers(0, 30))
def test_a_reaction_never_undercuts_the_plan_never_exceeds_the_most_and_never_fights_it(
    found: Group, seen: Tiers, alarms: list[Alarm], leases: list[Floor], maximum: int, planned: int
):
    of = campus(min_instances=0, max_instances=maximum)
    exam = floor(NOW - HOUR, NOW + HOUR, planned)
    plan = Plan("campus", NOW - HOUR, NOW + 24 * HOUR, (), floors=(exam,), resting=found.min_size)
    watched = Seen(found, (), plan, tuple(leases))
    saved = tuple(
        a.floor for a in decide(of, Load(tuple(alarms), found, seen, tuple(leases)), NOW) if isinstance(a, SaveFloor)
    )
    most = min(maximum, found.max_size)
    changes = reconcile.follow(of, watched, plan, NOW, more=saved)
    sizes = [c.min_size for c in changes if isinstance(c, SetMinSize)]
    assert all(min(planned, most) <= size <= most for size in sizes)
    low = sizes[-1] if sizes else found.min_size
    assert low >= min(max([planned, *(f.instances for f in saved)]), most)
    scheduled = tuple(a for c in changes if isinstance(c, reconcile.PutScheduled) for a in c.actions)
    then = Seen(replace(found, min_size=low), scheduled, plan, saved or tuple(leases))
    assert reconcile.follow(of, then, plan, NOW) == [], "the planner's next run finds nothing to change"


@given(GROUPS, SEEN, ALARMS)
def test_deciding_again_on_what_came_of_it_changes_nothing(found: Group, seen: Tiers, alarms: list[Alarm]):
    """So events that are repeated, late or out of order change nothing: only the present counts."""
    of, one = lending(aurora_minimum=True), Load(tuple(alarms), found, seen)
    first = decide(of, one, NOW)
    saved = tuple(a.floor for a in first if isinstance(a, SaveFloor))
    asks = tuple(a.wish for a in first if isinstance(a, Ask))
    opened = {a.key: a.severity for a in first if isinstance(a, Signal)}
    after = Load(one.alarms, found, seen, saved, opened, asks)
    for later in (NOW, NOW + SETTLE - MINUTE):
        assert decide(of, after, later) == []


def test_the_renewal_comes_while_the_lease_still_runs():
    assert timedelta(0) < SETTLE < RENEW < LEASE <= HOUR
