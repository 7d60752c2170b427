"""Carries out what the desk decided: delivers to each channel, and only then has it marked as told."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from firstbell.aws import parameters, topic
from firstbell.environment import Environment
from firstbell.oncall import message, routing, webhook
from firstbell.oncall.desk import Desk
from firstbell.oncall.incident import Action, GivenUp, Noted, Tell
from firstbell.site import Site


@dataclass
class Courier:
    """One run's deliveries. A receiver that gave no answer is not waited for again in the same run."""

    environment: Environment
    desk: Desk
    now: datetime
    count: Callable[[str], None]
    _silent: set[str] = field(default_factory=set)

    def carry(self, site: Site, action: Action) -> None:
        """Do one action. Raises DeliveryError, or what AWS says: the delivery stays pending."""
        match action:
            case Noted():
                return  # it is recorded, and the journal has it
            case GivenUp():
                self.count("GivenUp")
            case Tell():
                self._deliver(site, action)
                self.desk.mark_told(action)
            case _:
                assert_never(action)

    def _deliver(self, site: Site, tell: Tell) -> None:
        runbooks, channel = self.environment.variables.get("RUNBOOK_BASE", ""), tell.delivery.channel
        if channel == routing.PEOPLE:
            topic.publish(self.environment.on_call_topic, message.text(tell, runbooks), message.subject(tell))
            return
        if channel in self._silent:
            raise webhook.UnreachableError(f"{channel}: gave no answer a moment ago")
        receiver = routing.webhooks(site.oncall)[channel]
        secret = parameters.secret(receiver.secret, self.now) if receiver.secret else ""
        try:
            webhook.send(receiver.url, message.body(tell, runbooks), message.delivery_id(tell), secret, self.now)
        except webhook.UnreachableError:
            self._silent.add(channel)
            raise
