"""The operations of scripts for documents: what each takes, and the commands and writes that they become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidemill.engine.documents.binding import Place
from tidemill.engine.documents.bson_tree import Tree, Unfit
from tidemill.engine.documents.yaml_tree import Located

Body = dict[str, Tree]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command of the server, as its own manual names the parts.

    Attributes:
        has_rows: it is answered with a cursor.
        only_first: of the rows only the first one is wanted, or null.
    """

    command: Body
    has_rows: bool = False
    only_first: bool = False
    is_admin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One write.

    Attributes:
        kind: `insert`, `update`, `replace` or `delete`.
        document: what is inserted, replaced by, or an object or list of update operators.
        options: `upsert`, `arrayFilters`, `collation`, `hint`, `sort` of the server.
        line: where it begins in the script; 0 if it cannot be told.
    """

    kind: str
    filter: Body = field(default_factory=dict)
    document: Tree = None
    is_many: bool = False
    options: Body = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Writes to one collection, sent together."""

    changes: tuple[Change, ...]
    is_ordered: bool = True
    options: Body = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One operation of a script.

    Attributes:
        database: its name; "" for the one of the resource.
    """

    line: int
    operation: str
    database: str
    collection: str
    made: Asked | Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a statement may say.

    Attributes:
        place: what MongoDB reads at the top of the operation's own value.
        options: what may stand beside it.
    """

    place: Place
    make: Callable[[str, Tree, Body], Asked | Written]
    options: Mapping[str, Place] = field(default_factory=dict)
    has_collection: bool = True


def find_writes(request: Request) -> str | None:
    """The name of what changes data in a request; None if it only reads."""
    if isinstance(request.made, Written):
        return request.operation
    command = request.made.command
    name = next(iter(command))
    if name == "explain":  # the server plans what it explains, and does not do it
        return None
    if name not in READING:
        return name
    return next((stage for stage in ("$out", "$merge") if _has_stage(command.get("pipeline"), stage)), None)


def _has_stage(tree: Tree, name: str) -> bool:
    if isinstance(tree, dict):
        return name in tree or any(_has_stage(item, name) for item in tree.values())
    return isinstance(tree, list) and any(_has_stage(item, name) for item in tree)


READING: Final = frozenset(
    {
        *("find", "aggregate", "count", "distinct", "listCollections", "listIndexes", "listDatabases"),
        *("listSearchIndexes", "dbStats", "collStats", "dataSize", "dbHash", "ping", "hello", "buildInfo"),
        *("connectionStatus", "serverStatus", "hostInfo", "getParameter", "currentOp", "top", "rolesInfo", "usersInfo"),
    }
)
"""Commands that change nothing."""
CURSORS: Final = frozenset({"find", "aggregate", "listCollections", "listIndexes"})
"""Commands that are answered with a cursor."""

_SHARED: Final[dict[str, Place]] = {
    "collation": Place.COMMAND,
    "comment": Place.VALUE,
    "hint": Place.COMMAND,
    "let": Place.EXPRESSION,
    "maxTimeMS": Place.COMMAND,
    "readConcern": Place.COMMAND,
}
_READ: Final = {**_SHARED, "allowDiskUse": Place.COMMAND, "batchSize": Place.COMMAND}
_FIND: Final[dict[str, Place]] = {
    **_READ,
    "projection": Place.EXPRESSION,
    "sort": Place.COMMAND,
    "skip": Place.COMMAND,
    "limit": Place.COMMAND,
    "min": Place.COMMAND,
    "max": Place.COMMAND,
    "returnKey": Place.COMMAND,
    "showRecordId": Place.COMMAND,
}
_WRITE: Final[dict[str, Place]] = {
    "ordered": Place.COMMAND,
    "comment": Place.VALUE,
    "let": Place.EXPRESSION,
    "bypassDocumentValidation": Place.COMMAND,
}
_CHANGE: Final[dict[str, Place]] = {
    "upsert": Place.COMMAND,
    "multi": Place.COMMAND,
    "arrayFilters": Place.FILTER,
    "collation": Place.COMMAND,
    "hint": Place.COMMAND,
    "sort": Place.COMMAND,
}


