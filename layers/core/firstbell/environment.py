"""What a function is told by its environment variables, read inside the handler and never at import."""

import os
from dataclasses import dataclass


class MissingVariableError(Exception):
    """An environment variable that the function needs is not set; the message names it and the cure."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The names of the deployed things that a function works with; raises MissingVariableError for one not set."""

    variables: dict[str, str]

    @classmethod
    def of_process(cls) -> "Environment":
        """The environment of this process."""
        return cls(dict(os.environ))

    def _get(self, name: str) -> str:
        value = self.variables.get(name, "")
        if not value:
            raise MissingVariableError(
                f"environment variable {name} is not set: template.yaml sets it for every function"
            )
        return value

    @property
    def table(self) -> str:
        """The DynamoDB table that holds all state."""
        return self._get("TABLE_NAME")

    @property
    def bucket(self) -> str:
        """The bucket with `sites/<name>/site.yaml` and the calendars beside it."""
        return self._get("BUCKET_NAME")

    @property
    def notifications_topic(self) -> str:
        """The topic for everything that may want a person; `notify_on_call` listens there."""
        return self._get("NOTIFICATIONS_TOPIC_ARN")

    @property
    def on_call_topic(self) -> str:
        """The topic whose subscribers are people (e-mail, SMS)."""
        return self._get("ON_CALL_TOPIC_ARN")

    @property
    def probe_document(self) -> str:
        """The SSM document that runs the mount probe on an instance."""
        return self._get("PROBE_DOCUMENT")

    @property
    def schedule_group(self) -> str:
        """The group of EventBridge Scheduler's schedules with the returns that AWS makes."""
        return self._get("SCHEDULE_GROUP")

    @property
    def returns_role(self) -> str:
        """ARN of the role with which AWS makes them."""
        return self._get("RETURNS_ROLE_ARN")

    @property
    def dead_letters(self) -> str:
        """ARN of the queue of what could not be delivered or done."""
        return self._get("DEAD_LETTERS_ARN")

    @property
    def dead_letters_url(self) -> str:
        """The same queue by its URL, as SQS wants it from who sends to it."""
        return self._get("DEAD_LETTERS_URL")

    @property
    def runbooks(self) -> str:
        """Where the runbooks' pages are, as an address; empty when they have none."""
        return self.variables.get("RUNBOOK_BASE", "")

    @property
    def region(self) -> str:
        """The AWS region, which Lambda itself sets."""
        return self.variables.get("AWS_REGION", "")

    @property
    def acknowledge_url(self) -> str:
        """Where links for acknowledging lead; empty when there are none."""
        return self.variables.get("ACKNOWLEDGE_URL", "")

    @property
    def acknowledge_key(self) -> str:
        """The SSM parameter with the key that signs these links."""
        return self._get("ACKNOWLEDGE_KEY")

    @property
    def alarm_prefix(self) -> str:
        """What the names of the alarms begin with that Firstbell answers."""
        return self.variables.get("ALARM_NAME_PREFIX", "firstbell-")
