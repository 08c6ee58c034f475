"""Scripts for documents: one operation a YAML document, with its arguments put in, as what is sent to the server.

# name (string)
collection: users
find: {name: {$arg: name}}
sort: {age: -1}
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.engine.documents.arguments import TYPES, Value
from tidemill.engine.documents.binding import Place, bind, names_in
from tidemill.engine.documents.bson_tree import Unfit
from tidemill.engine.documents.extended_json import typed
from tidemill.engine.documents.operations import OPERATIONS, Operation, Request, find_writes
from tidemill.engine.documents.yaml_tree import Located, read_documents
from tidemill.engine.result_collection import MODES
from tidemill.engine.script_head import Dialect, Head, read_head
from tidemill.model.errors import InvalidScript

MAX_STATEMENTS: Final = 1000

DIALECT: Final = Dialect(
    types=TYPES.keys(),
    options={
        "result_collection": MODES,
        "transaction": (),
        "read_only": (),
        "extended_json": ("relaxed", "canonical"),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A script that was read.

    Attributes:
        statements: in their order; at least one.
    """

    head: Head
    statements: tuple[Located, ...]


def read_script(content: str) -> Script:
    """Read `content` as far as it can be understood without arguments.

    Raises:
        InvalidScript: it cannot be; the message names the line.
    """
    head = read_head(content, DIALECT)
    documents = read_documents(head.body, first_line=head.body_line)
    if not documents:
        raise InvalidScript("The script has no operation: say `collection: users` and `find: {}`, for example.")
    if len(documents) > MAX_STATEMENTS:
        raise InvalidScript(f"The script has {len(documents)} operations; at most {MAX_STATEMENTS} are allowed.")
    declared = {argument.name for argument in head.arguments}
    for document in documents:
        _operation_of(document)
        for name in sorted(names_in(document) - declared):
            raise InvalidScript(f"The argument {name!r} is not declared: add a line `# {name} (string)` at the top.")
    return Script(head=head, statements=tuple(documents))


def requests(script: Script, values: Mapping[str, Value]) -> list[Request]:
    """What is to be sent, in order.

    Raises:
        InvalidScript: an operation lacks something, has something unknown, or writes in a script that only reads.
        BadRequest: an argument does not fit its place.
    """
    found = [_request(statement, values) for statement in script.statements]
    if "read_only" in script.head.options:
        for request in found:
            if (writer := find_writes(request)) is not None:
                raise InvalidScript(f"Line {request.line}: the script is read_only, and {writer} writes.")
    return found


def _operation_of(statement: Located) -> tuple[str, Operation]:
    """The one operation that a statement names."""
    named = [name for name in statement if name in OPERATIONS]
    if len(named) != 1:
        known = ", ".join(OPERATIONS)
        raise InvalidScript(
            f"Line {statement.line}: an operation has exactly one of {known}; to run several, part them by `---`."
        )
    operation = OPERATIONS[named[0]]
    allowed = {named[0], "db", *operation.options, *(("collection",) if operation.has_collection else ())}
    for name in statement:
        if name not in allowed:
            choice = ", ".join(sorted(allowed - {named[0]}))
            raise InvalidScript(f"Line {statement.line}: {named[0]} does not take {name!r}; it takes {choice}.")
    return named[0], operation


def _request(statement: Located, values: Mapping[str, Value]) -> Request:
    name, operation = _operation_of(statement)
    line = statement.line
    collection, database = (_name(statement, key, values) for key in ("collection", "db"))
    if operation.has_collection and not collection and name != "aggregate":
        raise InvalidScript(f"Line {line}: {name} needs a `collection`.")
    try:
        body = bind(typed(statement[name]), values, operation.place)
        options = {
            key: bind(typed(statement[key]), values, place)
            for key, place in operation.options.items()
            if key in statement
        }
        made = operation.make(collection, body, options)
    except Unfit as error:
        raise InvalidScript(f"Line {line}: {error}.") from error
    return Request(line=line, operation=name, database=database, collection=collection, made=made)


def _name(statement: Located, key: str, values: Mapping[str, Value]) -> str:
    """The name of a collection or database."""
    name = bind(statement.get(key, ""), values, Place.COMMAND)
    if not isinstance(name, str) or "\0" in name:
        raise InvalidScript(f"Line {statement.line}: `{key}` must be a name.")
    return name
