"""A conversation with a Moodle's web services (REST): questions and answers, its refusals, and its limits.

The token travels in the form, never in the address, and is blotted out of everything that comes back.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from firstbell import web
from firstbell.calendar.moodle_answers import SEE, refusal
from firstbell.calendar.values import CalendarError

LARGEST = 32 * 2**20  # bytes of one answer
CALLS = 200  # of one conversation
TIME = timedelta(seconds=25)  # for one conversation
GRACE = timedelta(seconds=5)  # more, for the answer to the last question
ONE = 20.0  # seconds for one answer
PASSING = ("sitemaintenance", "upgraderunning", "dmlreadexception", "dbconnectionfailed")
PATIENCE = 3  # refusals, then the question is put no more

Ask = Callable[..., bytes]
"""`web.fetch`, or what answers like it."""


class RefusedError(Exception):
    """Moodle answered with an error: `answer` has its `errorcode` and `message`."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        self.answer = answer
        super().__init__(str(answer["errorcode"]))


class Conversation:
    """With the Moodle at `url`, for the owner of `token`; `functions` are those of the token's service.

    It remembers what was refused, and how many questions were not put; `notes` are what else is to be said. An answer
    that does not come (within `one` seconds), or is none of Moodle's, ends it: half the answers would be less than the
    last good copy.
    """

    def __init__(
        self,
        url: str,
        token: str,
        private_hosts: tuple[str, ...],
        ask: Ask,
        now: Callable[[], datetime],
        one: float = ONE,
    ) -> None:
        self.origin = url.partition("?")[0].rstrip("/")
        if not token:
            raise CalendarError(f"{self.origin}: the token of its web service is empty")
        self.functions: frozenset[str] = frozenset()
        self._refused: dict[str, tuple[str, int]] = {}
        self._unasked: Counter[str] = Counter()
        self.notes: list[str] = []
        self._token, self._hosts, self._ask, self._now, self._one = token, private_hosts, ask, now, one
        self._asked, self._began = 0, now()

    def must(self, function: str, parameters: Mapping[str, str] | None = None) -> Any:
        """The answer to a question without which nothing can be planned.

        Raises WebError when the Moodle does not answer or is in maintenance, which passes; else CalendarError.
        """
        try:
            return self._question(function, parameters or {})
        except RefusedError as refused:
            raise CalendarError(f"{self.origin}: {refusal(function, refused.answer)}") from None

    def may(self, function: str, parameters: Mapping[str, str], share: float = 1.0) -> Any:
        """The answer, or None where it is refused, was refused too often, or `share` of the limits is used up.

        Raises as `must` does when there is no answer at all.
        """
        told, times = self._refused.get(function, ("", 0))
        if function not in self.functions or times >= PATIENCE:
            return None
        if not self.within(share):
            self._unasked[function] += 1
            return None
        try:
            return self._question(function, parameters)
        except RefusedError as refused:
            self._refused[function] = told or refusal(function, refused.answer), times + 1
        return None

    def within(self, share: float = 1.0) -> bool:
        """Whether this share of the questions and of the time is not yet used up."""
        return self._asked < CALLS * share and self._now() - self._began < TIME * share

    def said(self, without: Mapping[str, str]) -> list[str]:
        """What a plan should say: the notes, and what was refused, not asked or not there, and what it is `without`."""
        told = [f"its service has no {name}: {then}" for name, then in without.items() if name not in self.functions]
        told += [said + (f" ({times} times)" if times > 1 else "") for said, times in self._refused.values()]
        told += [
            f"{times} questions of {name} were left out (one fetch asks {CALLS} times, and for {TIME.seconds} s, at"
            f" most): {without.get(name, 'nothing is known of them')}"
            for name, times in self._unasked.items()
        ]
        return [f"{self.origin}: {note}" for note in self.notes + told]

    def _question(self, function: str, parameters: Mapping[str, str]) -> Any:
        self._asked += 1
        left = (TIME + GRACE - (self._now() - self._began)).total_seconds()
        try:
            said = self._ask(
                f"{self.origin}/webservice/rest/server.php",
                private_hosts=self._hosts,
                largest=LARGEST,
                form={"wstoken": self._token, "wsfunction": function, "moodlewsrestformat": "json", **parameters},
                seconds=max(1.0, min(self._one, left)),
            )
        except web.WebError as error:
            hint = "; are web services and REST enabled?" if " 403 " in str(error) else ""
            raise web.WebError(self._blot(f"{function}: {error}{hint}")) from None
        try:
            answer = json.loads(self._blot(said.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            what = "a web page" if b"<" in said[:500] else "no JSON"
            raise CalendarError(
                f"{self.origin}: {function} is answered by {what}: is the site in maintenance, is this the address of"
                f" the Moodle itself, does it print warnings? See {SEE}"
            ) from None
        if isinstance(answer, dict) and "errorcode" in answer:
            if answer["errorcode"] in PASSING:
                raise web.WebError(refusal(function, answer))
            raise RefusedError(answer)
        return answer

    def _blot(self, text: str) -> str:
        return text.replace(self._token, "[token]")
