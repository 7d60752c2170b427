"""A live Moodle is fetched: as recorded, refused in part or at all, slow, large; and its token is never told."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from firstbell import web
from firstbell.calendar import moodle, moodle_site, moodle_talk
from firstbell.calendar.moodle_site import INFO, QUIZZES
from firstbell.calendar.values import CalendarError
from firstbell.site import CalendarSource
from tests.unit.moodle_world import BEGINS, GONE, INVALID, TOKEN, UNSEEN, URL, Moodle, denied

SOURCE = CalendarSource(moodle=URL, token="ssm:/firstbell/moodle")
HOST = SOURCE.label  # what plans call it
END = BEGINS + timedelta(days=14)
NINE = BEGINS + timedelta(days=1, hours=9)  # the exams' morning
WEEK = timedelta(days=7)


def planned(files: dict[str, bytes], end: datetime = END) -> dict[tuple[str, str], int]:
    """Participants by title and start of the peaks in the window."""
    found = moodle.peaks(moodle.read_answers(files, URL), SOURCE)
    return {(p.title, f"{p.start:%d %H:%M}"): p.participants for p in found if p.end >= BEGINS and p.start < end}


def said(files: dict[str, bytes]) -> tuple[str, ...]:
    answers = moodle.read_answers(files, URL)
    return (*answers.warnings, *moodle.warnings(answers, SOURCE, BEGINS, END))


def test_what_a_real_moodle_answered_is_what_was_put_into_it():
    """All that was put into it, but the hidden, the always open, and the course without people."""
    files = Moodle().fetch()
    assert planned(files) == {
        ('Midterm "A" & B', "01 09:00"): 36,  # of 50: twelve are in a group, two have longer
        ('Midterm "A" & B (other times)', "01 09:00"): 2,
        ('Midterm "A" & B (other times)', "01 13:00"): 12,
        ("R&D exam", "01 09:00"): 30,
        ("Law exam", "01 13:00"): 11,
        ("Law exam (other times)", "01 16:00"): 8,
        ("Open only", "02 09:00"): 50,
        ("Close only", "03 11:00"): 50,
        ("Restricted by date", "05 09:00"): 50,
        ("With password", "06 09:00"): 50,
        ("Open now", "24 17:09"): 50,
        ("Essay of MATH1", "03 21:59"): 50,
        ("Essay of R&D 1", "03 21:59"): 30,
        ("Essay of LAW1", "03 21:59"): 19,
        ("Cut only", "04 11:00"): 50,
        ("Hidden essay", "04 19:00"): 50,  # of an assignment Moodle does not say that it is hidden
    }
    assert said(files) == (
        f"{HOST}: hidden, and so not planned: 'Hidden exam' (MATH1)",
        f"{HOST}: nobody is to be seen in EMPTY1: nothing is planned there; if that is wrong, the role of the token's"
        " owner lacks moodle/user:viewdetails",
    )


def test_its_keys_are_those_of_the_calendar_export():
    """The course as Moodle writes it there, too, and two moments, or the one that is set."""
    found = {p.title: p for p in moodle.peaks(moodle.read_answers(Moodle().fetch(), URL), SOURCE)}
    assert found["R&D exam"].key == "R&amp;D 1/20261201T090000Z/20261201T100000Z"
    assert found["Open only"].key == "MATH1/20261202T090000Z"
    assert found["Essay of LAW1"].key == "LAW1/20261203T225900Z"
    assert (found['Midterm "A" & B'].limit, found['Midterm "A" & B'].course) == (5400, "MATH1")


def test_nothing_of_a_person_and_no_secret_is_kept():
    world = Moodle()
    world.quizzes[0] |= {"password": "open-sesame"}
    kept = b"".join(world.fetch().values()).decode()
    for private in (TOKEN, "open-sesame", "private-access-key", "fullname", "F1 L1", "userid", "users"):
        assert private not in kept


def test_the_answers_of_a_fetch_can_be_kept_as_bytes_and_are_the_same_again():
    assert Moodle().fetch() == Moodle().fetch()


def test_a_moodle_without_quizzes_is_an_answer_too():
    world = Moodle()
    world.quizzes, world.assignments = [], []
    assert planned(world.fetch()) == {}
    assert said(world.fetch()) == (
        f"{URL}: no course has a quiz; if that is wrong, the role of the token's owner lacks mod/quiz:view",
    )


# ---------------------------------------------------------------- who is counted


def test_where_the_owner_is_enrolled_moodle_counts_and_nobody_is_listed():
    world = Moodle()
    world.mine = [{"id": c["id"], "shortname": c["shortname"], "enrolledusercount": 7} for c in world.courses]
    world.overrides = {}
    world.people = {}
    assert set(planned(world.fetch()).values()) == {7}


def test_people_are_counted_page_by_page_and_some_may_not_be_seen():
    world = Moodle()
    world.people[18, 0] = [UNSEEN] * 3 + [{"id": n} for n in range(2 * moodle_site.PAGE + 400)]
    assert planned(world.fetch())["R&D exam", "01 09:00"] == 2 * moodle_site.PAGE + 400


def test_a_course_that_has_just_been_deleted_does_not_spoil_the_others():
    world = Moodle()
    world.refuses[moodle_site.COURSES] = {"courses": world.courses}
    world.courses = [course for course in world.courses if course["id"] != 21]
    found = planned(world.fetch())
    assert found["R&D exam", "01 09:00"] == 30
    assert found["Law exam", "01 13:00"] == 50, "a large one of the known"


def test_an_override_may_move_a_quiz_into_the_window():
    world = Moodle()
    later = {"quiz": 12, "groupid": 3, "timeopen": int((NINE + WEEK).timestamp()), "timeclose": None}
    world.overrides[12] = [later | {"timeclose": int((NINE + WEEK).timestamp()) + 3600}]
    world.people[18, 3] = [{"id": n} for n in range(9)]
    found = world.fetch(start=NINE + timedelta(days=2), days=10)
    assert planned(found)["R&D exam (other times)", "08 09:00"] == 9


# ---------------------------------------------------------------- the token


def test_the_token_travels_in_the_form_alone():
    world = Moodle()
    world.fetch()
    assert {form["wstoken"] for form in world.asked} == {TOKEN}
    assert all(TOKEN not in value for form in world.asked for key, value in form.items() if key != "wstoken")


ECHOES = [
    web.WebError(f"cannot read https://x/?wstoken={TOKEN}"),
    {"errorcode": TOKEN, "message": f"Invalid token {TOKEN}"},
    f"<html>{TOKEN}</html>".encode(),
    f'{{"release": "{TOKEN}", "functions": [{{"name": "{TOKEN}"}}]}}'.encode(),
    f'{{"courses": [{{"id": 17, "shortname": "{TOKEN}"}}]}}'.encode(),
    f'{{"quizzes": [], "warnings": [{{"itemid": "{TOKEN}"}}]}}'.encode(),
    f'{{"overrides": [{{"quiz": 4, "timeopen": "{TOKEN}"}}]}}'.encode(),
]


@pytest.mark.parametrize("echo", ECHOES, ids=range(len(ECHOES)))
@pytest.mark.parametrize("function", [moodle_site.INFO, moodle_site.COURSES, *moodle_site.WITHOUT, moodle_site.QUIZZES])
def test_the_token_is_told_nowhere_whatever_a_server_sends_back(function: str, echo: Any):
    world = Moodle()
    world.refuses[function] = echo
    files, error = outcome(world)
    assert TOKEN not in "".join([str(error), repr(error), repr(error and error.__cause__)])
    assert error is None or error.__suppress_context__ or error.__context__ is None
    assert TOKEN.encode() not in b"".join(files.values())
    assert not [sentence for sentence in (said(files) if files else ()) if TOKEN in sentence]


def outcome(world: Moodle) -> tuple[dict[str, bytes], Exception | None]:
    try:
        return world.fetch(), None
    except (CalendarError, web.WebError) as error:
        return {}, error


def test_an_empty_token_is_refused_before_anything_is_asked():
    world = Moodle()
    with pytest.raises(CalendarError, match="the token of its web service is empty"):
        world.fetch(token="")
    assert world.asked == []


def test_the_query_of_an_address_is_never_quoted():
    with pytest.raises(CalendarError, match=r"^https://m\.example: the token"):
        moodle_site.fetch("https://m.example/?key=0123", "", (), BEGINS, END)


# ---------------------------------------------------------------- nothing can be had


PAGE = b"<!DOCTYPE html><html><title>Maintenance</title></html>"


@pytest.mark.parametrize(
    ("says", "function", "answer", "told"),
    [
        ("an invalid token", INFO, INVALID, "make a new token and store it where 'token' points"),
        ("a service for others", INFO, {"errorcode": "accessexception"}, "its owner be authorised"),
        ("a page", INFO, PAGE, "is answered by a web page: is the site in maintenance"),
        ("a page later on", QUIZZES, PAGE, f"{URL}: mod_quiz_get_quizzes_by_courses is answered by a web"),
        ("nothing", INFO, b"", "is answered by no JSON"),
        ("brackets without end", INFO, b"[" * 100_000, "is answered by no JSON"),
        ("null", INFO, b"null", "lacks core_course_get_courses_by_field and mod_quiz_get_quizzes_by_courses: add"),
        ("another document", INFO, {"functions": "all"}, "the token's service lacks core_course_get"),
        ("quizzes refused", QUIZZES, denied("View quiz"), "mod_quiz_get_quizzes_by_courses: Moodle answered"),
        ("a code that nobody knows", INFO, {"errorcode": "boo", "message": "no"}, "Moodle answered boo: no"),
    ],
)  # fmt: skip
def test_a_moodle_that_cannot_be_read_is_refused_with_the_cure(says: str, function: str, answer: Any, told: str):
    world = Moodle()
    world.refuses[function] = answer
    with pytest.raises(CalendarError) as caught:
        world.fetch()
    assert told in str(caught.value), says
    assert str(caught.value).startswith(URL), says


@pytest.mark.parametrize(
    ("says", "answer", "told"),
    [
        ("it does not answer", web.WebError("moodle.example.edu did not answer in time"), "did not answer in time"),
        ("maintenance by code", {"errorcode": "sitemaintenance", "message": "The site is…"}, "this passes"),
        ("an upgrade", {"errorcode": "upgraderunning", "message": "Site is being upgraded"}, "this passes"),
        ("REST is off", web.WebError("moodle.example.edu answered 403 instead of 200"), "are web services and REST"),
    ],
)
def test_what_may_pass_is_told_apart(says: str, answer: Any, told: str):
    world = Moodle()
    world.refuses[moodle_site.INFO] = answer
    with pytest.raises(web.WebError, match=told):
        world.fetch()


# ---------------------------------------------------------------- a part cannot be had


@pytest.mark.parametrize(
    ("says", "function", "answer", "told"),
    [
        ("no overrides", moodle_site.OVERRIDES, denied("View overrides"), "the role of the token's owner lacks this"),
        ("no assignments", moodle_site.ASSIGNMENTS, {"errorcode": "accessexception"}, "the service must be enabled"),
        ("people refused", moodle_site.ENROLLED, denied("Review permissions for others"), "(Review permissions for"),
        ("nonsense", moodle_site.ENROLLED, {"a": 1}, "nobody is enrolled by its answers"),
    ],
)  # fmt: skip
def test_what_is_refused_in_part_is_said_and_the_rest_is_planned(says: str, function: str, answer: Any, told: str):
    world = Moodle()
    world.refuses[function] = answer
    files = world.fetch()
    assert any(told in sentence for sentence in said(files)), said(files)
    source = CalendarSource(moodle=URL, token="ssm:/firstbell/moodle", participants=40)
    assert "R&D exam" in {p.title for p in moodle.peaks(moodle.read_answers(files, URL), source)}
    assert sum(form["wsfunction"] == function for form in world.asked) <= moodle_talk.PATIENCE or answer == {"a": 1}


@pytest.mark.parametrize("function", [moodle_site.COURSES, QUIZZES, moodle_site.MINE, *moodle_site.WITHOUT])
@pytest.mark.parametrize(
    ("says", "answer", "error"),
    [
        ("a host that is silent", web.WebError("moodle.example.edu did not answer in time"), web.WebError),
        ("maintenance that begins meanwhile", {"errorcode": "sitemaintenance", "message": "…"}, web.WebError),
        ("a database that is overrun", {"errorcode": "dmlreadexception", "message": "…"}, web.WebError),
        ("a page", PAGE, CalendarError),
        ("nothing", b"", CalendarError),
    ],
)
def test_a_question_without_an_answer_ends_the_fetch(says: str, function: str, answer: Any, error: type[Exception]):
    world = Moodle()
    world.refuses[function] = answer
    with pytest.raises(error, match=function):
        world.fetch()
    assert world.asked[-1]["wsfunction"] == function, says


def test_an_answer_in_the_middle_of_many_that_does_not_come_ends_the_fetch():
    world = large(courses=50, quizzes=60)

    def ask(url: str, *, form: dict[str, str], **more: Any) -> bytes:
        if form.get("quizid") == "40":
            raise web.WebError("no answer")
        return world(url, form=form, **more)

    with pytest.raises(web.WebError, match=moodle_site.OVERRIDES):
        moodle_site.fetch(URL, TOKEN, (), BEGINS, END, ask=ask, now=lambda: world.time)


def test_without_overrides_everybody_is_planned_at_the_quiz_s_own_time():
    world = Moodle()
    world.refuses[moodle_site.OVERRIDES] = denied("View overrides")
    found = planned(world.fetch())
    assert found['Midterm "A" & B', "01 09:00"] == 50
    assert not [title for title, _ in found if "other times" in title]


@pytest.mark.parametrize("function", moodle_site.WITHOUT)
def test_a_function_that_the_service_does_not_have_is_not_asked_and_said(function: str):
    world = Moodle()
    world.info["functions"] = [f for f in world.info["functions"] if f["name"] != function]
    files = world.fetch()
    assert function not in {form["wsfunction"] for form in world.asked}
    assert f"{URL}: its service has no {function}: {moodle_site.WITHOUT[function]}" in said(files)


def test_courses_that_cannot_be_entered_are_said():
    world = Moodle()
    world.closed = {17, 18, 20, 21}
    assert "4 courses cannot be entered and are not planned (ids 17, 18, 20, 21)" in "".join(said(world.fetch()))


def test_a_hidden_course_is_not_asked_for_its_quizzes():
    world = Moodle()
    world.courses[1]["visible"] = 0
    assert {peak for peak, _ in planned(world.fetch())} == {
        "R&D exam", "Law exam", "Law exam (other times)", "Essay of R&D 1", "Essay of LAW1",
    }  # fmt: skip


# ---------------------------------------------------------------- limits


def large(courses: int, quizzes: int) -> Moodle:
    """A Moodle with one quiz after the other, an hour apart, in so many courses of 30 people."""
    world = Moodle()
    world.quizzes, world.assignments, world.overrides, world.closed = [], [], {}, set()
    world.courses = [{"id": n, "shortname": f"C{n}", "visible": 1, "enddate": 0} for n in range(1, courses + 1)]
    for n in range(1, quizzes + 1):
        opens = int(NINE.timestamp()) + n * 3600
        times = {"timeopen": opens, "timeclose": opens + 1800}
        world.quizzes.append({"id": n, "course": n % courses + 1, "name": f"Q{n}"} | times)
    world.quizzes.reverse()
    world.people = {(n, 0): [{"id": i} for i in range(30)] for n in range(1, courses + 1)}
    return world


def test_questions_are_limited_and_the_nearest_come_first():
    world = large(courses=50, quizzes=300)
    found, sentences = planned(files := world.fetch()), said(files)
    assert len(world.asked) == moodle_talk.CALLS
    assert set(found.values()) == {30}
    asked = {int(form["quizid"]) for form in world.asked if "quizid" in form}
    assert asked == set(range(1, len(asked) + 1))
    [sentence] = sentences
    assert f"{300 - len(asked)} questions of mod_quiz_get_overrides were left out" in sentence


def test_the_courses_are_asked_in_chunks_and_always_by_name():
    world = large(courses=250, quizzes=1)
    world.fetch()
    chunks = [
        sum(key.startswith("courseids[") for key in form)
        for form in world.asked
        if form["wsfunction"] == moodle_site.QUIZZES
    ]
    assert chunks == [100, 100, 50]


def test_a_slow_moodle_is_asked_for_a_while_and_what_is_left_out_is_said():
    world = large(courses=2000, quizzes=40)
    for course in world.courses[:100]:
        course["enddate"] = int(BEGINS.timestamp()) - 86_400  # over: asked last
    world.takes = timedelta(seconds=1)
    files = world.fetch()
    assert world.time - BEGINS <= moodle_talk.TIME
    sentences = "".join(said(files))
    assert "courses were not asked for their quizzes: too many for one fetch" in sentences
    named = [form["courseids[0]"] for form in world.asked if form["wsfunction"] == moodle_site.QUIZZES]
    assert named[0] == "101", "the courses that are over come last"
    assert "questions of mod_assign_get_assignments were left out" in sentences


def test_where_not_all_were_counted_a_large_one_of_the_known_counts():
    world = large(courses=600, quizzes=600)
    world.people[2, 0] = [{"id": i} for i in range(5000)]
    world.takes = timedelta(milliseconds=900)
    files = world.fetch(days=30)
    counted = moodle.read_answers(files, URL).enrolled
    assert 20 < len(counted) < 600
    assert set(counted) == set(range(2, 2 + len(counted))), "the nearest"
    assert sorted(set(planned(files, END + timedelta(days=30)).values())) == [30, 5000], (
        "the one large course is the exception"
    )


def test_an_answer_has_the_time_that_is_left():
    world, given = large(courses=10, quizzes=10), []
    world.takes = timedelta(seconds=3)

    def ask(url: str, *, seconds: float, **more: Any) -> bytes:
        given.append(seconds)
        return world(url, seconds=seconds, **more)

    moodle_site.fetch(URL, TOKEN, (), BEGINS, END, ask=ask, now=lambda: world.time)
    assert given == sorted(given, reverse=True)
    assert (given[0], given[-1]) == (20.0, 6.0), "the last one, too, has some"


def test_an_answer_is_not_waited_for_longer_than_wanted():
    world, given = Moodle(), set()

    def ask(url: str, *, seconds: float, **more: Any) -> bytes:
        given.add(seconds)
        return world(url, seconds=seconds, **more)

    moodle_site.fetch(URL, TOKEN, (), BEGINS, END, ask=ask, now=lambda: world.time, one=5.0)
    assert given == {5.0}


@pytest.mark.parametrize(
    "answer", [{}, [], None, 7, "x", {"quizzes": None, "courses": {"a": 1}, "overrides": [3]}, [[1]]]
)
@pytest.mark.parametrize("function", [moodle_site.COURSES, moodle_site.QUIZZES, *moodle_site.WITHOUT, moodle_site.MINE])
def test_nonsense_is_passed_over(function: str, answer: Any):
    world = Moodle()
    world.refuses[function] = json.dumps(answer).encode()
    moodle.read_answers(world.fetch(), URL)


def test_what_is_gone_meanwhile_is_said_once():
    world = Moodle()
    world.refuses[moodle_site.OVERRIDES] = GONE
    assert "this Moodle has no such function, or has no longer what was asked for" in "".join(said(world.fetch()))
