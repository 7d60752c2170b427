"""The gateway between boto3 and the models: answers API calls in-process, before botocore would build a request.

It uses the path of botocore's own Stubber: a `before-call` handler that returns a response, so that client-side
parameter validation, error classes and pagination are the real ones. Storage-like services go on to moto.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.model import OperationModel
from botocore.session import get_session
from moto import mock_aws
from moto.moto_api._internal import mock_random

from simulator.cloud.answers import Answers
from simulator.cloud.faults import Faults
from simulator.cloud.ground import Account, Identifiers, Json, Operations
from simulator.engine import Engine

MOTO = frozenset({"s3", "sns", "sqs", "sts"})
MOTO_OPERATIONS = frozenset(
    ("ssm", name)
    for name in ("GetParameter", "GetParameters", "GetParametersByPath", "PutParameter", "DeleteParameter")
)

_PARAMETERS = "firstbell_twin_parameters"
_installed: list["Gateway"] = []

Response = tuple[AWSResponse, Json]


class ApiError(Exception):
    """What a model raises to refuse a call; the caller sees botocore's ClientError with this code and `fields`."""

    def __init__(self, code: str, message: str, status: int = 400, fields: Json | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}


class UnmodelledOperationError(NotImplementedError):
    """An operation was called that neither a model nor moto answers; nothing in the twin reaches a network."""


class Gateway:
    """Answers the boto3 calls of one run; `calls` counts them by "service.Operation", `faults` may be set at any time.

    Clients must be made inside `installed()`; one that was kept from an earlier run is answered by the present one.
    """

    def __init__(self, engine: Engine, account: Account | None = None, faults: Faults | None = None) -> None:
        self.engine = engine
        self.account = account or Account()
        self.faults = faults or Faults()
        self.calls: Counter[str] = Counter()
        self._operations: Operations = {}
        self._answers = Answers()
        self._random = engine.random("api")
        self._requests = Identifiers(engine, "requests")

    def serve(self, *models: Operations) -> None:
        """Add the operations of models; a later model replaces an operation of an earlier one."""
        for operations in models:
            self._operations.update(operations)

    @contextmanager
    def installed(self) -> Iterator["Gateway"]:
        """Within it, boto3's default session (and moto) is this run's; leaving restores what was before."""
        with mock_aws():
            mock_random.seed(self.engine.seed)  # moto's own identifiers are part of "one seed, one run"
            boto3.DEFAULT_SESSION = _session(self.account.region)
            _installed.append(self)
            try:
                yield self
            finally:
                _installed.remove(self)

    def answer(self, operation: OperationModel, params: Json) -> Response | None:
        """The response to a call, or None for one that moto answers.

        Raises UnmodelledOperationError for an operation that nobody knows and WrongAnswerError for a model's defect.
        """
        service, name = operation.service_model.service_name, operation.name
        model = self._operations.get((service, name))
        if model is None and service not in MOTO and (service, name) not in MOTO_OPERATIONS:
            raise UnmodelledOperationError(f"the twin has no model of {service}.{name}; called with {params}")
        self.calls[f"{service}.{name}"] += 1
        failure = self.faults.draw(service, name, self._random)
        if failure is not None:
            return self._refuse(ApiError(*failure))
        if model is None:
            return None
        try:
            answer = model(params) or {}
        except ApiError as error:
            return self._refuse(error)
        self._answers.check(operation, answer)
        return self._respond(200, answer)

    def _refuse(self, error: ApiError) -> Response:
        kind = "Sender" if error.status < 500 else "Receiver"
        told = {"Type": kind, "Code": error.code, "Message": error.message}
        return self._respond(error.status, {**error.fields, "Error": told})

    def _respond(self, status: int, body: Json) -> Response:
        metadata = {
            "RequestId": self._requests.uuid(),
            "HTTPStatusCode": status,
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        }
        return AWSResponse("twin://", status, HTTPHeaders(), None), {**body, "ResponseMetadata": metadata}


@cache
def _session(region: str) -> boto3.Session:
    """A session with the gateway's handlers; kept, because sessions load service models from large files."""
    core = get_session()
    core.set_default_client_config(Config(user_agent="twin"))  # the long one is put together anew for every call
    session = boto3.Session("twin", "twin", region_name=region, botocore_session=core)
    session.events.register("before-parameter-build", _remember_parameters)
    session.events.register("before-call", _answer_with_installed)
    return session


def _remember_parameters(**event: Any) -> None:
    event["context"][_PARAMETERS] = event["params"]  # `before-call` itself sees only the serialised request


def _answer_with_installed(**event: Any) -> Any:  # a Response, or None: whoever comes next
    operation: OperationModel = event["model"]
    if not _installed:
        raise UnmodelledOperationError(f"{operation.name} was called through a client of a twin that is gone")
    return _installed[-1].answer(operation, event["context"][_PARAMETERS])
