"""A plan as people and programs see it: the picture, the steps, what would change, the other tiers, the cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from cli import costs, picture, screen
from cli.options import MOST_SAID, counted
from cli.times import local, utc
from firstbell.capacity import reconcile
from firstbell.capacity.assumptions import assumptions
from firstbell.capacity.values import Learned, Plan
from firstbell.fleet import ScheduledAction
from firstbell.loans import tiers
from firstbell.site import Site


@dataclass(frozen=True)
class View:
    """A plan with its cost, what it was made from, and the group that it is compared with, if one is known."""

    site: Site
    plan: Plan
    cost: costs.Cost
    learned: Learned
    days: int
    seen: reconcile.Seen | None
    now: datetime

    @cached_property
    def changes(self) -> list[dict[str, Any]]:
        """What would change at the group, as plain data; empty without a group."""
        if self.seen is None:
            return []
        found: list[dict[str, Any]] = []
        for change in reconcile.follow(self.site, self.seen, self.plan, self.now):
            found += _plain_change(change, {a.name: a for a in self.seen.scheduled})
        return sorted(found, key=lambda c: (c["at"], c["action"]))

    @cached_property
    def assumptions(self) -> tuple[str, ...]:
        """What the plan had to assume."""
        return assumptions(self.site, self.learned, self.plan.peaks)

    @cached_property
    def loans(self) -> list[dict[str, Any]]:
        """What is borrowed from the other tiers, as plain data; the parts of one loan together."""
        found: dict[tuple[Any, ...], list[str]] = {}
        for w in tiers.wishes(self.site, self.plan):
            found.setdefault((w.tier, utc(w.start), utc(w.end), w.level, w.reason), []).append(w.part)
        return [
            {"tier": tier, "parts": parts, "from": start, "until": end, "level": level, "reason": reason}
            for (tier, start, end, level, reason), parts in found.items()
        ]


def _plain_change(change: reconcile.Change, before: dict[str, ScheduledAction]) -> list[dict[str, Any]]:
    match change:
        case reconcile.PutScheduled(_, actions):
            return [
                {"action": "change" if a.name in before else "add", "at": utc(a.start), "min_size": a.min_size}
                for a in actions
            ]
        case reconcile.DeleteScheduled(_, names):
            gone = [before[name] for name in names]
            return [{"action": "delete", "at": utc(a.start), "min_size": a.min_size} for a in gone]
        case reconcile.SetMinSize(_, min_size, reason):
            return [{"action": "set", "at": "now", "min_size": min_size, "reason": reason}]
        case _:
            return []


def plain(view: View) -> dict[str, Any]:
    """The plan for programs; `changes` only where a group is known."""
    plan = view.plan
    return {
        "site": plan.site,
        "steps": [{"at": utc(s.at), "instances": s.instances, "reasons": list(s.reasons)} for s in plan.steps],
        "peaks": [
            {
                "start": utc(p.start),
                "end": utc(p.end),
                "participants": p.participants,
                "kind": p.kind,
                "source": p.source,
                "title": p.title,
            }
            for p in plan.peaks
        ],
        "warnings": [*plan.warnings, *plan.shortfalls],
        "cost": {
            "instance_hours": view.cost.instance_hours,
            "usd": view.cost.usd,
            "hourly_usd": view.cost.hourly_usd,
        },
        "advice": list(plan.advice),
        "assumptions": list(view.assumptions),
        "tiers": view.loans,
    } | ({"changes": view.changes} if view.seen is not None else {})


def show(view: View) -> None:
    """Print the plan for people."""
    out, plan, zone = screen.console(), view.plan, view.site.zone
    when = f"{counted(view.days, 'day')} from {local(plan.start, zone)} ({view.site.timezone})"
    out.print(screen.text(f"{plan.site}: {when}, {counted(len(plan.peaks), 'peak')}", "bold"))
    out.print()
    _picture(view)
    rows = [
        (local(step.at, zone), f"{step.at:%d %b %H:%M}", _change(was, step.instances), "; ".join(step.reasons))
        for was, step in zip(
            [view.site.fleet.min_instances, *(s.instances for s in plan.steps)], plan.steps, strict=False
        )
    ]
    out.print(screen.table((f"Local time ({view.site.timezone})", "UTC", "Instances", "Why"), rows, right=(2,)))
    out.print()
    _tiers(view)
    _changes(view)
    out.print(screen.text(cost_sentence(view)))
    _say("Warning", plan.warnings, "yellow")
    _say("Shortfall", plan.shortfalls, "bold red")
    _say("Advice", plan.advice, "cyan")
    _say("Assumed", view.assumptions, "dim")


def _change(was: int, becomes: int) -> str:
    return f"{was} → {becomes}" if was != becomes else str(becomes)


def cost_sentence(view: View) -> str:
    """What the plan costs, beside a fleet that never changes."""
    cost, fleet = view.cost, view.site.fleet
    return (
        f"Cost: {cost.instance_hours:,.1f} instance-hours at ${cost.hourly_usd:g} are ${cost.usd:,.2f};"
        f" {fleet.max_instances} instances all the time would be ${cost.always_most:,.2f},"
        f" {fleet.min_instances} all the time ${cost.always_least:,.2f}."
    )


def _say(what: str, sentences: Sequence[str], style: str) -> None:
    out = screen.console()
    for sentence in sentences[:MOST_SAID]:
        out.print(screen.text(f"{what}: {sentence}", style))
    if left := len(sentences[MOST_SAID:]):
        out.print(screen.text(f"and {left} more like these; --json has them", "dim"))


def _picture(view: View) -> None:
    from rich.text import Text

    out, least = screen.console(), view.site.fleet.min_instances
    rows, left = picture.rows(view.plan, view.site.zone, least)
    if rows:
        out.print(Text(f"{'':10}  {picture.HOURS}  most", "dim"))
    for row in rows:
        line = Text(f"{row.day:%a %d %b}  ")
        line.append(row.blocks, "cyan" if row.most > least else "dim")
        line.append(f"  {row.most}")
        out.print(line)
    if left:
        out.print(screen.text(f"and {left} more days with a peak", "dim"))
    if rows:
        out.print()


def loan_rows(view: View) -> list[tuple[str, ...]]:
    """The rows of a table of what is borrowed: tier, from, until, level, why."""
    zone = view.site.zone
    return [
        (
            " ".join([w["tier"].replace("_", " "), *w["parts"]]).strip(),
            local(datetime.fromisoformat(w["from"]), zone),
            local(datetime.fromisoformat(w["until"]), zone),
            f"{w['level']:g}",
            w["reason"],
        )
        for w in view.loans
    ]


def _tiers(view: View) -> None:
    if rows := loan_rows(view):
        out = screen.console()
        out.print(screen.table(("Other tier", "From", "Until", "Level", "Why"), rows, right=(3,)))
        out.print()


SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "delete": ("-", "red"), "set": ("!", "bold")}


def _changes(view: View) -> None:
    if view.seen is None:
        return
    out, zone = screen.console(), view.site.zone
    group = view.seen.group
    sizes = f"MinSize {group.min_size}, desired {group.desired}, MaxSize {group.max_size}"
    others = sum(not a.name.startswith(reconcile.PREFIX) for a in view.seen.scheduled)
    out.print(screen.text(f"{group.name} now: {sizes}, {counted(others, 'scheduled action')} of somebody else", "bold"))
    for change in view.changes:
        sign, style = SIGNS[change["action"]]
        at = "now" if change["at"] == "now" else local(datetime.fromisoformat(change["at"]), zone)
        out.print(
            screen.text(f"{sign} {at}: MinSize {change['min_size']}  {change.get('reason', '')}".rstrip(), style, "  ")
        )
    counts = [f"{sum(c['action'] == a for c in view.changes)} to {a}" for a in SIGNS]
    out.print(
        screen.text(", ".join(counts) if view.changes else "Nothing to change: the group follows the plan.", "bold")
    )
    out.print()
