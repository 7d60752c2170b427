"""SQS: put a message into a queue."""

from firstbell.aws import clients


def send(url: str, body: str) -> None:
    """Put a message into the queue with this URL. Raises what AWS says."""
    clients.sqs().send_message(QueueUrl=url, MessageBody=body)
