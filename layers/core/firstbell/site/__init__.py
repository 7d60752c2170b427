"""A site: everything an operator may say about one Moodle, as frozen values with their defaults and limits.

This is the single definition of the site file: `site_file` validates YAML against it with pydantic and makes the JSON
Schema from it. It needs only the standard library, so that decisions can use it.
"""

from dataclasses import dataclass, field, replace
from typing import Annotated
from zoneinfo import ZoneInfo

from firstbell.site import checks
from firstbell.site.calendars import CalendarSource, Kind, Rule
from firstbell.site.checks import Checked, Help, Matching, Strict, Within
from firstbell.site.demand import Arrivals, Costs, Participation, Profile, Turnout
from firstbell.site.fleet import Fleet, InstanceType
from firstbell.site.oncall import PEOPLE, Channel, Escalate, Inhibit, Maintenance, OnCall, Quiet, Rota
from firstbell.site.operations import Admission, Backup, Moodledata, Web
from firstbell.site.reaction import Reaction
from firstbell.site.tiers import AuroraTier, BalancerTier, EfsTier, ReservationTier, Tiers, WarmPoolTier

__all__ = [
    "PEOPLE",
    "Admission",
    "Arrivals",
    "AuroraTier",
    "Backup",
    "BalancerTier",
    "CalendarSource",
    "Channel",
    "Costs",
    "EfsTier",
    "Escalate",
    "Fleet",
    "Inhibit",
    "InstanceType",
    "Kind",
    "Maintenance",
    "Moodledata",
    "OnCall",
    "Participation",
    "Profile",
    "Quiet",
    "Reaction",
    "ReservationTier",
    "Rota",
    "Rule",
    "Site",
    "Tiers",
    "Turnout",
    "WarmPoolTier",
    "Web",
    "Within",
]


@dataclass(frozen=True)
class Site(Strict):
    """One Moodle."""

    name: Annotated[
        str,
        Matching(r"[a-z0-9][a-z0-9-]{0,39}", "at most 40 lower-case letters, digits and dashes"),
        Help("Short name of the site."),
    ]
    timezone: Annotated[
        str, Checked(checks.zone), Help("IANA time zone in which its people live, such as Europe/Berlin.")
    ]
    fleet: Fleet
    calendars: Annotated[tuple[CalendarSource, ...], Help("Where the peaks come from.")] = ()
    private_hosts: Annotated[
        tuple[str, ...], Help("Names of calendars' hosts that may have private addresses, such as moodle.internal.")
    ] = ()
    costs: Costs = field(default_factory=Costs)
    arrivals: Arrivals = field(default_factory=Arrivals)
    participation: Participation = field(default_factory=Participation)
    tiers: Tiers = field(default_factory=Tiers)
    moodledata: Moodledata = field(default_factory=Moodledata)
    web: Web = field(default_factory=Web)
    admission: Admission = field(default_factory=Admission)
    reaction: Reaction = field(default_factory=Reaction)
    oncall: OnCall = field(default_factory=OnCall)
    backup: Backup = field(default_factory=Backup)

    def __post_init__(self) -> None:
        checks.zone(self.timezone)
        if self.reaction.aurora_minimum and self.tiers.aurora is None:
            raise ValueError("reaction.aurora_minimum needs tiers.aurora: it says which cluster, and how far")

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def of_its_type(self) -> "Site":
        """The site with the numbers of the instance type in use in the place of its general ones."""
        own = self.fleet.type
        if own is None:
            return self
        fleet = replace(
            self.fleet,
            vcpus_per_instance=self.fleet.vcpus_per_instance if own.vcpus is None else own.vcpus,
            instance_price=self.fleet.instance_price if own.price is None else own.price,
        )
        factor = self.costs.vcpu_factor if own.vcpu_factor is None else own.vcpu_factor
        return replace(self, fleet=fleet, costs=replace(self.costs, vcpu_factor=factor))
