"""What a value of an operator's file may be, said beside it: limits, patterns, checks and help.

These speak pydantic's protocol without importing it, so that decisions can use the values with the standard library.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Within:
    """Limits of a number, both included."""

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Put the limits on pydantic's schema of the number (inside one that allows none); it takes no yes or "3"."""
        found, limits = handler(source), {"ge": self.low, "le": self.high, "strict": True}
        if found["type"] == "nullable":
            return {**found, "schema": {**found["schema"], **limits}}
        return {**found, **limits} | ({"allow_inf_nan": False} if found["type"] == "float" else {})


@dataclass(frozen=True)
class Matching:
    """A regular expression that a text must match as a whole, and `expected`: what it asks for, in words."""

    pattern: str
    expected: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Put the pattern on pydantic's schema of the text, with an error that a person understands."""
        return {
            "type": "custom-error",
            "schema": {**handler(source), "pattern": f"^(?:{self.pattern})$"},
            "custom_error_type": "unexpected",
            "custom_error_message": f"expected {self.expected}",
        }


@dataclass(frozen=True)
class Checked:
    """A check of a text; it raises ValueError with the sentence for people."""

    check: Callable[[str], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Let pydantic run the check, so that what it says is said of this key."""
        return {
            "type": "function-after",
            "schema": handler(source),
            "function": {"type": "no-info", "function": self._run},
        }

    def _run(self, text: str) -> str:
        self.check(text)
        return text


@dataclass(frozen=True)
class Help:
    """What a key means, for people: it becomes the description in the JSON Schema."""

    text: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        """Put the text into the JSON Schema."""
        return {**handler(schema), "description": self.text}


def zone(name: str) -> ZoneInfo:
    """The time zone called `name`. Raises ValueError with the sentence for people."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from error


class Strict:
    """Unknown keys are errors: a typing mistake must not silently become a default."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
