"""SNS: publish a message."""

from firstbell.aws import clients


def publish(topic: str, message: str, subject: str = "") -> None:
    """Publish to a topic. The subject is cut to what SNS takes: under 100 printable ASCII characters."""
    printable = "".join(c if c.isprintable() else " " for c in subject.encode("ascii", "replace").decode())
    plain = " ".join(printable.split())[:99].rstrip()
    request: dict[str, str] = {"TopicArn": topic, "Message": message} | ({"Subject": plain} if plain else {})
    clients.sns().publish(**request)  # type: ignore[arg-type]  # a plain dict: Subject may be absent
