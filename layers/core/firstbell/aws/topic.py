"""SNS: publish a message."""

from firstbell.aws import clients


def publish(topic: str, message: str, subject: str = "") -> None:
    """Publish to a topic. The subject is cut to what SNS takes: 100 ASCII characters without line breaks."""
    plain = subject.encode("ascii", "replace").decode().replace("\n", " ").strip()[:100]
    request: dict[str, str] = {"TopicArn": topic, "Message": message} | ({"Subject": plain} if plain else {})
    clients.sns().publish(**request)  # type: ignore[arg-type]  # a plain dict: Subject may be absent