_DELETE: Final[tuple[str, ...]] = ("collation", "hint")


def _find(collection: str, body: Tree, options: Body) -> Asked:
    return Asked(command={"find": collection, "filter": _object("find", body), **options}, has_rows=True)


def _find_one(collection: str, body: Tree, options: Body) -> Asked:
    command: Body = {"find": collection, "filter": _object("findOne", body), **options, "limit": 1, "singleBatch": True}
    return Asked(command=command, has_rows=True, only_first=True)


def _aggregate(collection: str, body: Tree, options: Body) -> Asked:
    if not isinstance(body, list):
        raise Unfit("`aggregate` is a list of stages")
    batch = options.pop("batchSize", None)
    cursor: Body = {} if batch is None else {"batchSize": batch}
    target: Tree = collection or 1  # 1 stands for the database itself: `$documents`, `$currentOp`
    return Asked(command={"aggregate": target, "pipeline": body, "cursor": cursor, **options}, has_rows=True)


def _count(collection: str, body: Tree, options: Body) -> Asked:
    return Asked(command={"count": collection, "query": _object("count", body), **options})


def _distinct(collection: str, body: Tree, options: Body) -> Asked:
    if not isinstance(body, str):
        raise Unfit("`distinct` is the name of a field; a filter goes into `query`")
    return Asked(command={"distinct": collection, "key": body, **options})


def _command(collection: str, body: Tree, options: Body) -> Asked:
    command = _object("command", body)
    if not command:
        raise Unfit("a `command` begins with its name, such as {dbStats: 1}")
    name = next(iter(command))
    has_rows = name in CURSORS and not command.get("explain")
    return Asked(command=command, has_rows=has_rows, is_admin=options.get("admin") is True)


def _insert(collection: str, body: Tree, options: Body) -> Written:
    documents = body if isinstance(body, list) else [body]
    return _written(
        [Change(kind="insert", document=_object("insert", each), line=_line(each)) for each in documents], options
    )


def _update(collection: str, body: Tree, options: Body) -> Written:
    return _written([_one_update(each) for each in (body if isinstance(body, list) else [body])], options)


def _delete(collection: str, body: Tree, options: Body) -> Written:
    return _written([_one_delete(each) for each in (body if isinstance(body, list) else [body])], options)


def _bulk_write(collection: str, body: Tree, options: Body) -> Written:
    if not isinstance(body, list):
        raise Unfit("`bulkWrite` is a list of operations, such as {insertOne: {document: {...}}}")
    return _written([_bulk_change(each) for each in body], options)


def _written(changes: list[Change], options: Body) -> Written:
    is_ordered = options.pop("ordered", True)
    if not isinstance(is_ordered, bool):
        raise Unfit("`ordered` is true or false")
    if not changes:
        raise Unfit("there is nothing to write: the list is empty")
    return Written(changes=tuple(changes), is_ordered=is_ordered, options=options)


def _one_update(body: Tree, *, is_many: bool | None = None) -> Change:
    parts = _parts(body, {"filter", "update", *_CHANGE}, needed=("filter", "update"))
    update = parts["update"]
    has_operators = isinstance(update, list) or all(name.startswith("$") for name in _object("update", update))
    if isinstance(update, dict) and not has_operators and any(name.startswith("$") for name in update):
        raise Unfit("an update has operators such as $set only, or is a whole document; this one mixes both")
    many = _flag(parts, "multi") if is_many is None else is_many
    has_operators = has_operators and bool(update)
    if many and not has_operators:
        raise Unfit("a whole document replaces one document only: use $set with `multi`")
    options = {name: parts[name] for name in _CHANGE if name in parts and name != "multi"}
    kind = "update" if has_operators else "replace"
    return Change(
        kind=kind, filter=_object("filter", parts["filter"]), document=update, is_many=many, options=options,
        line=_line(body),
    )  # fmt: skip


