"""Files as Google, Outlook and Exchange, Thunderbird and Moodle write them, with every instant worked out by hand.

The files in `calendars/` are hand-written; each shows the oddities of one producer. The site is in Berlin, which is two
hours ahead of UTC in these weeks of May.
"""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from firstbell.calendar.ical import read_calendar
from firstbell.calendar.peaks import pair_moments
from firstbell.calendar.values import Event
from tests.unit.calendar_texts import BERLIN
from tests.unit.campus_values import DAY, MONDAY

FOLDER = Path(__file__).parent / "calendars"
FILES: dict[str, list[tuple[str, str]]] = {
    "google": [
        ("04 07:00-04 08:30", "Logic (lecture)"),  # 9:00 in Berlin; the 6th is an EXDATE, the 13th is cancelled
        ("05 12:00-05 14:00", "Algebra exam"),  # tentative, in UTC
        ("12 12:00-12 13:30", "Logic (lecture, other room)"),  # the 11th, moved
        ("13 22:00-14 22:00", "Ascension Day"),
    ],
    "outlook": [
        ("05 14:00-05 15:30", "Statistik (verschoben)"),  # moved from ten to four; the 12th is an EXDATE
        ("06 02:15-06 03:15", "Video exam"),  # 8:00 at 5:45 hours from Greenwich
        ("06 06:00-06 08:00", "Klausur Chemie"),  # a zone called by the list of its cities
        ("06 22:00-07 22:00", "Projekttag"),  # a day with a time zone
        ("07 22:00-09 22:00", "Zwei Tage der offenen Tür"),  # two days, written in UTC: the site's days
        ("10 22:00-11 22:00", "Konferenz"),  # a day without end
        ("13 21:59-13 21:59", "Abgabe"),  # a time without end
        ("14 22:00-15 22:00", "Brückentag"),
    ],
    "outlook_without_zones": [
        ("05 06:00-05 07:00", "Berlin"),
        ("05 12:00-05 13:00", "New York"),
        ("06 06:00-06 07:00", "Floating"),
        ("07 06:00-07 07:00", "Mars"),
    ],
    "thunderbird": [
        ("05 07:00-05 08:30", "Oral exams"),
        ("06 07:00-06 08:00", "A known zone that is defined wrongly"),
        ("07 07:00-07 08:30", "Oral exams"),
        ("08 07:00-09 09:00", "Floating"),  # a day and two hours
        ("12 11:00-12 12:30", "Oral exams"),
        ("12 22:00-14 22:00", "Excursion"),  # two days, by duration
    ],
    "moodle_german": [
        ("05 07:00-05 07:00", "Abschlussprüfung Mathematik für Informatikerinnen und Informatiker öffnet"),
        ("05 09:00-05 09:00", "Abschlussprüfung Mathematik für Informatikerinnen und Informatiker schließt"),
    ],
    "moodle_japanese": [
        ("06 00:00-06 00:00", "中間試験 の受験可能期間の開始"),
        ("06 01:30-06 01:30", "中間試験 の受験可能期間の終了"),
        ("08 14:59-08 14:59", "レポート は 提出期限 です。"),
    ],
    "own_zone": [
        ("08 07:00-08 08:00", "Weekly"),  # at two hours from Greenwich
        ("09 23:30-10 00:45", "Skipped"),  # 2:30 to 2:45 do not exist: from the earlier reading to the later
        ("15 06:00-15 07:00", "Weekly"),  # at three
    ],
    "odd": [
        ("05 08:00-05 09:00", "Prüfung in Latin-1"),
        ("06 08:00-06 09:00", "Café in UTF-8"),
        ("06 22:00-07 22:00", "A day with a zone"),
    ],
    "two": [("04 23:00-05 00:00", "Exam"), ("05 06:00-05 07:00", "Exam")],  # Tokyo's 8:00, and the site's
}
WARNINGS = {
    "outlook_without_zones": [
        "the time zone 'Mars Standard Time' is neither known nor defined: its times are read in Europe/Berlin"
    ],
    "own_zone": [
        "'Skipped': 2026-05-10 02:30 does not exist in Campus Time (the clocks change): a beginning is taken as 23:30"
        " UTC, an end as 00:30 UTC",
        "'Skipped': 2026-05-10 02:45 does not exist in Campus Time (the clocks change): a beginning is taken as 23:45"
        " UTC, an end as 00:45 UTC",
    ],
    "odd": ["'Never' cannot be read and is not planned (it has no DTSTART)"],
}


