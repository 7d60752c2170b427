"""The site file: YAML in, a validated `Site` out; each mistake named with its place, value and what was expected."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from firstbell.site import Site

LARGEST = 256 * 1024
DEEPEST = 20
_adapter = TypeAdapter(Site)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the key's path, its line in the file (from 1; 0 unknown), and the sentence."""

    key: str
    line: int
    says: str

    def __str__(self) -> str:
        place = f"line {self.line}, " if self.line else ""
        return f"{place}{self.key}: {self.says}" if self.key else f"{place}{self.says}".lstrip()


class SiteFileError(ValueError):
    """The site file cannot be used; `problems` holds every mistake found."""

    def __init__(self, origin: str, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(f"{origin}: {problem}" for problem in problems))

    @classmethod
    def because(cls, origin: str, says: str) -> "SiteFileError":
        """An error about the file as a whole."""
        return cls(origin, [Problem("", 0, says)])


def read_site(text: str | bytes, origin: str = "site.yaml") -> Site:
    """Parse and validate a site file. Raises SiteFileError, with all mistakes, when it is not one."""
    if len(text) > LARGEST:
        raise SiteFileError.because(origin, f"larger than {LARGEST // 1024} KiB: not a site file")
    try:
        refusal = _refusal(text)
        tree = None if refusal else yaml.compose(text, Loader=yaml.SafeLoader)
        data = {} if refusal else yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SiteFileError(origin, [_yaml_problem(error)]) from error
    if refusal:
        raise SiteFileError.because(origin, refusal)
    if repeated := list(_repeated(tree)):
        raise SiteFileError(origin, repeated)
    if not isinstance(data, dict):
        raise SiteFileError(origin, [Problem("", 1, "expected a mapping with name, timezone and fleet")])
    try:
        return _adapter.validate_python(data).of_its_type
    except ValidationError as error:
        raise SiteFileError(origin, [_problem(e, tree) for e in error.errors()]) from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of the site file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_adapter.json_schema(),
        "title": "Firstbell site file",
    }


def _refusal(text: str | bytes) -> str:
    """Why this YAML is not even built: a few nested aliases are a bomb of gigabytes, and deep nesting takes minutes."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            return "aliases (*name) are not allowed: write the value out"
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            return f"nested more than {DEEPEST} levels deep: not a site file"
    return ""


def _yaml_problem(error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    says = str(getattr(error, "problem", "") or str(error).splitlines()[0])
    return Problem("", mark.line + 1 if mark else 0, f"this is not YAML: {says}")


def _problem(error: Any, tree: yaml.Node | None) -> Problem:
    path: tuple[str | int, ...] = error["loc"]
    match error["type"]:
        case "missing" | "missing_argument":
            says = "is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            says = f"is not a key of the site file{_similar(str(path[-1]))}"
        case "value_error":
            says = str(error["ctx"]["error"])
        case "dataclass_type":
            says = f"{_shown(error['input'])} is wrong: it should be a mapping"
        case "tuple_type":
            says = f"{_shown(error['input'])} is wrong: it should be a list"
        case _:
            says = f"{_shown(error['input'])} is wrong: {error['msg'][0].lower()}{error['msg'][1:]}"
    return Problem(_dotted(path), _line(path, tree), says)


def _shown(value: object) -> str:
    if isinstance(value, int) and abs(value) > 10**80:
        return "a number of more than 80 digits"
    return "an empty value" if value is None else f"{value!r:.80}"


def _repeated(node: yaml.Node | None, path: tuple[str | int, ...] = ()) -> Iterator[Problem]:
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


def _similar(key: str) -> str:
    """A question that names the key that was probably meant."""
    schema = _adapter.json_schema()
    kinds = [schema, *schema.get("$defs", {}).values()]
    known = sorted({name for kind in kinds for name in kind.get("properties", {})})
    close = get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _dotted(path: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")


def _line(path: tuple[str | int, ...], node: yaml.Node | None) -> int:
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