def _one_delete(body: Tree, *, is_many: bool | None = None) -> Change:
    parts = _parts(body, {"filter", "multi", *_DELETE}, needed=("filter",))
    many = _flag(parts, "multi") if is_many is None else is_many
    options: Body = {name: parts[name] for name in _DELETE if name in parts}
    return Change(
        kind="delete", filter=_object("filter", parts["filter"]), is_many=many, options=options, line=_line(body)
    )


def _bulk_change(body: Tree) -> Change:
    named = _object("an operation of bulkWrite", body)
    kinds = "insertOne, updateOne, updateMany, replaceOne, deleteOne, deleteMany"
    if len(named) != 1:
        raise Unfit(f"an operation of bulkWrite is an object with one of {kinds}")
    ((kind, parts),) = named.items()
    match kind:
        case "insertOne":
            document = _parts(parts, {"document"}, needed=("document",))["document"]
            return Change(kind="insert", document=_object("document", document), line=_line(body))
        case "updateOne" | "updateMany":
            return _one_update(_without_multi(parts), is_many=kind == "updateMany")
        case "replaceOne":
            inner = dict(_without_multi(parts))
            inner["update"] = inner.pop("replacement", None)
            change = _one_update(inner, is_many=False)
            if change.kind != "replace":
                raise Unfit("the replacement of a replaceOne is a whole document")
            return change
        case "deleteOne" | "deleteMany":
            return _one_delete(_without_multi(parts), is_many=kind == "deleteMany")
        case _:
            raise Unfit(f"bulkWrite does not know {kind!r}; there are: {kinds}")


def _without_multi(parts: Tree) -> Body:
    found = _object("an operation of bulkWrite", parts)
    if "multi" in found:
        raise Unfit("the name of an operation of bulkWrite tells how many it changes, not `multi`")
    return found


def _parts(body: Tree, allowed: set[str], *, needed: tuple[str, ...]) -> Body:
    parts = _object("an operation", body)
    for name in parts:
        if name not in allowed:
            raise Unfit(f"there is no {name[:60]!r} here; there are: {', '.join(sorted(allowed))}")
    for name in needed:
        if parts.get(name) is None:
            raise Unfit(f"`{name}` is missing")
    return parts


def _flag(parts: Body, name: str) -> bool:
    value = parts.get(name, False)
    if not isinstance(value, bool):
        raise Unfit(f"`{name}` is true or false")
    return value


def _object(what: str, body: Tree) -> Body:
    if not isinstance(body, dict):
        raise Unfit(f"`{what}` must be an object")
    return body


def _line(body: Tree) -> int:
    return body.line if isinstance(body, Located) else 0


OPERATIONS: Final[dict[str, Operation]] = {
    "find": Operation(place=Place.FILTER, make=_find, options=_FIND),
    "findOne": Operation(place=Place.FILTER, make=_find_one, options={k: v for k, v in _FIND.items() if k != "limit"}),
    "aggregate": Operation(place=Place.STAGES, make=_aggregate, options=_READ),
    "count": Operation(
        place=Place.FILTER, make=_count, options={**_SHARED, "limit": Place.COMMAND, "skip": Place.COMMAND}
    ),
    "distinct": Operation(place=Place.COMMAND, make=_distinct, options={**_SHARED, "query": Place.FILTER}),
    "insert": Operation(place=Place.VALUE, make=_insert, options=_WRITE),
    "update": Operation(place=Place.COMMAND, make=_update, options=_WRITE),
    "delete": Operation(place=Place.COMMAND, make=_delete, options=_WRITE),
    "bulkWrite": Operation(place=Place.COMMAND, make=_bulk_write, options=_WRITE),
    "command": Operation(place=Place.COMMAND, make=_command, options={"admin": Place.COMMAND}, has_collection=False),
}