def read(name: str, zone: ZoneInfo = BERLIN) -> tuple[list[Event], list[str]]:
    return read_calendar((FOLDER / f"{name}.ics").read_bytes(), zone, MONDAY, MONDAY + 14 * DAY, name)


@pytest.mark.parametrize("name", FILES)
def test_every_instant_of_a_file(name: str):
    events, warnings = read(name)
    assert [(f"{e.start:%d %H:%M}-{e.end:%d %H:%M}", e.title) for e in events] == FILES[name]
    assert warnings == [f"{name}: {sentence}" for sentence in WARNINGS.get(name, [])]


def test_every_file_is_read():
    assert {path.stem for path in FOLDER.glob("*.ics")} == set(FILES)


def test_the_files_show_what_they_are_meant_to_show():
    """An editor or git may have tidied them up."""
    files = {name: (FOLDER / f"{name}.ics").read_bytes() for name in FILES}
    assert b"\r\n" in files["google"]
    assert b"\r" not in files["thunderbird"]
    assert b"\r\r\n" in files["odd"]
    assert files["odd"].startswith(b"\xef\xbb\xbf")
    assert b"Pr\xfcfung" in files["odd"]
    assert "Café".encode() in files["odd"]
    assert b"\xc3\r\n\t\xb6" in files["moodle_german"], "a fold inside a letter"
    assert b"\r\n\t\r\n" in files["moodle_german"], "an empty folded line"


def test_texts_keep_their_words_across_folds_and_alphabets():
    assert read("moodle_german")[0][0].description == (
        "Alle Hilfsmittel, bis auf Taschenrechner; auch eigene Notizen sind erlaubt."
    )
    assert {e.categories for e in read("moodle_japanese")[0]} == {("数学A",)}
    assert read("odd")[0][0].description == "one twothree"
    assert read("google")[0][0].description == "<p>Bring a pencil.</p>\nhttps://example.com/a?b=c;d,e"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("google", {"Exams & lectures"}),
        ("outlook", {"Kalender"}),
        ("odd", {"Café Room"}),
        ("two", {"Faculty A", "Faculty B"}),
        ("moodle_german", {""}),
    ],
)
def test_events_know_their_calendars_name(name: str, expected: set[str]):
    assert {e.calendar for e in read(name)[0]} == expected


@pytest.mark.parametrize("name", ["moodle_german", "moodle_japanese"])
def test_a_quiz_is_one_sitting_in_any_language(name: str):
    first = pair_moments(read(name)[0])[0]
    assert not first.is_moment
    assert first.title.startswith(("Abschlussprüfung Mathematik", "中間試験"))


@pytest.mark.parametrize("name", ["google", "outlook", "thunderbird"])
def test_times_in_zones_do_not_move_with_the_site_but_days_and_floating_times_do(name: str):
    here, there = read(name)[0], read(name, ZoneInfo("Asia/Tokyo"))[0]
    moved = {a.title for a, b in zip(sorted(here, key=key), sorted(there, key=key), strict=True) if a.start != b.start}
    assert (
        moved
        == {
            "google": {"Ascension Day"},
            "outlook": {"Projekttag", "Zwei Tage der offenen Tür", "Konferenz", "Brückentag"},
            "thunderbird": {"Floating", "Excursion"},
        }[name]
    )


def key(event: Event) -> tuple[str, str]:
    return event.title, f"{event.start:%m%d%H%M}"
