"""What every channel is: something that a notice can be delivered to, and that says so when it was not."""

from typing import Protocol

from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context


class DeliveryError(Exception):
    """A channel was not told; the text holds no secret, for it goes to the journal."""


class RetryLater(DeliveryError):  # noqa: N818 - what it asks for, as the decision about on-call names it
    """Not now. `seconds`: when the channel wants to be asked again, if it said so; `receipt`: what to remember."""

    def __init__(self, why: str, seconds: float | None = None, receipt: str | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.receipt = receipt


class NoAnswerError(RetryLater):
    """Nobody answered; who else is to be told shall not have to wait for the same host again."""


class Refused(DeliveryError):  # noqa: N818 - the same
    """This notice will never be taken as it is: trying it again is of no use."""


class Channel(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """What it is called in the site file, the table and messages."""

    @property
    def interval(self) -> float:
        """Seconds that it asks for between two notices."""

    def deliver(self, tell: Tell, context: Context) -> str:
        """Tell, and return what to remember for the next notice of the incident. Raises RetryLater or Refused."""
