"""People: the on-call topic, whose subscribers are e-mail addresses and telephones."""

from dataclasses import dataclass

from firstbell.aws import topic
from firstbell.oncall import message
from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context
from firstbell.site import PEOPLE


@dataclass(frozen=True)
class People:
    """The topic by its ARN."""

    topic: str
    name: str = PEOPLE
    interval: float = 0.0

    def deliver(self, tell: Tell, context: Context) -> str:
        """Publish a notice. Raises what AWS says: without this channel, nothing is refused, but tried again."""
        topic.publish(self.topic, message.text(tell, context), message.subject(tell))
        return ""
