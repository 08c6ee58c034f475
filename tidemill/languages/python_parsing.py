"""Turns the text of a Python script into a syntax tree, without ever executing any of it."""

import ast
import io
import re
import threading
import tokenize
import warnings
from collections.abc import Iterator
from typing import Final

from tidemill.model.errors import InvalidScript

MAX_SOURCE_BYTES: Final = 1024 * 1024
_WARNINGS: Final = threading.Lock()


def parse(content: str) -> ast.Module:
    """The syntax tree of `content`.

    Raises:
        InvalidScript: it is not Python (the message names the line), larger than 1 MiB, not UTF-8 text, holds a NUL,
            or is nested deeper than the parser goes.
    """
    encoded = _encode(content)
    _check_declared_encoding(encoded)
    try:
        # A script's own warnings (an escape such as "\d") are not ours to show, and must not become errors. The
        # filters belong to the whole process, hence the lock.
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(content.removeprefix("\ufeff"), filename="<script>")
    except SyntaxError as error:
        raise InvalidScript(_explain(error)) from error
    except (RecursionError, MemoryError) as error:
        raise InvalidScript("The script is nested too deeply to be parsed.") from error
    except ValueError as error:  # such as an integer literal of more digits than Python converts
        raise InvalidScript(f"The script cannot be parsed: {error}.") from error


def parse_expression(text: str) -> ast.expr | None:
    """The expression in `text` (an annotation in quotes); None if it is not one."""
    try:
        body = parse(text).body
    except InvalidScript:
        return None
    return body[0].value if len(body) == 1 and isinstance(body[0], ast.Expr) else None


def source_lines(content: str) -> list[str]:
    """The lines of `content` as Python counts them: a form feed or a Unicode line separator does not end one."""
    return re.split(r"\r\n|\r|\n", content)


def statements(module: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported, in order: also those under `if`, `try` and `with`."""
    pending: list[ast.stmt] = list(reversed(module.body))
    while pending:
        statement = pending.pop()
        yield statement
        match statement:
            case ast.If(body=body, orelse=orelse):
                pending.extend(reversed([*body, *orelse]))
            case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
                handled = [inner for handler in handlers for inner in handler.body]
                pending.extend(reversed([*body, *handled, *orelse, *final]))
            case ast.With(body=body):
                pending.extend(reversed(body))


def _encode(content: str) -> bytes:
    try:
        encoded = content.encode()
    except UnicodeEncodeError as error:
        raise InvalidScript("The script is not valid Unicode text: it holds half of a surrogate pair.") from error
    if len(encoded) > MAX_SOURCE_BYTES:
        raise InvalidScript(
            f"The script has {len(encoded)} bytes; at most {MAX_SOURCE_BYTES} are allowed. Keep data in an object or a "
            "resource, and read it from there."
        )
    if b"\0" in encoded:
        line = content.count("\n", 0, content.index("\0")) + 1
        raise InvalidScript(f"Line {line}: the script holds a NUL character.")
    return encoded


def _check_declared_encoding(encoded: bytes) -> None:
    """Scripts are stored and written as UTF-8: another declared encoding would garble them when they are run."""
    try:
        found, _ = tokenize.detect_encoding(io.BytesIO(encoded).readline)
    except SyntaxError as error:
        raise InvalidScript(
            f"The script declares an encoding that is not UTF-8: {error.msg}. Remove the line."
        ) from error
    if found.lower() not in {"utf-8", "utf-8-sig"}:
        raise InvalidScript(f"The script declares the encoding {found!r}, but scripts are UTF-8: remove the line.")


def _explain(error: SyntaxError) -> str:
    where = f"Line {error.lineno}: " if error.lineno else ""
    return f"{where}{(error.msg or 'invalid syntax').rstrip('.')}."
