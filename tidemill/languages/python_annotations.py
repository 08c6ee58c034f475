"""The JSON schema of a parameter's annotation in Python source.

Which names become resource types, as Windmill's users know it:

- an alias or a plain class with a name in lower case (`postgresql = dict`, `class postgresql(TypedDict)`) always does;
- a name in CamelCase does when its snake_case form is among the workspace's resource types, whatever it is defined as;
- a CamelCase class that is defined in the script with fields, and is no known resource type, is an object with those
  fields; an alias in CamelCase is what it stands for;
- a name that the script neither defines nor imports, or imports from a workspace script, does; a class imported from a
  package does only when it is known, and else accepts anything.
"""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from tidemill.languages.python_definitions import Definitions
from tidemill.languages.python_literals import NotLiteral, literal
from tidemill.languages.python_parsing import parse_expression
from tidemill.model.errors import InvalidScript
from tidemill.model.script import Coercion

MAX_DEPTH: Final = 40
MAX_SCHEMAS: Final = 5_000

Schema = Mapping[str, object]

_STRING: Final[Schema] = {"type": "string"}
_ARRAY: Final[Schema] = {"type": "array"}
_OBJECT: Final[Schema] = {"type": "object"}
_SIMPLE: Final[Mapping[str, Schema]] = {
    "str": _STRING,
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "complex": {},
    "bool": {"type": "boolean"},
    "dict": _OBJECT,
    "list": _ARRAY,
    "set": _ARRAY,
    "frozenset": _ARRAY,
    "tuple": _ARRAY,
    "object": {},
    "any": {},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "Any": {},
    "AnyStr": _STRING,
    "LiteralString": _STRING,
    "Text": _STRING,
    "Dict": _OBJECT,
    "DefaultDict": _OBJECT,
    "OrderedDict": _OBJECT,
    "Mapping": _OBJECT,
    "MutableMapping": _OBJECT,
    "defaultdict": _OBJECT,
    "List": _ARRAY,
    "Set": _ARRAY,
    "FrozenSet": _ARRAY,
    "Tuple": _ARRAY,
    "Sequence": _ARRAY,
    "MutableSequence": _ARRAY,
    "Iterable": _ARRAY,
    "Collection": _ARRAY,
    "datetime.datetime": {"type": "string", "format": "date-time"},
    "datetime.date": {"type": "string", "format": "date"},
    "datetime.time": {"type": "string", "format": "time"},
    "datetime": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "decimal.Decimal": {},
    "uuid.UUID": {"type": "string", "format": "uuid"},
    "pathlib.Path": _STRING,
}
_COERCIONS: Final[Mapping[object, Coercion]] = {
    "date-time": Coercion.DATETIME,
    "date": Coercion.DATE,
    "time": Coercion.TIME,
}
_STANDARD: Final = ("typing.", "typing_extensions.", "collections.abc.", "collections.", "builtins.")
_FIELD_BASES: Final = frozenset({"TypedDict", "NamedTuple", "BaseModel", "pydantic.BaseModel", "msgspec.Struct"})


@dataclass(frozen=True, slots=True)
class Annotated:
    """What an annotation says: the schema of a value, and whether None is one."""

    schema: Schema
    is_nullable: bool = False

    @property
    def coercion(self) -> Coercion | None:
        """What turns the JSON value into what the function expects; lists in lists are left as they are."""
        items = self.schema.get("items")
        if self.schema.get("type") == "array" and isinstance(items, Mapping):
            kind = _coercion(items)
            return Coercion(f"list:{kind}") if kind else None
        return _coercion(self.schema)


