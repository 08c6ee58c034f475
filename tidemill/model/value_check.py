"""Does a value fit a JSON schema: sentences for a form, not a full validator.

A full one would be a dependency, and open to patterns and references that never end.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tidemill.model.schema_check import MAX_DEPTH, resolve

MAX_PROBLEMS: Final = 50
MAX_STEPS: Final = 20_000
MAX_MATCHED_CHARS: Final = 2000

_REFERENCE: Final = re.compile(r"\$(?:var|res):.+")
# A quantified group, a back reference or a look-around is where matching can take exponential time.
_COSTLY: Final = re.compile(r"\)[*+?{]|\\[1-9]|\(\?[=!<P]")
_UNBOUNDED: Final = re.compile(r"[*+]|\{\d*,\d*\}")
_SPOKEN: Final = {
    "object": "an object",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def validate_value(schema: Mapping[str, object], value: object) -> list[str]:
    """What does not fit, as sentences for a form, at most 50; empty when all is well.

    The sentences never hold the value: it may be a secret. A string `$var:…` or `$res:…` fits everywhere, as it is
    replaced later. What would take long (a costly pattern, more than 20 000 comparisons) is not tried and passes.
    `schema` must have passed `check_schema`.
    """
    check = _Check(schema)
    problems: list[str] = []
    for problem in check.problems(schema, value, place="", depth=0):
        problems.append(problem)
        if len(problems) == MAX_PROBLEMS:
            break
    return problems


class _Check:
    """One validation: the whole schema, for its references, and how many steps are left."""

    def __init__(self, root: Mapping[str, object]) -> None:
        self._root = root
        self._steps_left = MAX_STEPS

    def problems(self, schema: object, value: object, *, place: str, depth: int) -> Iterator[str]:
        self._steps_left -= 1
        if schema is False:
            yield f"{place or 'value'}: is not allowed."
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH or self._steps_left < 0 or _is_reference(value):
            return
        reference = schema.get("$ref")
        if isinstance(reference, str):
            target = resolve(self._root, reference, place=place)
            yield from self.problems(target, value, place=place, depth=depth + 1)
        wrong = list(_own_problems(schema, value))
        yield from (f"{place or 'value'}: {text}" for text in wrong)
        if not wrong:
            yield from self._inner(schema, value, place=place, depth=depth + 1)
            yield from self._choices(schema, value, place=place, depth=depth + 1)

    def _inner(self, schema: Mapping[str, object], value: object, *, place: str, depth: int) -> Iterator[str]:
        if isinstance(value, Mapping):
            known = schema.get("properties")
            known = known if isinstance(known, Mapping) else {}
            yield from (f"{_join(place, str(name))}: is required." for name in _missing(schema, value))
            rest = schema.get("additionalProperties", True)
            for name, inner in value.items():
                yield from self.problems(known.get(name, rest), inner, place=_join(place, name), depth=depth)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                yield from self.problems(schema.get("items"), inner, place=f"{place}[{index}]", depth=depth)

    def _choices(self, schema: Mapping[str, object], value: object, *, place: str, depth: int) -> Iterator[str]:
        for part in _listed(schema, "allOf"):
            yield from self.problems(part, value, place=place, depth=depth)
        for keyword in ("anyOf", "oneOf"):
            forms = _listed(schema, keyword)
            fits = (next(self.problems(form, value, place=place, depth=depth), None) is None for form in forms)
            if forms and not any(fits):
                yield f"{place or 'value'}: does not fit any of the {len(forms)} forms that it may have."


def _own_problems(schema: Mapping[str, object], value: object) -> Iterator[str]:
    given = schema.get("type")
    kinds = [str(kind) for kind in (given if isinstance(given, list) else [] if given is None else [given])]
    if kinds and not any(_is_of(value, kind) for kind in kinds):
        yield f"must be {' or '.join(_SPOKEN[kind] for kind in kinds)}, not {_SPOKEN[_kind(value)]}."
        return
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(_same(value, choice) for choice in choices):
        yield f"must be one of {', '.join(map(str, choices))[:200]}."
    if "const" in schema and not _same(value, schema["const"]):
        yield f"must be {str(schema['const'])[:80]}."
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from _number_problems(schema, value)
    if isinstance(value, str):
        yield from _text_problems(schema, value)
    if isinstance(value, list):
        yield from _count_problems(schema, len(value), least="minItems", most="maxItems", called="entries")


def _number_problems(schema: Mapping[str, object], value: float) -> Iterator[str]:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if isinstance(least, int | float) and value < least:
        yield f"must be at least {least}."
    if isinstance(most, int | float) and value > most:
        yield f"must be at most {most}."
    if isinstance(above, int | float) and value <= above:
        yield f"must be more than {above}."
    if isinstance(below, int | float) and value >= below:
        yield f"must be less than {below}."


def _text_problems(schema: Mapping[str, object], value: str) -> Iterator[str]:
    yield from _count_problems(schema, len(value), least="minLength", most="maxLength", called="characters")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and len(value) <= MAX_MATCHED_CHARS and _is_cheap(pattern):
        try:
            fits = re.search(pattern, value) is not None
        except re.error:  # a pattern in JavaScript's dialect
            fits = True
        if not fits:
            yield f"must match {pattern[:80]}."


def _count_problems(schema: Mapping[str, object], count: int, *, least: str, most: str, called: str) -> Iterator[str]:
    low, high = schema.get(least), schema.get(most)
    if isinstance(low, int) and count < low:
        yield f"must have at least {low} {called}."
    if isinstance(high, int) and count > high:
        yield f"must have at most {high} {called}."


def _is_cheap(pattern: str) -> bool:
    """Whether a match takes at most quadratic time: one open quantifier, tried from each place in the text."""
    return not _COSTLY.search(pattern) and len(_UNBOUNDED.findall(pattern)) <= 1


def _is_reference(value: object) -> bool:
    return isinstance(value, str) and _REFERENCE.fullmatch(value) is not None


def _missing(schema: Mapping[str, object], value: Mapping[str, object]) -> list[object]:
    return [name for name in _listed(schema, "required") if name not in value]


def _listed(schema: Mapping[str, object], keyword: str) -> list[object]:
    found = schema.get(keyword)
    return found if isinstance(found, list) else []


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "object")


def _is_of(value: object, kind: str) -> bool:
    found = _kind(value)
    if kind == "number":
        return found in {"number", "integer"}
    # JSON has one kind of number: 5.0 is a whole one.
    return found == kind or (kind == "integer" and isinstance(value, float) and value.is_integer())


def _same(value: object, other: object) -> bool:
    """Equality of JSON, where true is not 1."""
    return isinstance(value, bool) == isinstance(other, bool) and value == other
