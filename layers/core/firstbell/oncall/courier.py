"""Carries out what the desk decided: delivers to each channel, and records what became of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never
from urllib.parse import quote

from firstbell.aws import queue
from firstbell.environment import Environment
from firstbell.oncall.channels import ready
from firstbell.oncall.channels.channel import Channel, NoAnswerError, Refused, RetryLater
from firstbell.oncall.desk import Desk
from firstbell.oncall.incident import Action, GivenUp, Incident, Noted, Tell
from firstbell.oncall.message import Context, Link, no_link
from firstbell.oncall.pacing import Pace
from firstbell.site import PEOPLE, Site

SOONEST, LATEST = 10.0, 3600.0  # seconds of what a Retry-After may ask for


@dataclass
class Courier:
    """One run's deliveries. A channel that gave no answer is not waited for again in the same run.

    `ack_url` makes the address at which a notice of an incident is acknowledged, or none.
    """

    environment: Environment
    desk: Desk
    now: datetime
    count: Callable[[str], None]
    ack_url: Callable[[Incident, int], str] = no_link
    _pace: Pace = field(default_factory=Pace)
    _silent: set[tuple[str, str]] = field(default_factory=set)

    def carry(self, site: Site, action: Action) -> None:
        """Do one action. Raises DeliveryError, or what AWS says: the delivery stays pending unless it was refused."""
        match action:
            case Noted():
                return  # it is recorded, and the journal has it
            case GivenUp():
                self.count("GivenUp")
                if action.delivery.channel in self._channels(site):  # else the operator took it out of the site file
                    self._bury(action, action.why)
            case Tell():
                self._tell(site, action)
            case _:
                assert_never(action)

    def _channels(self, site: Site) -> dict[str, Channel]:
        return ready.of(site, self.environment.on_call_topic, self.now)

    def _tell(self, site: Site, tell: Tell) -> None:
        try:
            receipt = self._deliver(site, tell)
        except RetryLater as later:
            seconds = None if later.seconds is None else min(max(later.seconds, SOONEST), LATEST)
            self.desk.mark_late(tell, seconds, later.receipt)
            raise
        except Refused as refused:
            self.count("Refused")
            self._bury(tell, str(refused))
            self.desk.mark_refused(tell)
            raise
        self.desk.mark_told(tell, receipt)

    def _deliver(self, site: Site, tell: Tell) -> str:
        channel = self._channels(site)[tell.delivery.channel]
        context = Context(self.now, self.environment.runbooks, self.ack_url, _console(site, self.environment.region))
        if channel.name == PEOPLE:  # they wait for nobody
            return channel.deliver(tell, context)
        here = (site.name, channel.name)
        if here in self._silent:
            raise NoAnswerError(f"{channel.name} gave no answer a moment ago")
        try:
            with self._pace.turn(here, channel.interval):
                return channel.deliver(tell, context)
        except NoAnswerError:
            self._silent.add(here)
            raise

    def _bury(self, lost: Tell | GivenUp, why: str) -> None:
        """Put what a channel will never hear into the queue whose alarm CloudWatch itself sends to people."""
        incident, delivery = lost.incident, lost.delivery
        letter = {
            "channel": delivery.channel,
            "why": why,
            "site": incident.site,
            "key": incident.key,
            "notice": delivery.number,
            "kind": delivery.kind,
            "severity": incident.severity,
            "title": incident.title,
        }
        queue.send(self.environment.dead_letters_url, json.dumps(letter))


def _console(site: Site, region: str) -> tuple[Link, ...]:
    """The site's group in the AWS console, outside of the partitions that have consoles of their own."""
    if not region or region.startswith(("cn-", "us-gov-", "us-iso", "eusc-")):
        return ()
    place = f"https://{region}.console.aws.amazon.com/ec2/home?region={region}"
    group = quote(site.fleet.auto_scaling_group, safe="")
    return (Link("console", "AWS console", f"{place}#AutoScalingGroupDetails:id={group};view=monitoring"),)