@dataclass(slots=True)
class Annotations:
    """Reads the annotations of one script. `resource_types` are the names of those that the workspace has."""

    names: Definitions
    resource_types: Collection[str] = ()
    _made: int = field(default=0, init=False)
    _open: set[str] = field(default_factory=set, init=False)
    """Names that are being read: a type that refers to itself is shown once, and below that as any object."""

    def read(self, node: ast.expr, *, depth: int = 0) -> Annotated:
        """What `node` says; an annotation that is not understood accepts anything.

        Raises:
            InvalidScript: the types are nested too deeply, or expand to too much.
        """
        self._made += 1
        if depth > MAX_DEPTH or self._made > MAX_SCHEMAS:
            raise InvalidScript(f"Line {node.lineno}: the types of the parameters are nested too deeply for a form.")
        match node:
            case ast.Constant(value=None):
                return Annotated({}, is_nullable=True)
            case ast.Constant(value=str() as text):
                quoted = parse_expression(text)
                return self.read(quoted, depth=depth + 1) if quoted is not None else Annotated({})
            case ast.BinOp(op=ast.BitOr()):
                return self._union(list(_alternatives(node)), depth=depth)
            case ast.Subscript(value=value, slice=inner):
                return self._generic(self._plain(value), inner, depth=depth)
            case ast.Name() | ast.Attribute():
                return self._named(node, depth=depth)
        return Annotated({})

    def _plain(self, node: ast.expr) -> str:
        """The dotted name of `node`, without the module for what `typing` and `collections.abc` offer."""
        dotted = self.names.dotted(node)
        for prefix in _STANDARD:
            dotted = dotted.removeprefix(prefix)
        return dotted

    def _generic(self, name: str, inner: ast.expr, *, depth: int) -> Annotated:
        arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        match name:
            case "Optional":
                return Annotated(self.read(inner, depth=depth + 1).schema, is_nullable=True)
            case "Union":
                return self._union(arguments, depth=depth)
            case "Literal":
                return _choice([_literal_or_none(argument) for argument in arguments])
            case "Annotated" | "Final" | "Required" | "NotRequired" | "ReadOnly" | "ClassVar":
                return self.read(arguments[0], depth=depth + 1) if arguments else Annotated({})
        schema = _SIMPLE.get(name)
        if schema is None:
            return Annotated({})
        if schema.get("type") == "array" and arguments and not _is_mixed_tuple(name, arguments):
            return Annotated({**schema, "items": dict(self.read(arguments[0], depth=depth + 1).schema)})
        return Annotated(schema)

    def _union(self, alternatives: list[ast.expr], *, depth: int) -> Annotated:
        read = [self.read(alternative, depth=depth + 1) for alternative in alternatives]
        schemas: list[Schema] = []
        for one in read:
            if one.schema not in schemas and not (one.is_nullable and not one.schema):
                schemas.append(one.schema)
        is_nullable = any(one.is_nullable for one in read)
        if len(schemas) == 1:
            return Annotated(schemas[0], is_nullable=is_nullable)
        return Annotated(
            {"anyOf": [dict(schema) for schema in schemas]} if all(schemas) and schemas else {}, is_nullable
        )

    def _named(self, node: ast.Name | ast.Attribute, *, depth: int) -> Annotated:
        name = node.id if isinstance(node, ast.Name) else node.attr
        special = _special(name)
        if special is not None:
            return Annotated(special)
        if isinstance(node, ast.Name) and (name in self.names.classes or name in self.names.aliases):
            return self._local(name, depth=depth)
        plain = self._plain(node)
        if plain in _SIMPLE:
            return Annotated(_SIMPLE[plain])
        return self._foreign(name, self.names.dotted(node))

    def _local(self, name: str, *, depth: int) -> Annotated:
        """A class or an alias of this script."""
        if name in self._open:
            return Annotated(_OBJECT if name in self.names.classes else {})
        self._open.add(name)
        try:
            if name in self.names.classes:
                return self._local_class(self.names.classes[name], depth=depth)
            return self._alias(name, self.names.aliases[name], depth=depth)
        finally:
            self._open.discard(name)

    def _foreign(self, name: str, dotted: str) -> Annotated:
        """A name that is imported, or not defined at all."""
        is_ours = "." not in dotted or dotted.startswith((".", "f.", "u.", "wmill."))
        if is_ours or snake_case(name) in self.resource_types:
            return _resource(name)
        return Annotated({})

    def _alias(self, name: str, value: ast.expr, *, depth: int) -> Annotated:
        if isinstance(value, ast.Call):
            return self._functional(name, value, depth=depth)
        if self._is_resource_name(name) and not isinstance(value, ast.Subscript | ast.BinOp | ast.Constant):
            return _resource(name)
        return self.read(value, depth=depth + 1)

    def _functional(self, name: str, call: ast.Call, *, depth: int) -> Annotated:
        """`X = TypedDict("X", {…})`, `X = NewType("X", str)`, `X = Enum("X", …)`."""
        if self._is_resource_name(name):
            return _resource(name)
        match self._plain(call.func), call.args:
            case "NewType", [_, base]:
                return self.read(base, depth=depth + 1)
            case "TypedDict", [_, ast.Dict(keys=keys, values=values)]:
                pairs = zip(keys, values, strict=True)
                texts = [(k.value, v) for k, v in pairs if isinstance(k, ast.Constant) and isinstance(k.value, str)]
                return Annotated(self._object(texts, required=[key for key, _ in texts], depth=depth))
            case "TypedDict" | "NamedTuple" | "namedtuple", _:
                return Annotated(_OBJECT)
        return Annotated({})

    def _local_class(self, definition: ast.ClassDef, *, depth: int) -> Annotated:
        if self.names.is_enum(definition):
            return _choice([value for _, value in enum_members(definition)])
        if self._is_resource_name(definition.name):
            return _resource(definition.name)
        fields = [item for item in definition.body if isinstance(item, ast.AnnAssign)]
        texts = [(item.target.id, item.annotation) for item in fields if isinstance(item.target, ast.Name)]
        required = [
            item.target.id
            for item in fields
            if item.value is None and isinstance(item.target, ast.Name) and not self._may_be_absent(definition, item)
        ]
        if not texts and not self._has_fields(definition):
            return self._foreign(definition.name, definition.name)
        return Annotated(self._object(texts, required=required, depth=depth))

    def _object(self, members: list[tuple[str, ast.expr]], *, required: list[str], depth: int) -> Schema:
        properties = {name: dict(self.read(annotation, depth=depth + 1).schema) for name, annotation in members}
        return {"type": "object", "properties": properties, "required": required}

    def _has_fields(self, definition: ast.ClassDef) -> bool:
        return any(self._plain(base) in _FIELD_BASES for base in definition.bases) or bool(definition.decorator_list)

    def _may_be_absent(self, definition: ast.ClassDef, item: ast.AnnAssign) -> bool:
        """Whether a field of a TypedDict may be left out."""
        is_partial = any(
            word.arg == "total" and isinstance(word.value, ast.Constant) and word.value.value is False
            for word in definition.keywords
        )
        return is_partial or (
            isinstance(item.annotation, ast.Subscript) and self._plain(item.annotation.value) == "NotRequired"
        )

    def _is_resource_name(self, name: str) -> bool:
        return name == name.lower() or snake_case(name) in self.resource_types


