"""An AWS in virtual time: models of the services that answer the real boto3 calls of the real handlers, in-process."""

from simulator.cloud.faults import Faults
from simulator.cloud.gateway import ApiError, Gateway, UnmodelledOperationError
from simulator.cloud.ground import Account, Ground

__all__ = ["Account", "ApiError", "Faults", "Gateway", "Ground", "UnmodelledOperationError"]
