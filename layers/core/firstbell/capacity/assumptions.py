"""What a plan had to assume, in plain words, so that nobody takes a guess for knowledge. Pure."""

from collections.abc import Iterable

from firstbell.capacity.demand import share
from firstbell.capacity.values import Learned, Peak
from firstbell.site import Kind, Site


def assumptions(site: Site, learned: Learned, peaks: Iterable[Peak]) -> tuple[str, ...]:
    """What was not known about launches, the ordinary load and the turnout of `peaks`, and what was taken for it."""
    found = []
    if site.fleet.lead_time is None and learned.lead_time is None:
        found.append(f"launches are taken to need {site.fleet.lead} s: too few were measured yet")
    if not learned.baseline:
        found.append(
            f"the ordinary load is taken for {site.fleet.baseline_vcpus:g} vCPUs at any hour: nothing was learned yet"
        )
    if kinds := sorted({peak.kind for peak in peaks}):
        quantile = f"{site.participation.quantile:.0%}".replace("%", " %")
        planned = ", ".join(_planned(site, learned, kind) for kind in kinds)
        found.append(f"of those invited these are planned for, enough for {quantile} of the peaks: {planned}")
    return tuple(found)


def _planned(site: Site, learned: Learned, kind: Kind) -> str:
    seen = next((factor.outcomes for factor in learned.factors if factor.kind == kind), 0)
    source = f"learned from {seen}" if seen else "none was seen yet"
    return f"{kind.replace('_', ' ')} {share(site, learned, kind) * 100:.0f} % ({source})"
