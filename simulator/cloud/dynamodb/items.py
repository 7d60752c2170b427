"""Items as the model keeps them, and the order and the pages in which a query finds them."""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field

from simulator.cloud.gateway import ApiError
from simulator.cloud.ground import Json

LARGEST = 400 * 1024  # bytes of an item, names included (developer guide, quotas)
PAGE = 1024 * 1024  # bytes that a query reads at most (API reference, Query)
KEY_BYTES = {"HASH": 2048, "RANGE": 1024}  # the longest keys (developer guide, quotas)

Value = tuple[str, str | bytes]
"""An attribute's type (S, N or B) and its value; a number is written in digits."""
Attributes = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Item:
    """An item and its size in bytes."""

    attributes: Attributes
    size: int


def invalid(message: str) -> ApiError:
    """The refusal of a request that can never succeed."""
    return ApiError("ValidationException", message)


def value(given: Json) -> Value:
    """A value of boto3's. Raises NotImplementedError for types, and kinds of numbers, that Firstbell does not keep."""
    [(kind, content)] = given.items()
    whole = kind != "N" or (content.removeprefix("-").isdecimal() and content == str(int(content)))
    if kind not in ("S", "N", "B") or not isinstance(content, bytes if kind == "B" else str) or not whole:
        raise NotImplementedError(f"the twin's DynamoDB keeps texts, whole numbers and bytes only, not {given}")
    return kind, content


def item(attributes: Attributes) -> Item:
    """An item of these attributes. Raises ApiError when it is too large."""
    size = sum(_size("S", name) + _size(*value) for name, value in attributes.items())
    if size > LARGEST:
        raise invalid("Item size has exceeded the maximum allowed size")
    return Item(attributes, size)


def plain(found: Item) -> Json:
    """An item in boto3's form; the caller may change it."""
    return {name: {kind: content} for name, (kind, content) in found.attributes.items()}


def _size(kind: str, content: str | bytes) -> int:
    if kind == "N":  # "approximately": a byte for two digits and one more (developer guide, item sizes)
        return (len(content) + 1) // 2 + 1
    return len(content) if isinstance(content, bytes) or content.isascii() else len(content.encode())


@dataclass(slots=True)
class Partition:
    """The items of one partition by sort key, in the order of its UTF-8 bytes, which is Python's order of texts."""

    items: dict[str, Item] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)

    def put(self, key: str, new: Item) -> None:
        """Keep an item under `key`."""
        if key not in self.items:
            insort(self._order, key)
        self.items[key] = new

    def delete(self, key: str) -> None:
        """Remove the item under `key` if there is one."""
        if self.items.pop(key, None) is not None:
            del self._order[bisect_left(self._order, key)]

    def page(self, prefix: str, forward: bool, limit: int, after: str | None) -> tuple[list[Item], str | None]:
        """Items whose key begins with `prefix`, those behind `after`, and the last key if there may be more.

        As in AWS a page that ends by its `limit` (0: none) does not look whether anything follows.
        """
        order = self._order
        low = bisect_left(order, prefix)
        high = bisect_left(order, True, low, key=lambda key: not key.startswith(prefix))
        if after is not None and forward:
            low = max(low, bisect_right(order, after))
        elif after is not None:
            high = min(high, bisect_left(order, after))
        keys = order[low:high]
        if not forward:
            keys.reverse()
        count = self._fitting(keys)
        count = min(count, limit) if limit else count
        last = keys[count - 1] if count < len(keys) or count == limit > 0 else None
        return [self.items[key] for key in keys[:count]], last

    def _fitting(self, keys: list[str]) -> int:
        """How many of the items are a page."""
        size = 0
        for count, key in enumerate(keys):
            size += self.items[key].size
            if size > PAGE:
                return count
        return len(keys)
