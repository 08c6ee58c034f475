"""A query as `COPY … (format binary)`: values put in as literals, columns without a binary form of ours as texts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg.pq import Escaping
from psycopg.pq.abc import PGconn

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.engine.sql.lexer import Part, place_key, tokens
from tidemill.model.column import Column
from tidemill.stores.databases.postgresql.binary_values import Decode, binary_decoder, text_decoder
from tidemill.stores.databases.postgresql.types import VOID

LOOK_UP: Final = """
select oid, typoutput::pg_catalog.regproc::text, pg_catalog.format_type(oid, -1)
from pg_catalog.pg_type where oid = any($1::pg_catalog.oid[])
"""
"""The function that writes a type's values, and the name by which a text is cast to it."""
_IS_QUERY: Final = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*+(?:select|with|values|table)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Field:
    """A column: the OIDs of its type and of its loader, and what decodes it; None where each text has to be loaded."""

    column: Column
    oid: int
    loader_oid: int
    is_binary: bool
    decode: Decode | None


@dataclass(frozen=True, slots=True)
class Literal:
    """What stands in the place of an argument: the text of its value (None for NULL), and its type's OID."""

    value: bytes | None
    oid: int


@dataclass(frozen=True, slots=True)
class TypeName:
    """See `LOOK_UP`."""

    output: str
    name: str


def may_be_copied(text: str) -> bool:
    """Whether a statement may be a query; the server decides."""
    return _IS_QUERY.match(text) is not None


def fields_of(columns: Sequence[Column], oids: Sequence[int], loader_oids: Sequence[int]) -> list[Field] | None:
    """How each column is read; None where one of them cannot be."""
    found = []
    for column, oid, loader_oid in zip(columns, oids, loader_oids, strict=True):
        if oid == VOID:
            return None
        decode = binary_decoder(loader_oid, column.type)
        is_binary = decode is not None
        found.append(Field(column, oid, loader_oid, is_binary, decode or text_decoder(column.type)))
    return found


def wrapped(
    text: str, literals: Sequence[Literal], fields: Sequence[Field], *, names: Mapping[int, TypeName], pgconn: PGconn
) -> bytes:
    """The query around the query, without arguments."""
    inner = _with_literals(text, literals, names, pgconn)
    aliases = ", ".join(f"c{number}" for number in range(len(fields)))
    items = ", ".join(
        f"c{number}" if field.is_binary else f"pg_catalog.textin({names[field.oid].output}(c{number}))"
        for number, field in enumerate(fields)
    )
    head = f"select {items} from ("  # noqa: S608  # numbered names, and functions that the catalogue named
    return head.encode() + inner + f"\n) as found({aliases})".encode()


def _with_literals(text: str, literals: Sequence[Literal], names: Mapping[int, TypeName], pgconn: PGconn) -> bytes:
    """Each place `$1` replaced. How a literal is quoted depends on the connection."""
    pieces: list[bytes] = []
    at = 0
    for token in tokens(text, DIALECTS["postgresql"]):
        if token.part is Part.PLACE:
            literal = literals[int(place_key(token.text(text))) - 1]
            quoted = b"null" if literal.value is None else bytes(Escaping(pgconn).escape_literal(literal.value))
            pieces += [text[at : token.start].encode(), b"(%s::%s)" % (quoted, names[literal.oid].name.encode())]
            at = token.end
    return b"".join((*pieces, text[at:].encode()))
