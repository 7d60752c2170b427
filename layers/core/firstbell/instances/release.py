"""Release: a leaving instance is taken out of the balancer, ends what it works on, and then goes; pure.

Where the group has the target group attached, AWS deregisters the instance itself, before the hook or while it waits;
whatever the order, what counts is the state of the target as it is now.

Sessions are not waited for: a balancer sends nothing to a target that deregisters, and a sticky session's next click
goes to another one, where it then stays ("Deregistration delay" and "Sticky sessions", Application Load Balancers
guide). So only what runs has to end, and the instance itself is asked for it: requests that it answers, and tasks of
Moodle's cron. The first question also stops its cron's timer, so that new tasks are begun on the others.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from firstbell.acting import Explained
from firstbell.fleet import POOL_TERMINATE_WAIT, Group, Waiting
from firstbell.instances.actions import Continue, Deregister, LookAtLeaving, Wait
from firstbell.instances.holding import PAUSE, heartbeat, last_moment
from firstbell.instances.records import Record
from firstbell.oncall.signal import Signal
from firstbell.site import Site

GONE = "unused"  # what AWS says of a target that is not, or no longer, registered
REQUESTS = " requests"  # how what it works on ends, if it is no task
ASKED = 2  # times in vain, until nothing is expected any more of one that has drained
KEY = "task-stranded"


@dataclass(frozen=True, slots=True)
class Leaving:
    """An instance in its terminate hook, how it stands in each target group of its group (absent: unused), and what is
    remembered of it: `draining_since` is when a look found it taken out, or took it out (UTC).
    """

    waiting: Waiting
    targets: tuple[tuple[str, str], ...]
    record: Record

    @property
    def id(self) -> str:
        """The instance's id."""
        return self.waiting.instance.id

    @property
    def registered(self) -> tuple[tuple[str, str], ...]:
        """The target groups that it is to be taken out of, and its state there."""
        known = self.record.deregistered
        return tuple((t, state) for t, state in self.targets if state not in (GONE, "draining") and t not in known)

    @property
    def drained(self) -> bool:
        """No target group has it any more."""
        return all(state == GONE for _, state in self.targets)

    @property
    def idle(self) -> bool:
        """It has said that it works on nothing."""
        return self.record.looked_at is not None and not self.record.busy

    @property
    def silent(self) -> bool:
        """It was asked twice, and has never said anything: no agent, no answer, or the question was refused."""
        record = self.record
        return record.looked_at is None and record.silent_in_a_row >= ASKED and not record.command

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of Moodle that ran on it when it was last asked."""
        return tuple(text for text in self.record.busy if not text.endswith(REQUESTS))


@dataclass(frozen=True, slots=True)
class Scene:
    """A look at a group: who leaves, and whom EC2 takes back from service (with the code of its spot request).

    `exam` names what is on; `raised` are the keys of the open incidents.
    """

    site: Site
    now: datetime
    group: Group
    leaving: tuple[Leaving, ...] = ()
    taken: tuple[tuple[str, str], ...] = ()
    exam: str = ""
    raised: frozenset[str] = frozenset()


def decide(seen: Scene) -> list[Explained]:
    """What to do now with each that leaves. Deciding again after all of it is applied gives nothing new."""
    found: list[Explained] = []
    asked, stranded = [], []
    for it in seen.leaving:
        end = _end(seen, it)
        if end:
            found.append(Continue(it.id, it.waiting.hook.name, end))
            stranded += [it] if it.tasks else []
        else:
            found += _keep(it, seen.now)
            asked += [it.id] if _may_ask(seen, it) else []
    if asked:
        found.append(LookAtLeaving(tuple(asked), "what it works on is to end here, and what comes next is the others'"))
    return [*found, *_signals(seen, stranded)]


def _end(seen: Scene, it: Leaving) -> str:
    """Why the wait is over, or an empty text."""
    waited = f"{_seconds(seen.now - it.waiting.since)} after it began to leave"
    if it.waiting.instance.state == POOL_TERMINATE_WAIT:
        return "it leaves the warm pool, where it served nobody: nothing to drain"
    if it.drained and it.idle:
        return f"drained {waited}, and nothing left to do"
    if it.drained and it.silent:
        return f"drained {waited}; what it still works on it did not say: {it.record.no_answer}"
    if seen.now >= last_moment(it.waiting):
        return f"its hook cannot be held any longer, {waited}; {_unfinished(it)}"
    limit = seen.site.admission.exam_drain if seen.exam else seen.site.admission.drain
    since = it.record.draining_since  # not when it began to leave: AWS drains before it calls the hook
    if since and not it.registered and seen.now - since >= timedelta(seconds=limit):
        during = f" while {seen.exam} is on" if seen.exam else ""
        return f"{waited}, {_unfinished(it)}, and {limit} s is the limit{during}"
    return ""


def _unfinished(it: Leaving) -> str:
    """What is cut off, if it goes now."""
    works = ", ".join(it.record.busy) or ("nothing" if it.idle else "it did not say what")
    return f"it {'has drained' if it.drained else 'still drains'} and works on: {works}"


def _keep(it: Leaving, now: datetime) -> list[Explained]:
    reason = _waits_for(it)
    out = [
        Deregister(it.id, target, f"it leaves, and is still {state} there: nothing new, and what runs may end")
        for target, state in it.registered
    ]
    waits = [] if it.record.waits_for == reason else [Wait(it.id, reason)]
    return [*out, *heartbeat(it.waiting, now, reason), *waits]


def _waits_for(it: Leaving) -> str:
    """The same words as long as it is the same, for it is told when it changes."""
    if not it.drained:
        return "waiting until the balancer has drained it"
    names = [text.rpartition(", ")[0] or text for text in it.tasks]  # without the seconds that each has taken
    names += ["requests"] if len(names) < len(it.record.busy) else []
    return f"drained, and waiting for {', '.join(names)}" if names else "drained, and asked what it still works on"


def _may_ask(seen: Scene, it: Leaving) -> bool:
    """Again after a pause, but where nothing is left and nothing new can begin, for its cron's timer is stopped."""
    if it.record.command or (it.idle and seen.site.web.cron and not it.record.warnings):
        return False
    return it.record.sent_at is None or seen.now - it.record.sent_at >= PAUSE


