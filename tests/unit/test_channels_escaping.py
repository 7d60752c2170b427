"""Texts from anywhere come out harmless and cut in every channel: as tags, mentions, links, markup or floods."""

import html
import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firstbell.aws.topic import MOST, fitting
from firstbell.oncall import message
from firstbell.oncall.channels import escaping, pagerduty, slack, teams
from firstbell.oncall.signal import Signal
from tests.unit.channel_world import CONTEXT, SIGNAL, START, tell

NASTY = [
    "<script>alert(1)</script>",
    "<!everyone> <!channel> <@U012AB3CD> <#C024BE7LR> <https://evil.example|the runbook>",
    "@channel @here @everyone @all @room @Channel",
    "*bold* _it_ ~no~ `code` ```block``` [a](https://evil.example) ![x](y) # h > q | t",
    "&lt;b&gt; &amp;",
    "x" * 100_000,
    "&" * 100_000,
    "🔥👩‍👩‍👧" * 9000,
    "שלום \u202eevil\u202c \u2066x\u2069 مرحبا",
    "\x00\x1b[31m\r\nSubject: evil\r\n\r\n\x07\u2028\u2029\ud800\udfff",
    "in\u200bvis\u2060ib\ufeffle \U000e0041\U000e0042",
    "{{DATE(2026-05-04T08:00:00Z)}} ${secret} @{triggerBody()} <at>Bob</at>",
    "CPUUtilization_p95 of i-0abc: stale_file_handle",
    "",
]
texts = (
    st.text() | st.sampled_from(NASTY) | st.builds("".join, st.lists(st.sampled_from([*NASTY, " ", "a"]), max_size=4))
)
signals = st.builds(
    Signal,
    site=st.just("campus"),
    key=texts.map(lambda text: f"k{text}"),
    severity=st.sampled_from(["page", "ticket", "info"]),
    title=texts,
    what=texts,
    runbook=texts,
    at=st.just(START),
    evidence=st.lists(texts, max_size=30).map(tuple),
    done=st.lists(texts, max_size=3).map(tuple),
)
NASTIEST = replace(SIGNAL, title=" ".join(NASTY[:5]), what=" ".join(NASTY), evidence=tuple(NASTY), done=tuple(NASTY))
HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]")
MENTION = re.compile(r"@(channel|here|everyone|all\b|room\b)", re.IGNORECASE)


def strings(value: Any) -> list[str]:
    """All texts in a payload, however deep."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


@settings(max_examples=60, deadline=None)
@given(signals)
@example(NASTIEST)
def test_slack_sees_no_tag_mention_link_or_style_but_its_own(signal: Signal):
    said = slack.said(tell(signal=signal), CONTEXT)
    assert len(json.dumps(said)) < 200_000
    marked = [b["text"]["text"] for b in said["blocks"] if b["type"] == "section"]
    marked += [e["text"] for b in said["blocks"] if b["type"] == "context" for e in b["elements"]]
    for text in [*marked, said["text"]]:
        assert "<" not in text
        assert ">" not in text
        assert re.fullmatch(r"(?:[^&]|&(?:amp|lt|gt);)*", text, re.DOTALL), "an entity is whole"
        for heading in ("*Evidence*\n", "*What Firstbell did*\n"):
            text = text.removeprefix(heading)
        assert not re.search(r"(?<![\w\u200b])[*_~`]", text)
    for text in strings(said):
        assert not HIDDEN.search(text)
        assert not MENTION.search(text)


@settings(max_examples=60, deadline=None)
@given(signals)
@example(NASTIEST)
def test_teams_has_runs_of_text_only_which_know_no_markup(signal: Signal):
    sent = teams.body(tell(signal=signal), CONTEXT)
    assert len(sent) <= teams.MOST
    content = json.loads(sent)["attachments"][0]["content"]
    assert {row["type"] for row in content["body"]} == {"RichTextBlock"}
    assert "msteams" not in content, "without it, nobody is mentioned"
    for text in strings(content):
        assert not HIDDEN.search(text)
        assert not MENTION.search(text)


@settings(max_examples=60, deadline=None)
@given(signals)
@example(NASTIEST)
def test_pagerduty_and_webhooks_get_texts_on_one_line_each_and_of_bounded_length(signal: Signal):
    notice = tell(signal=signal)
    [event] = pagerduty.events(notice, CONTEXT, "k" * 32)
    assert len(event["payload"]["summary"]) <= pagerduty.SUMMARY
    assert len(json.dumps(event)) < 512_000
    fields = json.loads(message.body(notice, CONTEXT))
    whole = fields.pop("text")
    for text in [*strings(event), *strings(fields)]:
        assert not HIDDEN.search(text)
        assert "\n" not in text
    assert not HIDDEN.search(whole)


@settings(max_examples=60, deadline=None)
@given(signals)
@example(NASTIEST)
def test_people_get_a_mail_that_sns_takes_and_whose_lines_are_the_products_own(signal: Signal):
    notice = tell(signal=signal)
    whole = message.text(notice, CONTEXT)
    assert len(whole.encode()) <= MOST
    assert not HIDDEN.search(whole)
    ours = ("[page] campus: ", "[ticket] campus: ", "[info] campus: ", "  - ", "Since ", "Runbook: ", "Acknowledge: ")
    ours += ("Incident: campus ", "Evidence:", "What Firstbell did:")
    what = notice.incident.what
    assert [line for line in whole.split("\n") if line and not line.startswith(ours) and line != what] == []


@given(st.text(max_size=300) | st.sampled_from(NASTY), st.integers(1, 200))
def test_escaping_for_slack_loses_nothing_but_what_it_cuts(text: str, longest: int):
    escaped = escaping.slack(text, longest)
    assert len(escaped) <= longest
    shown = html.unescape(escaped).replace(escaping.GAP, "")
    flat = escaping.plain(text, 10**6).replace(escaping.GAP, "")
    assert shown == flat or (shown.endswith("…") and flat.startswith(shown[:-1]))


UNCHANGED = ["CPUUtilization_p95 is 97 %", "stale_file_handle on i-0abc", "ops@example.org wrote", "5 * 3", "שלום 🔥"]


@pytest.mark.parametrize("text", UNCHANGED)
def test_names_and_addresses_can_be_copied_from_a_message(text: str):
    assert escaping.plain(text, 200) == text
    assert escaping.slack(text, 200).replace(escaping.GAP, "") == text


def test_a_name_with_underscores_is_not_parted():
    assert escaping.slack("stale_file_handle", 200) == "stale_file_handle"


LINES = [
    ("all fit", ("a", "b"), 100, "H\n• a\n• b"),
    ("none", (), 100, "H"),
    ("what does not fit is counted", ("a" * 10, "b" * 10, "c" * 10), 45, "H\n• aaaaaaaaaa\n• bbbbbbbbbb\n… and 1 more"),
    ("nothing fits", ("a" * 100,), 30, "H\n… and 1 more"),
]


@pytest.mark.parametrize(("says", "given_", "longest", "expected"), LINES, ids=[c[0] for c in LINES])
def test_lines(says: str, given_: tuple[str, ...], longest: int, expected: str):
    assert escaping.lines("H", given_, longest) == expected
    assert len(expected) <= longest


@given(st.text(max_size=50).map(lambda text: text * 9000))
def test_a_message_to_people_is_cut_to_what_sns_takes_between_characters(text: str):
    cut = fitting(text)
    assert len(cut.encode()) <= MOST
    assert text.encode("utf-8", "replace").decode().startswith(cut)
