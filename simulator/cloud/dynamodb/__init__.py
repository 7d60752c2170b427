"""A model of DynamoDB, as much of it as Firstbell uses; what it does not know it refuses with NotImplementedError."""

from simulator.cloud.dynamodb.model import DynamoDb

__all__ = ["DynamoDb"]
