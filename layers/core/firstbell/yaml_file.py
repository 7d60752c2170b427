"""YAML that people write: read within limits and validated; each mistake named with its place, value and the cure."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

import yaml
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
Path = tuple[str | int, ...]

_KEY = re.compile(r"[\w-]{1,31}")
LARGEST = 256 * 1024
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the key's path, its line in the file (from 1; 0 unknown), and the sentence."""

    key: str
    line: int
    says: str

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line else ""
        return f"{place}{self.key}: {self.says}" if self.key else f"{place}{self.says}".lstrip()


class FileError(ValueError):
    """The file cannot be used; `problems` holds every mistake found."""

    def __init__(self, origin: str, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{origin}: {problem}" for problem in problems))


class _RefusedError(Exception):
    """This YAML is not even built; the message says why, with a place for the name of the file."""


class Loader(yaml.SafeLoader):
    """Builds no bombs: a few nested aliases are gigabytes, and deep nesting takes minutes."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, unless it is an alias or too deep."""
        if self.check_event(yaml.AliasEvent):
            raise _RefusedError("aliases (*name) are not allowed: write the value out")
        self.depth += 1
        if self.depth > DEEPEST:
            raise _RefusedError(f"nested more than {DEEPEST} levels deep: not a {{what}}")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class TextLoader(Loader):
    """Leaves dates and clock times as they are written: YAML 1.1 would make the number 795 of 13:15."""


_INT, _TIMESTAMP = "tag:yaml.org,2002:int", "tag:yaml.org,2002:timestamp"
TextLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag not in (_INT, _TIMESTAMP)]
    for first, found in Loader.yaml_implicit_resolvers.items()
}
TextLoader.add_implicit_resolver(_INT, re.compile(r"[-+]?(?:0|[1-9][0-9_]*)$"), list("-+0123456789"))


@dataclass(frozen=True)
class Reader(Generic[T]):
    """Reads one kind of file: its `adapter`, what it is called, and what is expected of it, in words.

    `check` finds mistakes that no part of the file shows on its own: the path of each, and the sentence. `private` are
    keys whose values may be secrets: no message quotes them, or what may hold them.
    """

    adapter: TypeAdapter[T]
    what: str
    expected: str
    error: type[FileError] = FileError
    loader: type[Loader] = Loader
    check: Callable[[T], Iterable[tuple[Path, str]]] = lambda _: ()
    private: frozenset[str] = frozenset()

    def read(self, text: str | bytes, origin: str) -> T:
        """Parse and validate a file. Raises `error`, with all mistakes, when it is not one."""
        if len(text) > LARGEST:
            raise self._whole(origin, f"larger than {LARGEST // 1024} KiB: not a {self.what}")
        try:
            tree, data = _parse(text, self.loader)
        except _RefusedError as refusal:
            raise self._whole(origin, str(refusal).format(what=self.what)) from refusal
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            raise self.error(origin, [_yaml_problem(error)]) from error
        if repeated := list(_repeated(tree)):
            raise self.error(origin, repeated)
        if not isinstance(data, dict):
            raise self.error(origin, [Problem("", 1, f"expected {self.expected}")])
        return self.value(data, origin, tree)

    def value(self, data: Any, origin: str, tree: yaml.Node | None = None) -> T:
        """Validate what was parsed into `tree`, or never was a file. Raises `error` with all mistakes."""
        try:
            found = self.adapter.validate_python(data)
        except ValidationError as error:
            raise self.error(origin, [self._problem(e, tree) for e in error.errors()]) from error
        if wrong := [Problem(_dotted(path), _line(path, tree), says) for path, says in self.check(found)]:
            raise self.error(origin, wrong)
        return found

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of the file, for editors."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            **self.adapter.json_schema(),
            "title": f"Firstbell {self.what}",
        }

    def _whole(self, origin: str, says: str) -> FileError:
        return self.error(origin, [Problem("", 0, says)])

    def _problem(self, error: Any, tree: yaml.Node | None) -> Problem:
        path: Path = error["loc"]
        shown = self._shown(path, error["input"])
        match error["type"]:
            case "missing" | "missing_argument":
                says = "is missing"
            case "unexpected_keyword_argument" | "extra_forbidden":
                says = f"is not a key of the {self.what}{self._similar(str(path[-1]))}"
            case "value_error":
                says = str(error["ctx"]["error"])
            case "dataclass_type":
                says = f"{shown} is wrong: it should be a mapping"
            case "tuple_type":
                says = f"{shown} is wrong: it should be a list"
            case _:
                says = f"{shown} is wrong: {error['msg'][0].lower()}{error['msg'][1:]}"
        return Problem(_dotted(path), _line(path, tree), says)

    def _shown(self, path: Path, value: object) -> str:
        """A value as an error quotes it; of one that may be a secret, or hold one, only what it is."""
        if value is None or not self.private:
            return _shown(value)
        if isinstance(value, (list, dict)):
            return "a list" if isinstance(value, list) else "a mapping"
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        return "a value that may be secret" if key in self.private else _shown(value)

    def _similar(self, key: str) -> str:
        """A question that names the key that was probably meant."""
        schema = self.adapter.json_schema()
        kinds = [schema, *schema.get("$defs", {}).values()]
        known = sorted({name for kind in kinds for name in kind.get("properties", {})})
        close = get_close_matches(key, known, n=1)
        return f"; did you mean {close[0]}?" if close else ""


def _shown(value: object) -> str:
    """A value as an error quotes it, whatever it is."""
    if isinstance(value, int) and abs(value) > 10**80:
        return "a number of more than 80 digits"
    return "an empty value" if value is None else f"{value!r:.80}"


def _parse(text: str | bytes, kind: type[Loader]) -> tuple[yaml.Node | None, Any]:
    loader = kind(text)
    try:
        tree = loader.get_single_node()
        return tree, None if tree is None else loader.construct_document(tree)
    finally:
        loader.dispose()


def _yaml_problem(error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    says = str(getattr(error, "problem", "") or str(error).splitlines()[0])
    return Problem("", mark.line + 1 if mark else 0, f"this is not YAML: {says}")


def _repeated(node: yaml.Node | None, path: Path = ()) -> Iterator[Problem]:
    """The keys that a mapping has twice: YAML would silently take the last."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            here = (*path, str(key.value))
            if here in seen:
                yield Problem(_dotted(here), key.start_mark.line + 1, "is there twice")
            seen.add(here)
            yield from _repeated(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _repeated(item, (*path, number))


def _dotted(path: Path) -> str:
    """The path in words; what cannot be a key is left out, for it may be an address with a secret in a wrong place."""
    named = (f"[{p}]" if isinstance(p, int) else f".{p}" if _KEY.fullmatch(p) else ".…" for p in path)
    return "".join(named).lstrip(".")


def _line(path: Path, node: yaml.Node | None) -> int:
    """The line of the deepest part of `path` that the file really has."""
    line = 0
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        else:
            break
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line or (node.start_mark.line + 1 if node is not None else 0)
