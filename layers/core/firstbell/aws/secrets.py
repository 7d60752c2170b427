"""A secret by its reference in the site file: `ssm:/firstbell/moodle-token` or `secretsmanager:firstbell/moodle`."""

import json
from datetime import datetime

from firstbell.aws import clients, parameters


def value(reference: str, now: datetime) -> str:
    """The secret's value, without white space around it, at most five minutes old.

    Raises ValueError for an empty or unusable one, and what AWS says otherwise.
    """
    store, _, name = reference.partition(":")
    match store:
        case "ssm":
            return parameters.secret(name, now)
        case "secretsmanager":
            return parameters.kept(f"secret {name}", lambda: _secret(name), now)
        case _:
            raise ValueError(f"{store}: secrets are kept in 'ssm' or 'secretsmanager', such as ssm:/firstbell/x")


def _secret(name: str) -> str:
    """The text of a secret. The console makes a JSON object of it: then it must have exactly one value."""
    text = clients.secretsmanager().get_secret_value(SecretId=name).get("SecretString", "")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    if not isinstance(found, dict):
        return text
    if len(found) != 1 or not isinstance(only := next(iter(found.values())), str):
        raise ValueError(f"secret {name}: expected one value, or plain text")
    return only
