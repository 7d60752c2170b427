"""What a file's rules of recurrence may cost altogether, counted in days that are looked at rather than in seconds.

A rule may begin centuries ago, or wait for a day that never comes (30 February): `dateutil` would look for it until the
year 9999. It asks of each day whether its month is wanted; there the days are counted, for it has no limit of its own.
"""

from typing import Any

from firstbell.calendar.values import CalendarError

STEPS = 3_000_000  # take one to two seconds; a weekly lecture takes 7 a week
A_DAY_ALONE = 5  # steps: a rule that looks at one day at a time is so much slower than one that looks at a year
DAILY = 3  # dateutil's number for it; HOURLY and the like are larger


class Budget:
    """The steps that are left to the rules of one file."""

    def __init__(self, origin: str) -> None:
        self.origin, self.left = origin, STEPS

    def bind(self, rule: Any) -> Any:
        """The same `dateutil.rrule.rrule`, which raises CalendarError when the budget is spent."""
        times = max(1, len(rule._timeset or ())) * (1 + len(rule._bysetpos or ()))
        months = _Months(rule._bymonth or range(1, 13))
        months.budget, months.cost = self, times * (A_DAY_ALONE if rule._freq >= DAILY else 1)
        rule._bymonth = months
        return rule


class _Months(frozenset[int]):
    """Some months, each look at which costs something."""

    budget: Budget
    cost: int

    def __contains__(self, month: object) -> bool:
        self.budget.left -= self.cost
        if self.budget.left < 0:
            raise CalendarError(
                f"{self.budget.origin}: its recurrences take too long to work out; does one begin centuries ago, or"
                " wait for a day that never comes, such as 30 February?"
            )
        return frozenset.__contains__(self, month)