def _coercion(schema: Schema) -> Coercion | None:
    """What turns one JSON string into a value of `schema`."""
    if schema.get("type") != "string":
        return None
    if schema.get("contentEncoding") == "base64":
        return Coercion.BYTES_BASE64
    return _COERCIONS.get(schema.get("format"))


def snake_case(name: str) -> str:
    """`MsSqlServer` as `ms_sql_server`; a name in snake_case stays as it is."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def enum_members(definition: ast.ClassDef) -> list[tuple[str, object]]:
    """Names and literal values of an enumeration, in order; members whose value is computed are left out."""
    found: list[tuple[str, object]] = []
    for item in definition.body:
        match item:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if not name.startswith("_"):
                try:
                    found.append((name, literal(value)))
                except NotLiteral:
                    continue
    return found


def _resource(name: str) -> Annotated:
    return Annotated({"type": "object", "format": f"resource-{snake_case(name)}"})


def _special(name: str) -> Schema | None:
    """Types of the `wmill` package, which go by their name alone."""
    if name == "S3Object":
        return {"type": "object", "format": "resource-s3_object"}
    if name.startswith("DynSelect_"):
        return {"type": "object", "format": f"dynselect-{name.removeprefix('DynSelect_')}"}
    return None


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """The parts of `A | B | C`, in order, however long the chain is."""
    pending = [node]
    while pending:
        part = pending.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr):
            pending.extend((part.right, part.left))
        else:
            yield part


def _is_mixed_tuple(name: str, arguments: list[ast.expr]) -> bool:
    if name not in {"tuple", "Tuple"}:
        return False
    return not (len(arguments) == 2 and isinstance(arguments[1], ast.Constant) and arguments[1].value is ...)


def _literal_or_none(node: ast.expr) -> object:
    try:
        return literal(node)
    except NotLiteral:
        return ...


def _choice(values: list[object]) -> Annotated:
    """A choice among JSON values; `...` stands for one that has no JSON form."""
    shown = [value for value in values if value is not None and value is not ...]
    is_nullable = any(value is None for value in values)
    if not shown or any(value is ... for value in values):
        return Annotated({}, is_nullable)
    names = {str: "string", bool: "boolean", int: "integer", float: "number"}
    kinds = {names.get(type(value), "") for value in shown}
    kind = kinds.pop() if len(kinds) == 1 else ""
    return Annotated({"type": kind, "enum": shown} if kind else {"enum": shown}, is_nullable)
