"""Pages of documents: the filters and sorts that the explorer asks a MongoDB with, and where a next page begins.

The order of BSON goes across types, and a comparison in a filter does not: what stands behind a value is told by the
types that come later, too. Null and a field that is missing share a place.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tidemill.engine.documents import extended_json
from tidemill.engine.documents.bson_tree import Tree, Typed, Unfit, encoded
from tidemill.engine.documents.exact_number import exact_float
from tidemill.engine.pages import Filter, Operator, Order
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidJson

ID: Final = "_id"
_NAN: Final = float("nan")
_NULL, _NUMBER, _OF_NAN = 2, 4, 3
_RANKS: Final = (
    ("minKey",), (), ("null",), (), ("number",), ("string", "symbol"), ("object",), ("array",), ("binData",),
    ("objectId",), ("bool",), ("date",), ("timestamp",), ("regex",), ("dbPointer",), ("javascript",),
    ("javascriptWithScope",), ("maxKey",),
)  # fmt: skip
"""The types in the order of BSON, by their names in `$type`; the second place is of empty arrays, the fourth of NaN
(https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/)."""
_RANK_OF: Final = {
    0xFF: 0, 0x06: 1, 0x0A: 2, 0x01: 4, 0x10: 4, 0x12: 4, 0x13: 4, 0x02: 5, 0x0E: 5, 0x03: 6, 0x04: 7, 0x05: 8, 0x07: 9,
    0x08: 10, 0x09: 11, 0x11: 12, 0x0B: 13, 0x0C: 14, 0x0D: 15, 0x0F: 16, 0x7F: 17,
}  # fmt: skip
_SIGNS: Final = {
    Operator.EQUAL: "$eq",
    Operator.NOT_EQUAL: "$ne",
    Operator.LESS: "$lt",
    Operator.AT_MOST: "$lte",
    Operator.GREATER: "$gt",
    Operator.AT_LEAST: "$gte",
}


def read_json(raw: bytes, what: str) -> Tree:
    """Extended JSON.

    Raises:
        BadRequest: it is none; the message names `what` it is of.
    """
    try:
        jsontext.check(raw, max_bytes=len(raw))
        return extended_json.typed(json.loads(raw, parse_float=exact_float))
    except (InvalidJson, Unfit) as error:
        raise BadRequest(f"{what} does not fit: {error}") from error


def read_document(members: Mapping[str, bytes], what: str) -> dict[str, Tree]:
    """A document of its fields, each Extended JSON.

    Raises:
        BadRequest: a field is none.
    """
    return {name: read_json(raw, f"{what}, field {name[:60]!r},") for name, raw in members.items()}


def full_order(order: Sequence[Order]) -> tuple[Order, ...]:
    """The order made complete by `_id`, so that each document has one place in it."""
    for each in order:
        _checked(each.column)
    return tuple(order) if any(each.column == ID for each in order) else (*order, Order(ID))


def matching(
    filters: Sequence[Filter], query: bytes, order: Sequence[Order], after: Sequence[bytes]
) -> dict[str, Tree]:
    """The filter of a page.

    Raises:
        BadRequest: a value does not fit, or `after` does not fit the order.
    """
    conditions: list[Tree] = [_condition(each) for each in filters]
    if query:
        own = read_json(query, "`query`")
        if not isinstance(own, dict):
            raise BadRequest('`query` is a filter, such as {"n": {"$gt": 1}}.')
        conditions.append(own)
    if after:
        conditions.append(_behind(order, after))
    return {"$and": conditions} if conditions else {}


def sorting(order: Sequence[Order]) -> dict[str, Tree]:
    """The sort of a page.

    Raises:
        BadRequest: a field is there twice.
    """
    found: dict[str, Tree] = {each.column: -1 if each.is_descending else 1 for each in order}
    if len(found) != len(order):
        raise BadRequest("A field is sorted by once only.")
    return found


def _checked(name: str) -> str:
    if not name or name.startswith("$") or "\0" in name:
        raise BadRequest(f"{name[:60]!r} is no name of a field.")
    return name


def _condition(wanted: Filter) -> Tree:
    name = _checked(wanted.column)
    value = read_json(wanted.raw, f"The filter of {name[:60]!r}")
    match wanted.operator:
        case Operator.IS_NULL:
            return {name: {"$eq": None}}
        case Operator.IS_NOT_NULL:
            return {name: {"$ne": None}}
        case Operator.CONTAINS | Operator.BEGINS:
            if not isinstance(value, str):
                raise BadRequest(f"The filter of {name[:60]!r} needs a text.")
            begins = wanted.operator is Operator.BEGINS
            return {name: {"$regex": ("^" if begins else "") + re.escape(value), "$options": "" if begins else "i"}}
    return {name: {_SIGNS[wanted.operator]: value}}


def _behind(order: Sequence[Order], after: Sequence[bytes]) -> Tree:
    if len(after) != len(order):
        raise BadRequest("`after` does not fit this order: take it from the page before, with the same sort.")
    values = [encoded(read_json(raw, "`after`")) for raw in after]
    found: list[Tree] = []
    for index, (each, value) in enumerate(zip(order, values, strict=True)):
        equal = [_equal(order[at].column, values[at]) for at in range(index)]
        found += [{"$and": [*equal, further]} for further in _further(each, value)]
    return {"$or": found} if found else {"$expr": False}


def _equal(name: str, value: Typed) -> Tree:
    return {name: {"$eq": value}}


def _rank(value: Typed) -> int:
    if value.kind == 0x01:
        (number,) = struct.unpack("<d", value.payload)
        return _NUMBER if number == number else _OF_NAN  # noqa: PLR0124
    return _RANK_OF[value.kind]


def _further(order: Order, value: Typed) -> Iterator[Tree]:
    """What stands behind a value: greater or less of its type, and all of later or earlier types."""
    name, rank = order.column, _rank(value)
    if rank >= _NUMBER and rank != len(_RANKS) - 1:
        yield {name: {"$lt" if order.is_descending else "$gt": value}}
    ranks = range(rank) if order.is_descending else range(rank + 1, len(_RANKS))
    if 1 in ranks:
        yield {name: {"$eq": []}}
    if _NULL in ranks:
        yield {name: {"$eq": None}}
    if rank == _NUMBER and order.is_descending:
        yield {name: {"$eq": _NAN}}
    if rank == _OF_NAN and not order.is_descending:
        yield {"$and": [{name: {"$type": "number"}}, {name: {"$ne": _NAN}}]}
    names: list[Tree] = [
        each for at in ranks if at != _NULL and not (rank == _OF_NAN and at == _NUMBER) for each in _RANKS[at]
    ]
    if names:
        yield {name: {"$type": names}}


def place_of(document: object, order: Sequence[Order]) -> list[str] | None:
    """Where a document stands in the order, as JSON texts; None where it holds a list there: such have several places.

    `document` is what its canonical JSON says.
    """
    found = [_at(document, each.column.split(".")) for each in order]
    return None if None in found else [each for each in found if each is not None]


def _at(tree: object, path: Sequence[str]) -> str | None:
    """The text of what is found at a path; null where there is nothing, None where a list is on the way."""
    for name in path:
        if isinstance(tree, list):
            return None
        if not isinstance(tree, dict) or name not in tree:
            return "null"
        tree = tree[name]
    return None if isinstance(tree, list) else json.dumps(tree)


def kind_of(text: str) -> str:
    """The type of a value, of its Extended JSON; of integers and doubles alike `number`."""
    for begin, kind in _KINDS:
        if text.startswith(begin):
            return kind
    return "number"


_KINDS: Final = (
    *(
        (f'{{"${mark}"', kind)
        for mark, kind in {
            "oid": "objectId",
            "numberInt": "number",
            "numberLong": "number",
            "numberDouble": "number",
            "numberDecimal": "decimal",
            "date": "date",
            "binary": "binData",
            "regularExpression": "regex",
            "timestamp": "timestamp",
            "minKey": "minKey",
            "maxKey": "maxKey",
            "code": "javascript",
            "symbol": "symbol",
            "undefined": "undefined",
            "dbPointer": "dbPointer",
        }.items()
    ),
    ('"', "string"),
    ("[", "array"),
    ("{", "object"),
    ("t", "bool"),
    ("f", "bool"),
    ("n", "null"),
)
