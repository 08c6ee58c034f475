"""The signature of a Python script's function, read from its syntax tree."""

import ast
from collections.abc import Collection
from typing import Final

from tidemill.languages.python_annotations import Annotated, Annotations, enum_members
from tidemill.languages.python_definitions import Definitions, definitions
from tidemill.languages.python_literals import NotLiteral, literal
from tidemill.languages.python_parsing import parse
from tidemill.model.errors import InvalidScript
from tidemill.model.script import PREPROCESSOR_ENTRY, Parameter, Signature

MAX_PARAMETERS: Final = 1_000
COMPUTED_NOTE: Final = "The default is computed when the script runs; leave the field out to use it."

Function = ast.FunctionDef | ast.AsyncFunctionDef


def signature(content: str, *, entry: str, resource_types: Collection[str] = ()) -> Signature:
    """The signature of the function `entry`. See `Language.signature` for the errors."""
    names = definitions(parse(content))
    function = names.functions.get(entry)
    has_preprocessor = PREPROCESSOR_ENTRY in names.functions
    if function is None:
        return Signature(entry=entry, has_entry=False, has_preprocessor=has_preprocessor)
    return Signature(
        parameters=_parameters(function, names=names, resource_types=resource_types),
        entry=entry,
        has_preprocessor=has_preprocessor,
        takes_any=function.args.kwarg is not None,
        description=(ast.get_docstring(function) or "").partition("\n\n")[0],
    )


def _parameters(function: Function, *, names: Definitions, resource_types: Collection[str]) -> tuple[Parameter, ...]:
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if len(positional) + len(arguments.kwonlyargs) > MAX_PARAMETERS:
        raise InvalidScript(f"Line {function.lineno}: {function.name} has more than {MAX_PARAMETERS} parameters.")
    absent: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*absent, *arguments.defaults, *arguments.kw_defaults]
    annotations = Annotations(names, resource_types)
    return tuple(
        _parameter(argument, default, names=names, annotations=annotations)
        for argument, default in zip([*positional, *arguments.kwonlyargs], defaults, strict=True)
    )


def _parameter(
    argument: ast.arg, default: ast.expr | None, *, names: Definitions, annotations: Annotations
) -> Parameter:
    shows_default, value = _default(default, names)
    if argument.annotation is not None:
        said = annotations.read(argument.annotation)
    else:
        said = Annotated(_inferred(default, value) if shows_default else {})
    return Parameter(
        name=argument.arg,
        value_schema=said.schema,
        has_default=default is not None,
        default=value,
        shows_default=shows_default,
        is_nullable=said.is_nullable,
        coercion=said.coercion,
        note=COMPUTED_NOTE if default is not None and not shows_default else "",
    )


def _default(node: ast.expr | None, names: Definitions) -> tuple[bool, object]:
    """Whether the default can be shown, and its JSON value."""
    if node is None:
        return False, None
    match node:
        case ast.Attribute(value=ast.Name(id=class_name), attr=member) if class_name in names.classes:
            members = dict(enum_members(names.classes[class_name]))
            return (True, members[member]) if member in members else (False, None)
    try:
        return True, literal(node)
    except NotLiteral:
        return False, None


def _inferred(node: ast.expr | None, value: object) -> dict[str, object]:
    """The schema that an unannotated parameter gets from its default."""
    match node, value:
        case ast.Constant(value=bytes()), _:
            return {"type": "string", "contentEncoding": "base64"}
        case _, bool():
            return {"type": "boolean"}
        case _, int():
            return {"type": "integer"}
        case _, float():
            return {"type": "number"}
        case _, str():
            return {"type": "string"}
        case _, list():
            return {"type": "array"}
        case _, dict():
            return {"type": "object"}
    return {}
