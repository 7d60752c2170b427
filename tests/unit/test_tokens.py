"""The token of a link that acknowledges: ours until a day has passed, nobody else's, and it says nothing."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstbell.oncall import tokens

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
KEY = "a key of the installation"
NOTICE = ("campus", "mount/i-0abc", "2026-05-04T08:00:00+00:00", "1")
HANDLE = tokens.handle(KEY, *NOTICE)
TOKEN = tokens.make(KEY, HANDLE, NOW)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_it_is_fit_for_a_url_and_has_nothing_of_the_site_in_it():
    raw = base64.urlsafe_b64decode(TOKEN)
    assert (len(TOKEN), set(TOKEN) - set(ALPHABET)) == (44, set())
    assert not any(part.encode() in raw for part in NOTICE[:3])


@given(key=st.text(min_size=1), handle=st.binary(min_size=12, max_size=12), seconds=st.integers(0, 86_399))
def test_what_was_made_is_read_for_a_day_and_is_expired_after_it(key: str, handle: bytes, seconds: int):
    key = key.encode("utf-8", "replace").decode()
    token = tokens.make(key, handle.hex(), NOW)
    assert tokens.check(key, token, NOW + timedelta(seconds=seconds)) == handle.hex()
    with pytest.raises(tokens.ExpiredError):
        tokens.check(key, token, NOW + timedelta(seconds=seconds) + tokens.VALID)


@given(place=st.integers(0, 43), other=st.sampled_from(ALPHABET))
def test_with_any_character_changed_it_is_not_ours(place: int, other: str):
    changed = TOKEN[:place] + other + TOKEN[place + 1 :]
    if changed == TOKEN:
        assert tokens.check(KEY, changed, NOW) == HANDLE
    else:
        with pytest.raises(tokens.ForgedError):
            tokens.check(KEY, changed, NOW)


@pytest.mark.parametrize(
    ("sentence", "token"),
    [
        ("no token", ""),
        ("cut short", TOKEN[:-1]),
        ("continued", TOKEN + "A"),
        ("padded", TOKEN + "=="),
        ("with a line's end", TOKEN + "\n"),
        ("in the other alphabet of base64", TOKEN[:-1] + "+"),
        ("of digits that are no ASCII", "٣" * 44),
        ("of zeros", "A" * 44),
        ("twice, as a query with two of them arrives", f"{TOKEN},{TOKEN}"),
        ("very long", "A" * 100_000),
        ("made with another key", tokens.make("another", HANDLE, NOW)),
    ],
)
def test_what_is_not_a_token_of_ours_is_refused(sentence: str, token: str):
    with pytest.raises(tokens.ForgedError):
        tokens.check(KEY, token, NOW)


def test_a_longer_life_cannot_be_written_into_it():
    raw = bytearray(base64.urlsafe_b64decode(TOKEN))
    raw[13:17] = (2**32 - 1).to_bytes(4, "big")
    with pytest.raises(tokens.ForgedError):
        tokens.check(KEY, base64.urlsafe_b64encode(bytes(raw)).decode(), NOW)


def test_a_notice_has_one_handle_and_every_other_notice_and_key_another():
    others = [(*NOTICE[:3], "2"), ("campus2", *NOTICE[1:]), ("campusmount", "/i-0abc", *NOTICE[2:])]
    found = {tokens.handle(KEY, *notice) for notice in (NOTICE, *others)} | {tokens.handle("another", *NOTICE)}
    assert tokens.handle(KEY, *NOTICE) == HANDLE
    assert len(found) == 5
