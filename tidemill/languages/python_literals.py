"""The JSON value of a literal in Python source, so that a form can show a default. Nothing is evaluated."""

import ast
import base64
import math
from typing import Final

MAX_DEPTH: Final = 64
_MAX_INT_BITS: Final = 14_000  # about 4,300 digits: more cannot be written as text


class NotLiteral(Exception):
    """The expression is computed, or has no JSON form."""


def literal(node: ast.expr, *, depth: int = 0) -> object:
    """The JSON value of `node`: constants, negative numbers, and lists, tuples and dicts of them; bytes as base64.

    Raises:
        NotLiteral: it is anything else: a call, a name, arithmetic, a set, a dict whose keys are not strings, a
            number or a text that JSON does not have.
    """
    if depth > MAX_DEPTH:
        raise NotLiteral
    match node:
        case ast.Constant(value=value):
            return _constant(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if type(value) in {int, float}:
            return _constant(-value)  # type: ignore[operator]  # one of the two types above
        case ast.UnaryOp(op=ast.UAdd(), operand=ast.Constant(value=value)) if type(value) in {int, float}:
            return _constant(value)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [literal(item, depth=depth + 1) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key): literal(value, depth=depth + 1) for key, value in zip(keys, values, strict=True)}
    raise NotLiteral


def _constant(value: object) -> object:
    match value:
        case None | bool():
            return value
        case str():
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                raise NotLiteral
            return value
        case int() if value.bit_length() <= _MAX_INT_BITS:
            return value
        case float() if math.isfinite(value):
            return value
        case bytes():
            return base64.b64encode(value).decode()
    raise NotLiteral


def _key(node: ast.expr | None) -> str:
    match node:
        case ast.Constant(value=str() as text):
            found = _constant(text)
            assert isinstance(found, str)
            return found
    raise NotLiteral
