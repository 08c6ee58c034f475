"""Reads YAML 1.2 (and so JSON) into plain values by the core schema, and remembers on which line each object begins.

`no` is a text and so is `2024-01-02`; a key that is there twice, tags and aliases are refused.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from tidemill.engine.documents.bson_tree import MAX_DEPTH, Tree, Unfit, fitting
from tidemill.engine.documents.exact_number import exact_float
from tidemill.model.errors import InvalidScript

MAX_INT_DIGITS: Final = 4000

_NULL: Final = frozenset({"null", "Null", "NULL", "~", ""})
_BOOL: Final = {text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INTEGER: Final = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


class Located(dict[str, Tree]):
    """An object of the script. `line` is where it begins, from 1."""

    line: int = 1


def read_documents(text: str, *, first_line: int = 1) -> list[Located]:
    """The documents of `text`, parted by `---`; empty ones are left out.

    Raises:
        InvalidScript: it is neither YAML nor JSON, or a document is not an object; the message names the line.
    """
    try:
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        as_json = _json(text, first_line)
        if as_json is not None:
            return [as_json]
        mark = error.problem_mark or error.context_mark
        place = f"Line {mark.line + first_line}, column {mark.column + 1}: " if mark else ""
        raise InvalidScript(f"{place}{error.problem or error.context}.") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InvalidScript(f"The script is not YAML: {str(error)[:200]}.") from error
    return [_document(node, first_line) for node in nodes if not _is_empty(node)]


class _Loader(yaml.SafeLoader):
    """PyYAML's, without aliases, for an alias of an alias makes small texts huge, and without tags."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not taken", problem_mark=mark)
        if getattr(event, "tag", None) is not None:
            raise yaml.MarkedYAMLError(problem="tags (!name) are not taken", problem_mark=mark)
        return super().compose_node(parent, index)


def _is_empty(node: yaml.Node | None) -> bool:
    return node is None or (isinstance(node, yaml.ScalarNode) and node.style is None and node.value == "")


def _document(node: yaml.Node, first_line: int) -> Located:
    document = _Builder(first_line).value(node)
    if not isinstance(document, Located):
        raise InvalidScript(f"Line {node.start_mark.line + first_line}: a script is an object, such as `find: {{}}`.")
    return document


class _Builder:
    """Makes values of YAML's nodes."""

    def __init__(self, first_line: int) -> None:
        self._first_line = first_line

    def value(self, node: yaml.Node, depth: int = 0) -> Tree:
        line = node.start_mark.line + self._first_line
        if depth > MAX_DEPTH:
            raise InvalidScript(f"Line {line}: it is nested deeper than {MAX_DEPTH} levels.")
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, line, depth)
        try:
            is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
            return _scalar(node.value) if is_plain else whole(node.value)
        except Unfit as error:
            raise InvalidScript(f"Line {line}: {error}.") from error

    def _mapping(self, node: yaml.MappingNode, line: int, depth: int) -> Located:
        found = Located()
        found.line = line
        for name, value in self._members(node, depth):
            if name in found:
                raise InvalidScript(f"Line {line}: the key {name[:80]!r} is there twice.")
            found[name] = value
        return found

    def _members(self, node: yaml.MappingNode, depth: int) -> Iterator[tuple[str, Tree]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidScript(f"Line {key.start_mark.line + self._first_line}: a key must be text.")
            yield whole(key.value), self.value(value, depth + 1)


def whole(text: str) -> str:
    """`text` with the two halves of each character that was written as two escapes put together."""
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise Unfit("a text holds half of a surrogate pair") from error


def _scalar(text: str) -> Tree:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_INT_DIGITS:
            raise Unfit(f"an integer has more than {MAX_INT_DIGITS} digits")
        return fitting(int(text, 0 if text[:2] in {"0o", "0x"} else 10))
    if _FLOAT.fullmatch(text):
        return exact_float(text)
    if match := _SPECIAL.fullmatch(text):
        return float("nan") if match[1] is None else float(f"{match[1]}inf")
    return whole(text)


def _json(text: str, first_line: int) -> Located | None:
    """JSON that PyYAML does not take (indented with tabs), or None."""
    try:
        value: Tree = json.loads(text, object_pairs_hook=_object, parse_float=exact_float)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, Located):
        value.line = first_line
        return value
    return None


def _object(pairs: list[tuple[str, Tree]]) -> Located:
    found = Located(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found
