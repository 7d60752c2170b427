"""Everything else, such as Discord, Matrix or mail: the library Apprise, which the operator adds as a layer."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from firstbell.oncall import message
from firstbell.oncall.channels.channel import Refused, RetryLater
from firstbell.oncall.channels.escaping import plain
from firstbell.oncall.channels.posting import TIMEOUT
from firstbell.oncall.incident import Tell
from firstbell.oncall.message import Context
from firstbell.oncall.signal import Severity
from firstbell.oncall.texts import WHAT, digest

LOUDNESS: dict[Severity, str] = {"page": "failure", "ticket": "warning", "info": "info"}
ABSENT = "the library 'apprise' is not installed: deploy with the layer that docs/channels.md describes"


@dataclass(frozen=True)
class Apprise:
    """The addresses, one a line, that a secret holds. Each is told once, also when others fail and are tried again."""

    name: str
    addresses: Callable[[], str]
    interval: float = 0.0

    def deliver(self, tell: Tell, context: Context) -> str:
        """Tell all addresses that this notice has not reached. Raises RetryLater, for none says why, or Refused."""
        library, notice = _library(), message.delivery_id(tell)
        known, *reached = tell.delivery.receipt.split() or [""]
        told = set(reached if known == notice else ())
        senders = {digest(address): _sender(library, address) for address in self.addresses().split()}
        waiting = [name for name in senders if name not in told]
        with ThreadPoolExecutor(len(senders)) as pool:
            taken = list(pool.map(lambda name: _send(senders[name], tell, context), waiting))
        told |= {name for name, ok in zip(waiting, taken, strict=True) if ok}
        receipt = " ".join([notice, *sorted(told)])
        if not all(taken):
            raise RetryLater(f"{taken.count(False)} of {len(senders)} addresses did not take it", receipt=receipt)
        return receipt


def _library() -> Any:
    """Apprise, silenced: what it logs may quote an address. Raises Refused when it is not there."""
    try:
        import apprise
    except ImportError:
        raise Refused(ABSENT) from None
    for name in ("apprise", "urllib3"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    return apprise


def _sender(library: Any, address: str) -> Any:
    asset = library.AppriseAsset(service_timeout=TIMEOUT)
    asset.app_id, asset.http_redirects = "Firstbell", False
    sender = library.Apprise(asset=asset)
    if not sender.add(address):
        raise Refused("one of the addresses is none that Apprise knows")
    for service in sender:
        if service.overflow_mode == library.OverflowMode.UPSTREAM:
            service.overflow_mode = library.OverflowMode.TRUNCATE  # cut a text to what the service takes
    return sender


def _send(sender: Any, tell: Tell, context: Context) -> bool:
    text = "\n".join(plain(line, WHAT) for line in message.text(tell, context).split("\n")[2:])
    loud = "success" if tell.delivery.kind == "resolved" else LOUDNESS[tell.incident.severity]
    return bool(sender.notify(text, title=plain(message.subject(tell), WHAT), notify_type=loud, body_format="text"))
