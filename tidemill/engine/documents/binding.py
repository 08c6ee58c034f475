"""Puts arguments where a script says `{"$arg": "name"}`, as values: none becomes an operator, a field or code.

What MongoDB makes of a value depends on where it stands: `{"$gt": ""}` in a filter compares, and the text `$password`
in an expression reads a field. So the walk knows at each place what is read there, and there wraps a value that would
be taken for more than a value (`$eq`, `$literal`), or refuses it. The type `query` is exempt, but not for code.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from tidemill.engine.documents.arguments import QUERY, Value
from tidemill.engine.documents.bson_tree import Tree, Typed
from tidemill.model.errors import BadRequest, InvalidScript

ARG: Final = "$arg"

_REGEX: Final = 0x0B
_CODE_KINDS: Final = frozenset({0x0D, 0x0F})


class Place(Enum):
    """What MongoDB reads at a place."""

    VALUE = auto()
    """Kept or compared as it is."""
    FILTER = auto()
    """An object of fields and conditions, or a list of such."""
    CONDITION = auto()
    """What belongs to a field of a filter."""
    MEMBERS = auto()
    """Values, but patterns match and operators are read."""
    EXPRESSION = auto()
    FUNCTION = auto()
    CODE = auto()
    STAGES = auto()
    LOOKUP = auto()
    """What belongs to a stage that reads another collection."""
    FACETS = auto()
    PLAIN_STAGE = auto()
    """What belongs to a stage with no expressions."""
    UPDATE = auto()
    """A replacement, an object of update operators, or a pipeline."""
    FIELDS = auto()
    """An object of fields and the values that they get."""
    CHANGES = auto()
    """The same, with operators among the values."""
    CHANGE = auto()
    COMMAND = auto()
    """A command whose parts we know by their names only."""


_IN_FILTER: Final = {
    **dict.fromkeys(("$and", "$or", "$nor", "$elemMatch", "$not"), Place.FILTER),
    **dict.fromkeys(("$in", "$nin", "$all"), Place.MEMBERS),
    **dict.fromkeys(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$regex", "$comment"), Place.VALUE),
    "$expr": Place.EXPRESSION,
    "$where": Place.CODE,
}
_IN_STAGE: Final = {
    **dict.fromkeys(
        (
            *("$project", "$addFields", "$set", "$group", "$bucket", "$bucketAuto", "$replaceRoot", "$replaceWith"),
            *("$redact", "$setWindowFields", "$fill", "$densify", "$sortByCount"),
        ),
        Place.EXPRESSION,
    ),
    **dict.fromkeys(("$lookup", "$unionWith", "$graphLookup", "$geoNear", "$merge"), Place.LOOKUP),
    "$match": Place.FILTER,
    "$facet": Place.FACETS,
}
_IN_EXPRESSION: Final = {
    "$literal": Place.VALUE,
    "$function": Place.FUNCTION,
    "$accumulator": Place.FUNCTION,
}
_IN_FUNCTION: Final = dict.fromkeys(("args", "initArgs", "accumulateArgs"), Place.EXPRESSION)
_IN_LOOKUP: Final = {
    "pipeline": Place.STAGES,
    "whenMatched": Place.STAGES,
    "let": Place.EXPRESSION,
    "startWith": Place.EXPRESSION,
    "restrictSearchWithMatch": Place.FILTER,
    "query": Place.FILTER,
}
_IN_UPDATE: Final = dict.fromkeys(("$set", "$setOnInsert", "$inc", "$mul", "$min", "$max", "$unset"), Place.FIELDS)
_IN_COMMAND: Final = {
    **dict.fromkeys(("filter", "query", "q", "arrayFilters", "partialFilterExpression", "validator"), Place.FILTER),
    **dict.fromkeys(("u", "update"), Place.UPDATE),
    **dict.fromkeys(("projection", "fields", "let", "c"), Place.EXPRESSION),
    **dict.fromkeys(("map", "reduce", "finalize", "$eval"), Place.CODE),
    "document": Place.VALUE,
    "documents": Place.VALUE,
    "replacement": Place.UPDATE,
    "pipeline": Place.STAGES,
}


_BELOW: Final[dict[Place, tuple[Mapping[str, Place], Place, Place]]] = {
    Place.FILTER: (_IN_FILTER, Place.COMMAND, Place.CONDITION),
    Place.CONDITION: (_IN_FILTER, Place.COMMAND, Place.VALUE),
    Place.MEMBERS: (_IN_FILTER, Place.MEMBERS, Place.MEMBERS),
    Place.EXPRESSION: (_IN_EXPRESSION, Place.EXPRESSION, Place.EXPRESSION),
    Place.FUNCTION: (_IN_FUNCTION, Place.CODE, Place.CODE),
    Place.STAGES: (_IN_STAGE, Place.PLAIN_STAGE, Place.PLAIN_STAGE),
    Place.FACETS: ({}, Place.STAGES, Place.STAGES),
    Place.LOOKUP: (_IN_LOOKUP, Place.PLAIN_STAGE, Place.PLAIN_STAGE),
    Place.UPDATE: (_IN_UPDATE, Place.CHANGES, Place.VALUE),
    Place.FIELDS: ({}, Place.VALUE, Place.VALUE),
    Place.CHANGES: ({}, Place.CHANGE, Place.CHANGE),
    Place.CHANGE: ({"$each": Place.VALUE}, Place.CHANGE, Place.CHANGE),
    Place.COMMAND: (_IN_COMMAND, Place.COMMAND, Place.COMMAND),
}
"""What is read below a place: by name, for other operators, for other fields. Other places stay."""


def bind(tree: Tree, values: Mapping[str, Value], place: Place) -> Tree:
    """`tree` with each argument put in; `place` is what MongoDB reads at its top.

    Raises:
        BadRequest: a value would be read as more than a value; the message names the argument and the way out.
        InvalidScript: there is no such argument.
    """
    if isinstance(tree, list):
        within = Place.VALUE if place is Place.CONDITION else place
        return [bind(item, values, within) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if ARG in tree:
        return _FITTED[place](_named(tree, values)) if place in _FITTED else _strict(_named(tree, values))
    for name, item in tree.items():
        if isinstance(item, dict | list):
            tree[name] = bind(item, values, _below(place, name))
    return tree


def names_in(tree: Tree) -> set[str]:
    """The arguments that a tree uses."""
    if isinstance(tree, list):
        return set().union(*map(names_in, tree))
    if not isinstance(tree, dict):
        return set()
    if isinstance(name := tree.get(ARG), str):
        return {name}
    return set().union(*map(names_in, tree.values()))


def _named(tree: dict[str, Tree], values: Mapping[str, Value]) -> Value:
    name = tree[ARG]
    if len(tree) > 1 or not isinstance(name, str):
        raise InvalidScript(f'{{"{ARG}": "name"}} holds the name of an argument and nothing else.')
    if name not in values:
        raise InvalidScript(f"The argument {name!r} is not declared: add a line `# {name} (string)` at the top.")
    return values[name]


def _below(place: Place, name: str) -> Place:
    """What is read at the value of `name` in an object at `place`."""
    if place not in _BELOW:
        return place
    known, operator, field = _BELOW[place]
    return known.get(name, operator if name.startswith("$") else field)


def _value(value: Value) -> Tree:
    return value.tree


def _condition(value: Value) -> Tree:
    """In a filter, the value of a field: it is compared for equality, whatever it looks like."""
    is_operator = isinstance(value.tree, dict) and any(name.startswith("$") for name in value.tree)
    if value.type_name == QUERY:
        return _without_code(value)
    if value.type_name == "regex" or not (is_operator or _is_pattern(value.tree)):
        return value.tree
    return {"$eq": value.tree}


def _expression(value: Value) -> Tree:
    """In an expression texts that begin with `$` are fields, and objects with such keys are computed."""
    if value.type_name == QUERY:
        return _without_code(value)
    return {"$literal": value.tree} if _any_in(value.tree, _has_dollar) else value.tree


def _update(value: Value) -> Tree:
    if value.type_name == QUERY:
        return _without_code(value)
    if isinstance(value.tree, list) or (isinstance(value.tree, dict) and any(name[:1] == "$" for name in value.tree)):
        raise _refusal(value, "stands where update operators are read")
    return value.tree


def _members(value: Value) -> Tree:
    if value.type_name == QUERY:
        return _without_code(value)
    if _any_in(value.tree, _has_operator) or (
        not value.type_name.startswith("regex") and _any_in(value.tree, _is_pattern)
    ):
        raise _refusal(value, "has an operator or a pattern where they are read")
    return value.tree


def _strict(value: Value) -> Tree:
    if value.type_name == QUERY:
        return _without_code(value)
    is_pattern = not value.type_name.startswith("regex") and _any_in(value.tree, _is_pattern)
    if is_pattern or _any_in(value.tree, _has_dollar) or _any_in(value.tree, _is_code):
        raise _refusal(value, "has a pattern, or a key or text that begins with `$`, where MongoDB reads those")
    return value.tree


def _code(value: Value) -> Tree:
    raise BadRequest(f"Argument {value.name} stands where code is run, and no argument ever becomes code.")


def _without_code(value: Value) -> Tree:
    """A `query`, which may have operators, but none that run code."""
    if _any_in(value.tree, _runs_code):
        raise BadRequest(f"Argument {value.name} has $where, $function or $accumulator: no argument ever becomes code.")
    return value.tree


_FITTED: Final[dict[Place, Callable[[Value], Tree]]] = {
    Place.VALUE: _value,
    Place.FIELDS: _update,
    Place.CONDITION: _condition,
    Place.EXPRESSION: _expression,
    Place.UPDATE: _update,
    Place.MEMBERS: _members,
    Place.CODE: _code,
    Place.FUNCTION: _code,
}
"""How a value is made to fit a place; elsewhere `_strict`."""


def _refusal(value: Value, why: str) -> BadRequest:
    return BadRequest(
        f"Argument {value.name} ({value.type_name}) {why}: compare it by {{$eq: ...}}, or declare it as ({QUERY}) if "
        "callers may pass operators."
    )


def _any_in(tree: Tree, claim: Callable[[Tree], bool]) -> bool:
    """Whether `claim` holds for `tree` or anything inside of it."""
    if claim(tree):
        return True
    if isinstance(tree, dict):
        return any(_any_in(item, claim) for item in tree.values())
    return isinstance(tree, list) and any(_any_in(item, claim) for item in tree)


def _has_operator(tree: Tree) -> bool:
    return isinstance(tree, dict) and any(name.startswith("$") for name in tree)


def _has_dollar(tree: Tree) -> bool:
    return _has_operator(tree) or (isinstance(tree, str) and tree.startswith("$"))


def _is_pattern(tree: Tree) -> bool:
    return isinstance(tree, Typed) and tree.kind == _REGEX


def _is_code(tree: Tree) -> bool:
    return isinstance(tree, Typed) and tree.kind in _CODE_KINDS


def _runs_code(tree: Tree) -> bool:
    marks = {"$where", "$function", "$accumulator"}
    return _is_code(tree) or (isinstance(tree, dict) and not marks.isdisjoint(tree))
