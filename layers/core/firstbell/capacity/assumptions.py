"""What a plan had to assume, in plain words, so that nobody takes a guess for knowledge. Pure."""

from collections.abc import Sequence
from datetime import timedelta

from firstbell.capacity.demand import LONG, share
from firstbell.capacity.values import Learned, Peak
from firstbell.site import Kind, Site

DAY_ONLY = timedelta(hours=8)  # an exam that lasts longer is rather a day of which nobody said the hours


def assumptions(site: Site, learned: Learned, peaks: Sequence[Peak]) -> tuple[str, ...]:
    """What was not known about launches, the ordinary load and the turnout of `peaks`, and what was taken for it."""
    found = []
    if site.fleet.lead_time is None and learned.lead_time is None:
        found.append(f"launches are taken to need {site.fleet.lead} s: too few were measured yet")
    if not learned.baseline:
        found.append(
            f"the ordinary load is taken for {site.fleet.baseline_vcpus:g} vCPUs at any hour: nothing was learned yet"
        )
    for peak in peaks:
        if peak.kind == "exam" and DAY_ONLY <= peak.end - peak.start <= LONG["exam"]:
            hours = (peak.end - peak.start).total_seconds() / 3600
            found.append(f"{peak.title}: its servers are held for {hours:.0f} hours; give it times if it is shorter")
    if kinds := sorted({peak.kind for peak in peaks}):
        quantile = f"{site.participation.quantile:.0%}".replace("%", " %")
        planned = ", ".join(_planned(site, learned, kind) for kind in kinds)
        found.append(f"of those invited these are planned for, enough for {quantile} of the peaks: {planned}")
    return tuple(found)


def _planned(site: Site, learned: Learned, kind: Kind) -> str:
    seen = next((factor.outcomes for factor in learned.factors if factor.kind == kind), 0)
    source = f"learned from {seen}" if seen else "none was seen yet"
    return f"{kind.replace('_', ' ')} {share(site, learned, kind) * 100:.0f} % ({source})"
