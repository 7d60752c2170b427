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
        answer = clients.s3().get_object(Bucket=self.name, Key=key)
        if answer["ContentLength"] > largest:
            raise TooLargeError(f"{key} has {answer['ContentLength']:,} bytes; at most {largest:,} are read")
        return answer["Body"].read()
