"""Frozen dataclasses from and to plain data (what JSON and DynamoDB hold), for values that were validated before.

Only the standard library, so that reading a published site costs a function no heavy import.
"""

import types
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Turn dataclasses into dicts, tuples into lists and datetimes into ISO text; None and defaults are kept."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


def from_plain(kind: type[T], data: Any) -> T:
    """Build `kind` from what `to_plain` made of it. Keys unknown to `kind` are ignored: an older writer may know more.

    Raises ValueError with the place when a needed key is missing or a value has the wrong shape.
    """
    result: T = _build(kind, data, kind.__name__)
    return result


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(kind: Any, data: Any, place: str) -> Any:
    origin = get_origin(kind)
    if origin is Annotated:
        return _build(get_args(kind)[0], data, place)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(kind) if option is not type(None)]
        return None if data is None else _build(options[0], data, place)
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{place}: expected a list, got {type(data).__name__}")
        return tuple(_build(get_args(kind)[0], item, f"{place}[{n}]") for n, item in enumerate(data))
    if is_dataclass(kind):
        return _dataclass(kind, data, place)
    return _scalar(kind, data, place)


def _dataclass(kind: Any, data: Any, place: str) -> Any:
    if not isinstance(data, dict):
        raise ValueError(  # noqa: TRY004 - one kind of error for all that can be wrong with the data
            f"{place}: expected a mapping, got {type(data).__name__}"
        )
    values = {}
    for f in fields(kind):
        if f.name in data:
            values[f.name] = _build(_hints(kind)[f.name], data[f.name], f"{place}.{f.name}")
        elif f.default is MISSING and f.default_factory is MISSING:
            raise ValueError(f"{place}.{f.name} is missing")
    return kind(**values)


def _scalar(kind: Any, data: Any, place: str) -> Any:
    if kind is datetime and isinstance(data, str):
        try:
            return datetime.fromisoformat(data)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from error
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    allowed = get_args(kind) if get_origin(kind) is Literal else None
    if data not in allowed if allowed else kind is not Any and not isinstance(data, kind):
        raise ValueError(f"{place}: {data!r} is not {allowed or kind.__name__}")
    return data
