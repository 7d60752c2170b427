"""A State Manager association that does nothing but run, and so says by its events that an agent is there."""

from simulator.cloud.ground import Ground, Json, zulu

FIRST_RUN = (1.0, 4.0)  # seconds from the agent's coming to the association's success; AWS gives no number
KIND = "EC2 State Manager Instance Association State Change"


class Association:
    """The association `association_id` of `document`, which targets every instance."""

    def __init__(self, ground: Ground, association_id: str, document: str = "AWS-RunShellScript") -> None:
        self._ground = ground
        self._random = ground.engine.random("ssm-associations")
        self._id = association_id
        self._document = document
        self._created = ground.engine.now

    def run(self, instance_id: str) -> None:
        """It runs there for the first time: pending, and soon a success."""
        success = self._random.uniform(*FIRST_RUN)
        for status, delay in (("Pending", success / 2), ("Success", success)):
            self._ground.engine.after(delay, self._announce, instance_id, status)

    def _announce(self, instance_id: str, status: str) -> None:
        account, now = self._ground.account, zulu(self._ground.engine.now)
        detail: Json = {
            "association-id": self._id,
            "instance-id": instance_id,
            "document-name": self._document,
            "document-version": "$DEFAULT",
            "targets": f'[{{"key":"instanceids","values":["{instance_id}"]}}]',
            "creation-date": zulu(self._created),
            "last-execution-date": now,
            "status": status,
            "detailed-status": status,
            "instance-association-cwe-version": "1",
        }
        document = f"arn:aws:ssm:{account.region}::document/{self._document}"
        self._ground.publish("aws.ssm", KIND, [account.arn("ec2", f"instance/{instance_id}"), document], detail)
