"""Which rows are wanted, as SQL. Texts of the caller are parameters, never part of it.

Filters are a JSON object: column -> condition. A condition is a text that the cell must hold (case aside), or an object
as table widgets in browsers make them: `{"type": "lessThan", "filter": 5}`, `{"values": ["a", null]}`, or
`{"operator": "OR", "conditions": [...]}`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tidemill.model.errors import BadRequest
from tidemill.previews.inside.relation import Field, Relation
from tidemill.previews.table import TableQuestion

_MOST_CONDITIONS: Final = 200
_MOST_DEPTH: Final = 8
_JOINED: Final = {"AND": " and ", "OR": " or "}
_COMPARED: Final = {
    "lessThan": "<",
    "lessThanOrEqual": "<=",
    "greaterThan": ">",
    "greaterThanOrEqual": ">=",
    "before": "<",
    "after": ">",
}
_FOUND: Final = {
    "contains": "contains(lower({text}), lower(cast(? as varchar)))",
    "notContains": "not coalesce(contains(lower({text}), lower(cast(? as varchar))), false)",
    "startsWith": "starts_with(lower({text}), lower(cast(? as varchar)))",
    "endsWith": "ends_with(lower({text}), lower(cast(? as varchar)))",
}
_EMPTY: Final = "({text} is null or {text} = '')"


class Conditions:
    """Collects what must hold, with the parameters in the order of their places."""

    def __init__(self, relation: Relation, question: TableQuestion) -> None:
        """Raises BadRequest when the question asks for something that there is not."""
        self.parameters: list[object] = []
        self._relation = relation
        self._parts: list[str] = []
        self._count = 0
        if question.search:
            self._search(question.search, question.search_column)
        for name, condition in _filters(question.filters).items():
            self._parts.append(self._of(relation.field(name), condition, _MOST_DEPTH))

    @property
    def sql(self) -> str:
        """` where …`, or nothing."""
        return f" where {' and '.join(self._parts)}" if self._parts else ""

    def _search(self, search: str, column: str) -> None:
        texts = [self._relation.field(column).text] if column else [each.text for each in self._relation.fields]
        if self._relation.rest and not column:
            texts.append(self._relation.rest)
        found = [f"coalesce({_FOUND['contains'].format(text=text)}, false)" for text in texts]
        self._parts.append(f"({' or '.join(found) or 'false'})")
        self.parameters += [search] * len(texts)

    def _of(self, field: Field, condition: object, depth: int) -> str:
        self._count += 1
        if not depth or self._count > _MOST_CONDITIONS:
            raise BadRequest(f"filters holds more than {_MOST_CONDITIONS} conditions, or deeper than {_MOST_DEPTH}.")
        match condition:
            case str():
                return self._find(field, "contains", condition)
            case {"operator": str(operator), "conditions": list(parts)} if operator in _JOINED and parts:
                return f"({_JOINED[operator].join(self._of(field, part, depth - 1) for part in parts)})"
            case {"values": list(values)}:
                return self._one_of(field, values)
            case {"type": "blank"}:
                return _EMPTY.format(text=field.text)
            case {"type": "notBlank"}:
                return f"not {_EMPTY.format(text=field.text)}"
            case {"type": str(kind), **how}:
                return self._compare(field, kind, how)
            case _:
                raise BadRequest(f"filters: the condition of column {field.name[:200]!r} is none that is known.")

    def _compare(self, field: Field, kind: str, condition: Mapping[object, Any]) -> str:
        low = condition.get("filter", condition.get("dateFrom"))
        high = condition.get("filterTo", condition.get("dateTo"))
        if kind in _FOUND:
            return self._find(field, kind, low)
        if kind == "equals":
            return self._same(field, low)
        if kind == "notEqual":
            return f"not coalesce({self._same(field, low)}, false)"
        if kind in _COMPARED:
            return f"{field.value} {_COMPARED[kind]} {self._value(field, low)}"
        if kind == "inRange":
            return f"({field.value} >= {self._value(field, low)} and {field.value} <= {self._value(field, high)})"
        raise BadRequest(f"filters: {kind[:50]!r} is no condition that is known.")

    def _find(self, field: Field, kind: str, wanted: object) -> str:
        self.parameters.append(_text(wanted))
        return _FOUND[kind].format(text=field.text)

    def _same(self, field: Field, wanted: object) -> str:
        if wanted is None:
            return f"{field.text} is null"
        if field.type in {"VARCHAR", "JSON"}:
            self.parameters.append(_text(wanted))
            return f"{field.text} = ?"
        return f"{field.value} = {self._value(field, wanted)}"

    def _one_of(self, field: Field, values: list[object]) -> str:
        if len(values) > _MOST_CONDITIONS:
            raise BadRequest(f"filters: at most {_MOST_CONDITIONS} values.")
        return f"({' or '.join(self._same(field, value) for value in values) or 'false'})"

    def _value(self, field: Field, wanted: object) -> str:
        """A parameter of the column's type."""
        self.parameters.append(_text(wanted))
        if field.type in {"VARCHAR", "JSON"}:
            return "?"
        return f"cast(? as {field.type})"


def _filters(text: str) -> Mapping[str, object]:
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BadRequest(f"filters is no JSON object from columns to conditions: {error}.") from error


_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    str: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: repr,
}


def _text(value: object) -> str:
    if type(value) not in _TEXTS:
        raise BadRequest("filters: a condition compares with a text, a number, true or false.")
    return _TEXTS[type(value)](value)
