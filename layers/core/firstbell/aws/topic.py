"""SNS: publish a message."""

from firstbell.aws import clients

MOST = 262_144  # bytes of a message (SNS API reference, Publish)


def publish(topic: str, message: str, subject: str = "") -> None:
    """Publish to a topic, cut to what SNS takes: a subject under 100 printable ASCII characters, 256 KB of message."""
    printable = "".join(c if c.isprintable() else " " for c in subject.encode("ascii", "replace").decode())
    plain = " ".join(printable.split())[:99].rstrip()
    request: dict[str, str] = {"TopicArn": topic, "Message": fitting(message)} | ({"Subject": plain} if plain else {})
    clients.sns().publish(**request)  # type: ignore[arg-type]  # a plain dict: Subject may be absent


def fitting(message: str) -> str:
    """The message as SNS takes it: in UTF-8 at most 256 KB, without half a character at the end."""
    return message.encode("utf-8", "replace")[:MOST].decode("utf-8", "ignore")
