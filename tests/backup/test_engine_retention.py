"""Which backup sets are kept, in the days, weeks, months and years of the site's own calendar."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from firstbell.backup.engine.retention import Dated, Retention, kept

NONE = Retention(0, 0, 0, 0)
NIGHT = datetime(2026, 11, 24, 3, 15, tzinfo=UTC)


def nightly(nights: int) -> list[Dated]:
    return [Dated(f"{n:04}", NIGHT - timedelta(days=n)) for n in range(nights)]


def test_the_newest_of_each_period_is_kept():
    reasons = kept(nightly(800), Retention(3, 2, 2, 2), UTC)
    assert reasons == {
        "0000": ["newest", "newest sound", "daily", "weekly", "monthly", "yearly"],
        "0001": ["daily"],
        "0002": ["daily", "weekly"],  # Sunday the 22nd
        "0024": ["monthly"],  # 31 October
        "0328": ["yearly"],  # 31 December
    }


def test_of_two_sets_of_a_day_the_later_is_kept():
    sets = [Dated("early", NIGHT), Dated("late", NIGHT + timedelta(hours=5)), *nightly(3)[1:]]
    assert set(kept(sets, Retention(3, 0, 0, 0), UTC)) == {"late", "0001", "0002"}


def test_days_are_those_of_the_site():
    evening = [Dated("a", datetime(2026, 11, 23, 23, tzinfo=UTC)), Dated("b", datetime(2026, 11, 24, 1, tzinfo=UTC))]
    assert set(kept(evening, Retention(2, 0, 0, 0), UTC)) == {"a", "b"}
    assert set(kept(evening, Retention(2, 0, 0, 0), ZoneInfo("Europe/Berlin"))) == {"b"}, "both on Tuesday there"


def test_when_backups_have_stopped_nothing_more_goes():
    assert len(kept(nightly(14), Retention(14, 0, 0, 0), UTC)) == 14, "no matter how long ago these nights were"


def test_a_set_that_left_something_out_does_not_replace_a_sound_one():
    sets = [Dated("late", NIGHT + timedelta(hours=2), sound=False), Dated("early", NIGHT), *nightly(3)[1:]]
    assert set(kept(sets, Retention(1, 0, 0, 0), UTC)) == {"late", "early"}


def test_the_newest_and_the_newest_sound_stay_whatever_is_asked():
    sets = [Dated("bad", NIGHT + timedelta(1), sound=False), *nightly(5)]
    assert kept(sets, NONE, UTC) == {"bad": ["newest"], "0000": ["newest sound"]}
    assert kept([], NONE, UTC) == {}


moments = st.integers(0, 10 * 365 * 24).map(lambda hours: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
retentions = st.builds(Retention, *[st.integers(0, 9)] * 4)


@given(st.lists(st.tuples(moments, st.booleans()), max_size=60), retentions)
def test_keeping_is_stable_and_bounded(drawn, retention):
    sets = [Dated(str(n), at, sound) for n, (at, sound) in enumerate(drawn)]
    first = kept(sets, retention, UTC)
    left = [one for one in sets if one.key in first]
    assert kept(left, retention, UTC).keys() == first.keys(), "pruning twice takes nothing more"
    assert len(first) <= 2 + 2 * sum(retention)


@given(st.lists(moments, max_size=40), st.integers(1, 9))
def test_a_larger_number_keeps_no_less(drawn, days):
    sets = [Dated(str(n), at) for n, at in enumerate(drawn)]
    less, more = (kept(sets, NONE._replace(daily=d), UTC).keys() for d in (days, days + 1))
    assert less <= more
