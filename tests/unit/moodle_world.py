"""A Moodle that answers as the recorded one did: to a token, for the courses, quizzes and people that are asked for."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from firstbell.calendar import moodle_site

FOLDER = Path(__file__).parent / "moodle"
URL = "https://moodle.example.edu"
TOKEN = "0123456789abcdef0123456789abcdef"
BEGINS = datetime(2026, 11, 30, tzinfo=UTC)
INVALID = {"exception": "core\\exception\\moodle_exception", "errorcode": "invalidtoken", "message": "Invalid token"}
UNSEEN: dict[str, Any] = {}  # one whose profile the token's owner may not see: Moodle leaves him out of a page
GONE = {"errorcode": "invalidrecordunknown", "message": "Can't find data record in database."}


def denied(capability: str) -> dict[str, str]:
    """Moodle's refusal for want of a capability."""
    return {
        "errorcode": "nopermissions",
        "message": f"Sorry, but you do not currently have permissions ({capability}).",
    }


def recorded(name: str) -> Any:
    """An answer on disk."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


class Moodle:
    """State: its courses, quizzes, assignments, overrides and people; what it refuses; how long an answer takes."""

    def __init__(self) -> None:
        self.info = recorded(moodle_site.INFO)
        self.courses: list[dict[str, Any]] = recorded(moodle_site.COURSES)["courses"]
        self.quizzes: list[dict[str, Any]] = recorded(moodle_site.QUIZZES)["quizzes"]
        self.assignments: list[dict[str, Any]] = recorded(moodle_site.ASSIGNMENTS)["courses"]
        self.overrides = {n: recorded(f"{moodle_site.OVERRIDES}.{n}")["overrides"] for n in (4, 15)}
        self.people = {(i["courseid"], 0): i["users"] for i in recorded(moodle_site.ENROLLED)}
        for course, group in ((17, 1), (21, 2)):
            self.people[course, group] = recorded(f"{moodle_site.ENROLLED}.group{group}")[0]["users"]
        self.mine: list[dict[str, Any]] = []
        self.closed: set[int] = {19}
        self.refuses: dict[str, Any] = {}
        self.takes = timedelta(0)
        self.time = BEGINS
        self.asked: list[Mapping[str, str]] = []

    def __call__(
        self, url: str, *, private_hosts: tuple[str, ...], largest: int, form: Mapping[str, str], seconds: float
    ) -> bytes:
        """Answer one question; what is refused is an error answer, other bytes, or an exception."""
        assert url == f"{URL}/webservice/rest/server.php"
        self.asked.append(form)
        self.time += self.takes
        refusal = self.refuses.get(form["wsfunction"])
        if isinstance(refusal, Exception):
            raise refusal
        if isinstance(refusal, bytes):
            return refusal
        return json.dumps(refusal or self._answer(form)).encode()

    def fetch(self, days: int = 14, start: datetime = BEGINS, **more: Any) -> dict[str, bytes]:
        """Its answers for so many days."""
        given = {"token": TOKEN, "private_hosts": (), "start": start, "end": start + timedelta(days=days)} | more
        return moodle_site.fetch(URL, **given, ask=self, now=lambda: self.time)

    def _answer(self, form: Mapping[str, str]) -> Any:
        if form["wstoken"] != TOKEN or form["moodlewsrestformat"] != "json":
            return INVALID
        ids = [int(value) for key, value in form.items() if key.startswith("courseids[")]
        inside = {course for course in ids if course not in self.closed}
        warnings = [{"item": "course", "itemid": course, "warningcode": "1"} for course in ids if course in self.closed]
        match form["wsfunction"]:
            case moodle_site.INFO:
                return self.info
            case moodle_site.COURSES:
                return {"courses": self.courses, "warnings": []}
            case moodle_site.QUIZZES:
                return {"quizzes": [q for q in self.quizzes if q["course"] in inside], "warnings": warnings}
            case moodle_site.ASSIGNMENTS:
                assert form["includenotenrolledcourses"] == "1"
                return {"courses": [c for c in self.assignments if c["id"] in inside], "warnings": warnings}
            case moodle_site.OVERRIDES:
                return {"overrides": self.overrides.get(int(form["quizid"]), [])}
            case moodle_site.MINE:
                return self.mine if form["userid"] == str(self.info["userid"]) else []
            case moodle_site.ENROLLED:
                return self._people(form)

    def _people(self, form: Mapping[str, str]) -> Any:
        options = {
            form[f"options[{n}][name]"]: form[f"options[{n}][value]"]
            for n in range(len(form))
            if f"options[{n}][name]" in form
        }
        assert options["onlyactive"] == "1"
        start, number, group = (int(options.get(key, 0)) for key in ("limitfrom", "limitnumber", "groupid"))
        asked = [int(v) for k, v in form.items() if re.fullmatch(r"coursecapabilities\[\d+]\[courseid]", k)]
        if any(course not in {c["id"] for c in self.courses} for course in asked):
            return GONE
        return [
            {
                "courseid": course,
                "capability": form[f"coursecapabilities[{n}][capabilities][0]"],
                "users": [u for u in self.people.get((course, group), [])[start : start + number] if u is not UNSEEN],
            }
            for n, course in enumerate(asked)
        ]
