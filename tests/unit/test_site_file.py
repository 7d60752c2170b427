"""The site file: good ones are read with their defaults, and every mistake is named with its key, value and line."""

import json
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell import site
from firstbell.site import (
    Admission,
    Arrivals,
    Backup,
    CalendarSource,
    Channel,
    Costs,
    EfsTier,
    Escalate,
    Fleet,
    Inhibit,
    Maintenance,
    Moodledata,
    OnCall,
    Participation,
    Quiet,
    Rota,
    Rule,
    Site,
    Tiers,
    Turnout,
)
from firstbell.site_file import LARGEST, Problem, SiteFileError, json_schema, read_site

ROOT = Path(__file__).parents[2]
GOOD = "name: campus\ntimezone: Europe/Berlin\nfleet:\n  auto_scaling_group: web\n"  # four lines
CALENDAR = GOOD + "calendars:\n- moodle: a\n"  # six
SECRET, ADDRESS = (
    "a value that may be secret is wrong:",
    "expected an address with https, or a secret such as ssm:/firstbell/hook",
)
ON_CALL = GOOD + "oncall:\n"  # five
DAY = datetime.fromisoformat("2026-12-24T00:00")
HOOK = ON_CALL + "  channels:\n  - webhook: "  # seven begun


def problems(text: str | bytes) -> list[str]:
    with pytest.raises(SiteFileError) as caught:
        read_site(text)
    assert str(caught.value).startswith("site.yaml: ")
    return [str(problem) for problem in caught.value.problems]


def test_a_site_needs_a_name_a_time_zone_and_a_group_and_has_defaults_for_the_rest():
    assert read_site(GOOD) == Site("campus", "Europe/Berlin", Fleet("web"))


def test_everything_can_be_said():
    text = (
        GOOD
        + """\
  vcpus_per_instance: 4
  min_instances: 2
  max_instances: 30
calendars:
  - ical: term.ics
    participants: 300
    participants_factor: 0.5
    kind: quiz
    rules:
      - {match: "(?i)exam", kind: exam, participants: 900}
      - {category: Holidays, ignore: true}
  - moodle: answers
  - {moodle: "https://moodle.example.edu", token: "ssm:/firstbell/moodle", may_shrink: true}
  - {term: term.yaml}
costs: {login: 90}
moodledata: {path: /mnt/moodledata, fstype: nfs, source: "nfs:/export", sentinel: false}
admission: {deadline: 600, drain: 0}
oncall:
  repeat: 3600
  channels:
    - {webhook: "https://example.org/hook", secret: "ssm:/firstbell/hook"}
    - {webhook: "http://127.0.0.1:8080/", name: local, hears: info}
    - {slack: "secretsmanager:firstbell/slack", room: C0123456, hears: escalation}
  quiet: {ticket: "22:00-07:00"}
  escalate: {after: 600, to: [slack, people]}
  rota: {ical: rota.ics}
  inhibit: [{source: alarm/db, mutes: alarm/}]
  maintenance: [{start: 2026-12-24T00:00, end: 2026-12-27T00:00:00, reason: update, matches: "mount/*"}]
  ping: "https://hc.example.org/x"
backup: {database: moodle-db}
private_hosts: [moodle.internal]
arrivals: {exam: [[30, 0.5], [90, 1]], page_every: 120}
participation: {quantile: 0.9, exam: {mean: 0.97, deviation: 0.02}}
tiers: {from_participants: 500, efs: {file_system: fs-0123456789abcdef0}, freeze: false}
"""
    )
    calendars = (
        CalendarSource(
            ical="term.ics",
            kind="quiz",
            participants=300,
            participants_factor=0.5,
            rules=(Rule("(?i)exam", kind="exam", participants=900), Rule(category="Holidays", ignore=True)),
        ),
        CalendarSource(moodle="answers"),
        CalendarSource(moodle="https://moodle.example.edu", token="ssm:/firstbell/moodle", may_shrink=True),
        CalendarSource(term="term.yaml"),
    )
    assert read_site(text) == Site(
        "campus",
        "Europe/Berlin",
        Fleet("web", vcpus_per_instance=4.0, min_instances=2, max_instances=30),
        calendars,
        costs=Costs(login=90.0),
        moodledata=Moodledata("/mnt/moodledata", "nfs", "nfs:/export", False),
        admission=Admission(600, 0),
        oncall=OnCall(
            (
                Channel(webhook="https://example.org/hook", secret="ssm:/firstbell/hook"),
                Channel(webhook="http://127.0.0.1:8080/", name="local", hears="info"),
                Channel(slack="secretsmanager:firstbell/slack", room="C0123456", hears="escalation"),
            ),
            3600,
            Quiet("22:00-07:00"),
            Escalate(600, ("slack", "people")),
            Rota("rota.ics"),
            (Inhibit("alarm/db", "alarm/"),),
            (Maintenance(DAY, DAY + timedelta(days=3), "update", "mount/*"),),
            "https://hc.example.org/x",
        ),
        backup=Backup("moodle-db"),
        private_hosts=("moodle.internal",),
        arrivals=Arrivals(exam=((30, 0.5), (90, 1.0)), page_every=120.0),
        participation=Participation(quantile=0.9, exam=Turnout(0.97, 0.02)),
        tiers=Tiers(from_participants=500, efs=EfsTier("fs-0123456789abcdef0"), freeze=False),
    )


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*/site.yaml")), ids=lambda p: p.parent.name)
def test_the_examples_are_good(path: Path):
    assert read_site(path.read_bytes(), path.name).calendars


