"""Is this a JSON schema: enough of JSON Schema 2020-12 to refuse what forms and scripts could not use.

Structure only, within bounds. Keywords that it does not know are the business of others and pass.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidemill.model.digits import is_index_of
from tidemill.model.errors import InvalidSchema

MAX_DEPTH: Final = 32
MAX_NODES: Final = 5000
MAX_PATTERN_CHARS: Final = 500

_TYPES: Final = frozenset({"object", "array", "string", "number", "integer", "boolean", "null"})
_TEXTS: Final = ("$schema", "$id", "$ref", "$comment", "title", "description", "format", "pattern", "contentEncoding")
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_COUNTS: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_MAPS: Final = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_LISTS: Final = ("oneOf", "anyOf", "allOf", "prefixItems")
_SINGLES: Final = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")
# Counted groups in counted groups take long to compile; the other forms are JavaScript's, which `re` does not know.
_UNTRIED: Final = re.compile(r"\)\{|\\[pPcuk]|\(\?<")


def check_schema(schema: object) -> None:
    """Refuses what is not a JSON schema. A keyword that is null counts as absent, as editors write it.

    Raises:
        InvalidSchema: something has the wrong form, a `$ref` leads outside or nowhere, or it is deeper than 32 levels
            or has more than 5000 parts. The message gives the place, such as `properties.port.type`.
    """
    if not isinstance(schema, Mapping):
        raise InvalidSchema("A schema must be a JSON object, such as {'type': 'object', 'properties': {}}.")
    for count, (place, part) in enumerate(_parts(schema, place="", depth=0)):
        if count >= MAX_NODES:
            raise InvalidSchema(f"The schema has more than {MAX_NODES} parts; split it into several types.")
        _check_keywords(part, place=place)
        reference = part.get("$ref")
        if isinstance(reference, str):
            resolve(schema, reference, place=_join(place, "$ref"))


def _parts(schema: object, *, place: str, depth: int) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every sub-schema with its place, the outermost first. `true` and `false` are schemas too, and have no parts."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise InvalidSchema(f"{place}: must be a schema (a JSON object, true or false).")
    if depth > MAX_DEPTH:
        raise InvalidSchema(f"{place[:200]}: the schema is nested deeper than {MAX_DEPTH} levels.")
    yield place, schema
    for key, child in _children(schema, place=place):
        yield from _parts(child, place=_join(place, key), depth=depth + 1)


def _children(schema: Mapping[str, object], *, place: str) -> Iterator[tuple[str, object]]:
    for keyword in _MAPS:
        for name, child in _mapping(schema, keyword, place=place).items():
            yield f"{keyword}.{name}", child
    for keyword in _LISTS:
        for index, child in enumerate(_sequence(schema, keyword, place=place)):
            yield f"{keyword}[{index}]", child
    for keyword in _SINGLES:
        if schema.get(keyword) is not None:
            yield keyword, schema[keyword]


def _check_keywords(schema: Mapping[str, object], *, place: str) -> None:
    for keyword in _TEXTS:
        _expect(schema, keyword, str, "text", place=place)
    for keyword in _NUMBERS:
        _expect(schema, keyword, (int, float), "a number", place=place)
    for keyword in _COUNTS:
        count = _expect(schema, keyword, int, "a whole number", place=place)
        if isinstance(count, int) and count < 0:
            raise InvalidSchema(f"{_join(place, keyword)}: must not be negative.")
    for keyword in ("required", "order"):
        if any(not isinstance(name, str) for name in _sequence(schema, keyword, place=place)):
            raise InvalidSchema(f"{_join(place, keyword)}: must be a list of names.")
    _sequence(schema, "enum", place=place)
    _check_type(schema.get("type"), place=_join(place, "type"))
    _check_pattern(schema.get("pattern"), place=_join(place, "pattern"))


def _check_type(given: object, *, place: str) -> None:
    names = given if isinstance(given, list) else [] if given is None else [given]
    for name in names:
        if not isinstance(name, str) or name not in _TYPES:
            raise InvalidSchema(f"{place}: {str(name)[:40]!r} is not a type; use one of {', '.join(sorted(_TYPES))}.")


def _check_pattern(pattern: object, *, place: str) -> None:
    if not isinstance(pattern, str):
        return
    if len(pattern) > MAX_PATTERN_CHARS:
        raise InvalidSchema(f"{place}: a pattern may have {MAX_PATTERN_CHARS} characters.")
    if _UNTRIED.search(pattern):
        return
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as e:
        raise InvalidSchema(f"{place}: {pattern[:80]!r} is not a regular expression.") from e


def _expect(
    schema: Mapping[str, object], keyword: str, kind: type | tuple[type, ...], called: str, *, place: str
) -> object:
    found = schema.get(keyword)
    if found is not None and (isinstance(found, bool) or not isinstance(found, kind)):
        raise InvalidSchema(f"{_join(place, keyword)}: must be {called}.")
    return found


def _mapping(schema: Mapping[str, object], keyword: str, *, place: str) -> Mapping[str, object]:
    found = schema.get(keyword)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise InvalidSchema(f"{_join(place, keyword)}: must be an object of schemas by name.")
    return found


def _sequence(schema: Mapping[str, object], keyword: str, *, place: str) -> Sequence[object]:
    found = schema.get(keyword)
    if found is None:
        return []
    # In older schemas `required: true` stands on the property itself; we take the list only.
    if not isinstance(found, list):
        raise InvalidSchema(f"{_join(place, keyword)}: must be a list.")
    return found


def resolve(root: Mapping[str, object], reference: str, *, place: str) -> object:
    """What a local reference such as `#/$defs/server` points to.

    Raises:
        InvalidSchema: it leads outside the schema, or nowhere.
    """
    if not reference.startswith("#"):
        raise InvalidSchema(f"{place}: a reference must stay in the schema, as '#/$defs/<name>' does.")
    found: object = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping) and name in found:
            found = found[name]
        elif isinstance(found, list) and is_index_of(name, found):
            found = found[int(name)]
        else:
            raise InvalidSchema(f"{place}: {reference[:80]!r} leads nowhere in the schema.")
    return found


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
