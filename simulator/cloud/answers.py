"""Checks a model's answers against botocore's own output shapes: the twin must not answer what AWS never would."""

from datetime import datetime
from typing import Any

from botocore.model import OperationModel
from botocore.validate import ParamValidator

from simulator.cloud.ground import Json


class WrongAnswerError(AssertionError):
    """A model answered something that does not fit the operation's output shape: a defect of the twin."""


class AnswerValidator(ParamValidator):
    """botocore's parameter validator, stricter about timestamps: an answer carries aware datetimes only."""

    def _validate_timestamp(self, param: Any, shape: Any, errors: Any, name: str) -> None:  # noqa: ARG002 - overrides
        if not isinstance(param, datetime) or param.tzinfo is None:
            errors.report(name, "invalid type", param=param, valid_types=["timezone-aware datetime"])


class Answers:
    """Validates answers, skipping one that equals the last valid answer of its operation (polling mostly does)."""

    def __init__(self) -> None:
        self._validator = AnswerValidator()
        self._valid: dict[str, Json] = {}

    def check(self, operation: OperationModel, answer: Json) -> None:
        """Raise WrongAnswerError unless `answer` fits the output shape of `operation`."""
        name = f"{operation.service_model.service_name}.{operation.name}"
        if name in self._valid and self._valid[name] == answer:
            return
        if operation.output_shape is None:
            if answer:
                raise WrongAnswerError(f"{name} has no output, yet the model answered {answer!r}")
        else:
            errors = self._validator.validate(answer, operation.output_shape)
            if errors.has_errors():
                raise WrongAnswerError(f"{name}: {errors.generate_report()}")
        self._valid[name] = answer