def _signals(seen: Scene, stranded: list[Leaving]) -> list[Signal]:
    """One incident of the site: it begins when tasks are cut off, and ends when nobody leaves with a task any more."""
    if stranded:
        tasks = [f"{it.id}: {task}" for it in stranded for task in it.tasks]
        return [_stranded(seen, (*tasks, *(f"{it.id}: {text}" for it in stranded for text in it.record.warnings)))]
    if KEY not in seen.raised or any(it.tasks for it in seen.leaving):
        return []
    what = "No instance leaves with a task any more. A lock that is a row in Moodle's table stays until it expires."
    title = "Nobody leaves with a task any more"
    return [Signal(seen.site.name, KEY, "info", title, what, "task-stranded", seen.now, resolved=True)]


def _stranded(seen: Scene, evidence: tuple[str, ...]) -> Signal:
    """Locks are Moodle's (lib/classes/lock): a connection's or a file's is freed with it, a row's after 24 hours."""
    what = (
        "An instance had to go while tasks of Moodle's cron ran on it. They are cut off, and each keeps its lock until "
        "that is released: with the instance's database connection or file handle or, if it is a row of Moodle's lock "
        "table, when it expires, within 24 hours. Until then the task does not run again."
    )
    cron = seen.site.web.cron
    stopped = f"Stopped {cron} there when it began to leave." if cron else "web.cron names no timer to stop there."
    done = (f"{stopped} Waited for what ran for as long as the site file allows.",)
    title = "A leaving instance cut off Moodle's tasks"
    return Signal(seen.site.name, KEY, "ticket", title, what, "task-stranded", seen.now, evidence, done)


def _seconds(duration: timedelta) -> str:
    return f"{max(0, round(duration.total_seconds()))} s"