@pytest.mark.parametrize(
    ("says", "text", "expected"),
    [
        ("a key that is missing", GOOD.replace("name: campus\n", ""), "line 1, name: is missing"),
        ("the whole fleet is missing", "name: a\ntimezone: UTC\n", "line 1, fleet: is missing"),
        (
            "a key deep inside is missing",
            ON_CALL + "  channels:\n    - secret: ssm:/firstbell/x\n",
            "line 7, oncall.channels[0]: a channel needs exactly one of pagerduty, slack, teams, webhook, apprise",
        ),
        ("an unknown key", GOOD + "zzz: red\n", "line 5, zzz: is not a key of the site file"),
        (
            "an unknown key deep inside",
            GOOD + "  max_instance: 5\n",
            "line 5, fleet.max_instance: is not a key of the site file; did you mean max_instances?",
        ),
        ("a key twice", GOOD + "  max_step: 5\n  max_step: 6\n", "line 6, fleet.max_step: is there twice"),
        ("a key twice in a list", CALENDAR + "  moodle: b\n", "line 7, calendars[0].moodle: is there twice"),
        ("a key that is a number", GOOD + "5: x\n", "line 5, [5]: 5 is wrong: keys should be strings"),
        (
            "too few",
            GOOD + "  min_instances: -1\n",
            "line 5, fleet.min_instances: -1 is wrong: input should be greater than or equal to 0",
        ),
        (
            "too many",
            GOOD + "  max_instances: 5001\n",
            "line 5, fleet.max_instances: 5001 is wrong: input should be less than or equal to 5000",
        ),
        (
            "too many where none may be said",
            CALENDAR + "  participants: 1000001\n",
            "line 7, calendars[0].participants: 1000001 is wrong: input should be less than or equal to 1000000",
        ),
        (
            "too few participants in a rule",
            CALENDAR + "  rules:\n  - participants: -1\n",
            "line 8, calendars[0].rules[0].participants: -1 is wrong: input should be greater than or equal to 0",
        ),
        (
            "a half instance",
            GOOD + "  min_instances: 1.5\n",
            "line 5, fleet.min_instances: 1.5 is wrong: input should be a valid integer",
        ),
        (
            "yes is no number",
            GOOD + "  min_instances: yes\n",
            "line 5, fleet.min_instances: True is wrong: input should be a valid integer",
        ),
        (
            "a number in quotes",
            GOOD + "  min_instances: '1'\n",
            "line 5, fleet.min_instances: '1' is wrong: input should be a valid integer",
        ),
        (
            "not a number",
            GOOD + "  vcpus_per_instance: .nan\n",
            "line 5, fleet.vcpus_per_instance: nan is wrong: input should be a finite number",
        ),
        (
            "endless",
            GOOD + "  vcpus_per_instance: .inf\n",
            "line 5, fleet.vcpus_per_instance: inf is wrong: input should be a finite number",
        ),
        (
            "a number beyond printing",
            GOOD + f"  min_instances: {'9' * 4000}\n",
            "line 5, fleet.min_instances: a number of more than 80 digits is wrong: input should be less "
            "than or equal to 5000",
        ),
        (
            "a name in capitals",
            GOOD.replace("campus", "Campus"),
            "line 1, name: 'Campus' is wrong: expected at most 40 lower-case letters, digits and dashes",
        ),
        (
            "a name with a line break",
            GOOD.replace("campus", '"a\\n"'),
            "line 1, name: 'a\\n' is wrong: expected at most 40 lower-case letters, digits and dashes",
        ),
        (
            "a name that YAML takes for a number",
            GOOD.replace("campus", "2026"),
            "line 1, name: 2026 is wrong: expected at most 40 lower-case letters, digits and dashes",
        ),
        (
            "no such time zone",
            GOOD.replace("Berlin", "Bärlin"),
            "line 2, timezone: 'Europe/Bärlin' is not an IANA time zone such as Europe/Berlin",
        ),
        (
            "a time zone that is a path",
            GOOD.replace("Europe/Berlin", "../../etc/passwd"),
            "line 2, timezone: '../../etc/passwd' is not an IANA time zone such as Europe/Berlin",
        ),
        (
            "a time zone that is a folder",
            GOOD.replace("Europe/Berlin", "Europe"),
            "line 2, timezone: 'Europe' is not an IANA time zone such as Europe/Berlin",
        ),
        (
            "a kind that there is not",
            CALENDAR + "  kind: party\n",
            "line 7, calendars[0].kind: 'party' is wrong: input should be 'exam', 'quiz', 'deadline', "
            "'lecture' or 'term_start'",
        ),
        (
            "a list that is a text",
            GOOD + "calendars: term.ics\n",
            "line 5, calendars: a value that may be secret is wrong: it should be a list",
        ),
        (
            "a list that is empty",
            GOOD + "calendars:\n",
            "line 5, calendars: an empty value is wrong: it should be a list",
        ),
        (
            "a mapping that is empty",
            "name: a\ntimezone: UTC\nfleet:\n",
            "line 3, fleet: an empty value is wrong: it should be a mapping",
        ),
        (
            "more at least than at most",
            GOOD + "  min_instances: 11\n",
            "line 3, fleet: min_instances 11 is more than max_instances 10",
        ),
        (
            "a calendar of two kinds",
            CALENDAR + "  ical: b\n",
            "line 6, calendars[0]: a calendar needs exactly one of 'ical', 'moodle' and 'term'",
        ),
        (
            "a calendar of no kind",
            GOOD + "calendars:\n- participants: 3\n",
            "line 6, calendars[0]: a calendar needs exactly one of 'ical', 'moodle' and 'term'",
        ),
        (
            "an iCalendar file without participants",
            GOOD + "calendars:\n- ical: a.ics\n",
            "line 6, calendars[0]: an 'ical' calendar needs 'participants': the file does not say how many take part",
        ),
        (
            "no regular expression",
            CALENDAR + "  rules:\n  - match: '('\n",
            "line 8, calendars[0].rules[0].match: '(' is not a regular expression: missing ), unterminated "
            "subpattern at position 0",
        ),
        (
            "a webhook without encryption",
            HOOK + "http://example.org/\n",
            f"line 7, oncall.channels[0].webhook: {SECRET} {ADDRESS}",
        ),
        (
            "a webhook that only looks like loopback",
            HOOK + "http://localhost.example.org/\n",
            f"line 7, oncall.channels[0].webhook: {SECRET} {ADDRESS}",
        ),
        (
            "a secret of somebody else",
            HOOK + "https://example.org/\n    secret: ssm:/other/key\n",
            f"line 8, oncall.channels[0].secret: {SECRET} expected a secret such as ssm:/firstbell/on-call"
            " or secretsmanager:firstbell/on-call",
        ),
        (
            "a token in the place of where it is kept, which is not quoted",
            ON_CALL + "  channels: [{slack: xoxb-123, room: C0123456}]\n",
            f"line 6, oncall.channels[0].slack: {SECRET} expected a secret such as ssm:/firstbell/on-call"
            " or secretsmanager:firstbell/on-call",
        ),
        (
            "a channel of two kinds",
            HOOK + "https://example.org/\n    pagerduty: ssm:/firstbell/x\n",
            "line 7, oncall.channels[0]: a channel needs exactly one of pagerduty, slack, teams, webhook, apprise",
        ),
        (
            "a Slack channel without a room",
            ON_CALL + "  channels: [{slack: ssm:/firstbell/x}]\n",
            "line 6, oncall.channels[0]: 'slack' and 'room' belong together: the room is the id of a Slack channel",
        ),
        (
            "two channels with one name",
            HOOK + "https://example.org/\n  - webhook: https://example.com/\n",
            "line 5, oncall: two channels are called 'webhook': give one a 'name' of its own",
        ),
        (
            "a channel called like the on-call topic",
            HOOK + "https://example.org/\n    name: people\n",
            "line 5, oncall: two channels are called 'people': give one a 'name' of its own",
        ),
        (
            "an escalation to nobody",
            ON_CALL + "  escalate: {to: [pagerduty]}\n",
            "line 5, oncall: 'escalate' names 'pagerduty', but the channels are people",
        ),
        (
            "quiet hours that are none",
            ON_CALL + '  quiet: {ticket: "22-7"}\n',
            "line 6, oncall.quiet.ticket: '22-7' is no time of the day: expected such as \"22:00-07:00\"",
        ),
        (
            "quiet hours for pages, which are never quiet",
            ON_CALL + '  quiet: {page: "22:00-07:00"}\n',
            "line 6, oncall.quiet.page: pages are never quiet: what may wait until morning is a ticket",
        ),
        (
            "maintenance that ends before it begins",
            ON_CALL + "  maintenance: [{start: 2026-12-24T10:00, end: 2026-12-24T09:00, reason: x}]\n",
            "line 6, oncall.maintenance[0]: it ends before it begins",
        ),
        (
            "maintenance for a year",
            ON_CALL + "  maintenance: [{start: 2026-12-24T10:00, end: 2027-12-24T09:00, reason: x}]\n",
            "line 6, oncall.maintenance[0]: it lasts more than 30 days; is the year right?",
        ),
        (
            "maintenance without an end",
            ON_CALL + "  maintenance: [{start: 2026-12-24T10:00, reason: x}]\n",
            "line 6, oncall.maintenance[0].end: is missing",
        ),
        (
            "a rota without encryption",
            ON_CALL + "  rota: {ical: http://example.org/rota.ics}\n",
            "line 6, oncall.rota: only https addresses are read: begin one with https://, or a path with ./",
        ),
        (
            "a path that a shell would not take for one",
            GOOD + "moodledata:\n  path: /mnt/$(x)\n",
            "line 6, moodledata.path: '/mnt/$(x)' is wrong: expected an absolute path",
        ),
        ("no YAML", "name: [campus\ntimezone: UTC\n", "line 2, this is not YAML: expected ',' or ']', but got ':'"),
        (
            "a tab",
            "name: campus\n\ttimezone: UTC\n",
            "line 2, this is not YAML: found character '\\t' that cannot start any token",
        ),
        ("two documents", GOOD + "---\n" + GOOD, "line 5, this is not YAML: but found another document"),
        (
            "a command for Python",
            GOOD + "x: !!python/object/apply:os.system [ls]\n",
            "line 5, this is not YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object/apply:os.system'",
        ),
        ("a key that is a list", GOOD + "? [a]\n: b\n", "line 5, this is not YAML: found unhashable key"),
        (
            "another encoding",
            GOOD.encode() + b"# Pr\xfcfung\n",
            "this is not YAML: unacceptable character #x00fc: invalid start byte",
        ),
        ("a picture", b"\x89PNG\r\n\x1a\n\x00", "this is not YAML: unacceptable character #x0089: invalid start byte"),
        ("nothing", "", "line 1, expected a mapping with name, timezone and fleet"),
        ("a list", "- name: campus\n", "line 1, expected a mapping with name, timezone and fleet"),
        (
            "a log-in page",
            "<!DOCTYPE html>\n<html></html>\n",
            "line 1, expected a mapping with name, timezone and fleet",
        ),
        ("300 KiB", GOOD + "#" * 300 * 1024, "larger than 256 KiB: not a site file"),
        (
            "an alias",
            "name: &n campus\nfleet: {auto_scaling_group: *n}\n",
            "aliases (*name) are not allowed: write the value out",
        ),
        (
            "pages to warm, and no host to ask for them",
            GOOD + "web: {warm: [/my]}\n",
            "line 5, web: 'warm' needs 'host': without it the web server is not asked, and nothing is warmed",
        ),
        (
            "a port with TLS",
            GOOD + "web: {host: a.example, port: 443}\n",
            "line 5, web: the web server is asked without TLS, which port 443 refuses: give one with plain HTTP",
        ),
        (
            "the root as the shared directory",
            GOOD + "moodledata: {path: /var/../.}\n",
            "line 5, moodledata: the shared directory is mounted below /, such as at /var/moodledata, and not there",
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(says: str, text: str | bytes, expected: str):
    assert problems(text) == [expected], says


def test_all_mistakes_are_named_at_once():
    text = "name: Campus\ntimezone: Mars\nfleet:\n  max_instances: 0\nzzz: red\n"
    assert [p.split(": ")[0] for p in problems(text)] == [
        "line 1, name",
        "line 2, timezone",
        "line 3, fleet.auto_scaling_group",
        "line 4, fleet.max_instances",
        "line 5, zzz",
    ]


def test_a_bomb_of_aliases_is_refused_before_it_goes_off():
    levels = [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    assert problems("a: &a [x]\n" + "\n".join(levels)) == ["aliases (*name) are not allowed: write the value out"]


@pytest.mark.parametrize(
    "text", ["[" * 20_000, "[" * 2000 + "]" * 2000, "{a: " * 2000 + "}" * 2000], ids=["open", "lists", "maps"]
)
def test_brackets_without_end_are_refused_before_they_are_read(text: str):
    assert problems(text) == ["nested more than 20 levels deep: not a site file"]


def test_the_largest_file_is_read():
    assert read_site(GOOD + "#" * (LARGEST - len(GOOD))).name == "campus"


@pytest.mark.parametrize(
    ("says", "calendar", "expected"),
    [
        ("a feed without https", "ical: 'http://a.example/x.ics', participants: 1", "only https addresses are read"),
        ("a scheme of its own", "ical: 'file:///etc/passwd', participants: 1", "only https addresses are read"),
        ("a term file elsewhere", "term: 'https://a.example/t.yaml'", "lies beside the site file: give its path"),
        ("a Moodle without a token", "moodle: 'https://a.example'", "'token' belongs to the https address"),
        ("a token without a Moodle", "term: t.yaml, token: 'ssm:/firstbell/x'", "'token' belongs to the https address"),
        ("a token itself", "moodle: 'https://a.example', token: 0123abc", "expected a secret such as ssm:/firstbell/"),
    ],
)
def test_what_a_calendar_may_not_be(says: str, calendar: str, expected: str):
    [said] = problems(GOOD + f"calendars:\n- {{{calendar}}}\n")
    assert said.startswith("line 6, calendars[0]"), says
    assert expected in said


HIDDEN = "5ecre7"
PLACE = f"calendar.example.com/ical/private-{HIDDEN}/basic.ics"


@pytest.mark.parametrize(
    ("says", "calendars", "expected"),
    [
        ("without encryption", f"[{{ical: 'http://{PLACE}', participants: 5}}]", "only https addresses are read"),
        ("by a subscription's scheme", f"[{{ical: 'webcal://{PLACE}', participants: 5}}]", "only https addresses"),
        ("with a scheme in capitals", f"[{{ical: 'HTTPS://{PLACE}', participants: 5}}]", "only https addresses"),
        ("without a scheme", f"[{{ical: '//{PLACE}', participants: 5}}]", "only https addresses are read"),
        (
            "of a host alone",
            f"[{{ical: '{PLACE}?a=b', participants: 5}}]",
            "begin one with https://, or a path with ./",
        ),
        ("of a short host", f"[{{ical: 'x.org/{HIDDEN}', participants: 5}}]", "only https addresses are read"),
        ("of no host", f"[{{ical: '/{HIDDEN}/basic.ics', participants: 5}}]", "only https addresses are read"),
        ("in the host's place", f"[{{ical: 'https://[{HIDDEN}', participants: 5}}]", "not an address: expected"),
        ("a password", f"[{{ical: 'https://a:{HIDDEN}@b.example/', participants: 5}}]", "not an address: expected"),
        ("a Moodle without encryption", f"[{{moodle: 'http://{PLACE}', token: 'ssm:/firstbell/x'}}]", "only https"),
        ("a list", f"[{{ical: ['https://{PLACE}'], participants: 5}}]", "calendars[0].ical: a list is wrong"),
        ("a mapping", f"[{{moodle: {{a: 'https://{PLACE}'}}}}]", "calendars[0].moodle: a mapping is wrong"),
        ("a token", f"[{{moodle: 'https://m.example', token: {HIDDEN}}}]", "expected a secret such as ssm:/firstbell/"),
        ("a token of digits alone", "[{moodle: 'https://m.example', token: 5370617}]", "calendars[0].token: a value"),
        ("in an entry's place", f"['https://{PLACE}']", "calendars[0]: a value that may be secret is wrong"),
        ("in the list's place", f"https://{PLACE}", "calendars: a value that may be secret is wrong"),
        ("a mapping in the list's place", f"{{ical: 'https://{PLACE}'}}", "calendars: a mapping is wrong"),
        ("as a key", f"[{{'https://{PLACE}'}}]", "calendars[0].…: is not a key of the site file"),
        ("as a key, twice", f"[{{'{PLACE}': 1, '{PLACE}': 2}}]", "calendars[0].…: is there twice"),
    ],
)
def test_no_message_quotes_an_address_or_a_token(says: str, calendars: str, expected: str):
    said = "\n".join(problems(GOOD + f"calendars: {calendars}\n"))
    assert expected in said, says
    assert HIDDEN not in said, says
    assert "5370617" not in said, says


@pytest.mark.parametrize("path", ["term.ics", "2026/term.ics", "a b/ü.ics", "./2026.autumn/term.ics", "x-1.y"])
def test_a_path_beside_the_site_file_is_one(path: str):
    assert read_site(GOOD + f"calendars: [{{ical: '{path}', participants: 5}}]\n").calendars[0].label == path


@pytest.mark.parametrize(
    "profile",
    ["[]", "[[60, 0.9]]", "[[60, 0.5], [60, 1]]", "[[60, 0.5], [120, 0.4], [180, 1]]", "[[0, 1]]", "[[60, 1.5]]"],
)
def test_an_arrival_profile_rises_to_one(profile: str):
    [said] = problems(GOOD + f"arrivals:\n  exam: {profile}\n")
    assert said.startswith("line ")
    assert "arrivals" in said


def test_an_instance_type_in_use_brings_its_own_numbers():
    types = "  instance_types:\n  - {name: c7g.large, vcpus: 2, vcpu_factor: 1.6, price: 0.08}\n"
    found = read_site(GOOD + types + "  instance_type: c7g.large\n")
    assert (found.fleet.vcpus_per_instance, found.fleet.instance_price, found.costs.vcpu_factor) == (2, 0.08, 1.6)
    assert read_site(GOOD + types).costs.vcpu_factor == 2.0
    assert problems(GOOD + types + "  instance_type: t4g.nano\n") == [
        "line 3, fleet: instance_type 't4g.nano' is not one of instance_types"
    ]


def test_the_origin_is_named_in_each_line_of_the_message():
    with pytest.raises(SiteFileError) as caught:
        read_site("name: a\n", "sites/a/site.yaml")
    assert str(caught.value).splitlines() == [
        "sites/a/site.yaml: line 1, timezone: is missing",
        "sites/a/site.yaml: line 1, fleet: is missing",
    ]


def test_an_error_about_the_whole_file_has_no_line():
    assert str(Problem("", 0, "gone")) == "gone"
    assert str(SiteFileError.because("site.yaml", "gone")) == "site.yaml: gone"


@given(
    st.binary(max_size=300)
    | st.text(max_size=200).map(lambda text: text.encode())
    | st.text(max_size=80).map(lambda t: (GOOD + t).encode())
)
def test_any_bytes_are_a_site_or_a_site_file_error(text: bytes):
    try:
        found: Any = read_site(text)
    except SiteFileError as error:
        found = error.problems
    assert found


# ---------------------------------------------------------------- the JSON Schema


def test_the_schema_in_the_documentation_is_the_present_one():
    assert json.loads((ROOT / "docs" / "site.schema.json").read_text("utf-8")) == json_schema()


def parts() -> dict[str, Any]:
    return {name: part for name in site.__all__ if is_dataclass(part := getattr(site, name))}


def test_every_part_is_described_and_takes_no_unknown_key():
    for name, part in json_schema()["$defs"].items():
        assert part["description"], name
        assert part["additionalProperties"] is False, name
        assert part["properties"].keys() == {f.name for f in fields(parts()[name])}
    assert all(is_dataclass(part) for part in parts().values())


def test_every_key_but_the_costs_says_what_it_means():
    for name, part in json_schema()["$defs"].items():
        undescribed = [
            key for key, value in part["properties"].items() if "description" not in value and "$ref" not in value
        ]
        assert name == "Costs" or not undescribed, name


def numbers(schema: Any) -> list[dict[str, Any]]:
    """Every schema of a number inside a schema."""
    if isinstance(schema, dict):
        own = [schema] if schema.get("type") in ("integer", "number") else []
        return own + [n for value in schema.values() for n in numbers(value)]
    return [n for value in schema for n in numbers(value)] if isinstance(schema, list) else []


def test_every_number_has_its_limits():
    found = numbers(json_schema())
    assert len(found) > 20
    assert all("minimum" in n and "maximum" in n for n in found)
