"""The bucket of site files and calendars."""

from dataclasses import dataclass

from firstbell.aws import clients


class TooLargeError(Exception):
    """An object has more bytes than its reader wants; the message says how many."""


@dataclass(frozen=True, slots=True)
class Found:
    """An object that is there; `etag` changes whenever its bytes do."""

    key: str
    etag: str
    size: int


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket called `name`."""

    name: str

    def list(self, prefix: str) -> list[Found]:
        """The objects whose keys begin with `prefix`, by key."""
        pages = clients.s3().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [Found(o["Key"], o["ETag"], o["Size"]) for page in pages for o in page.get("Contents", [])]

    def read(self, key: str, largest: int) -> bytes:
        """The bytes of an object. Raises TooLargeError when it is larger than `largest` bytes, before reading them."""
        return self._get(key, largest)[0]

    def find(self, key: str, largest: int) -> tuple[bytes, str] | None:
        """The bytes of an object and its etag, which is wanted back by `replace`; None when there is no such object.

        Without s3:ListBucket, S3 calls an object that is not there forbidden (its API reference, GetObject).
        """
        try:
            return self._get(key, largest)
        except Exception as error:
            if clients.error_code(error) == "NoSuchKey":
                return None
            raise

    def replace(self, key: str, text: bytes, etag: str | None) -> bool:
        """Write an object if it still has `etag` (None: if there is none yet). False: somebody was faster.

        S3 answers 412 when it has changed, 409 when it changes at this moment, 404 when it was deleted since (its user
        guide, conditional writes). When the answer to a write is lost, boto3 repeats it, and that too finds a change.
        """
        try:
            if etag is None:
                clients.s3().put_object(Bucket=self.name, Key=key, Body=text, IfNoneMatch="*")
            else:
                clients.s3().put_object(Bucket=self.name, Key=key, Body=text, IfMatch=etag)
        except Exception as error:
            if clients.error_code(error) in ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"):
                return False
            raise
        return True

    def put(self, key: str, body: bytes) -> None:
        """Write an object, whatever was there before."""
        clients.s3().put_object(Bucket=self.name, Key=key, Body=body)

    def _get(self, key: str, largest: int) -> tuple[bytes, str]:
        answer = clients.s3().get_object(Bucket=self.name, Key=key)
        if answer["ContentLength"] > largest:
            raise TooLargeError(f"{key} has {answer['ContentLength']:,} bytes; at most {largest:,} are read")
        return answer["Body"].read(), answer["ETag"]
