"""`explain`, which BigQuery's SQL lacks: a dry run tells what the statement is, reads and would cost."""

from typing import Final

from tidemill.engine.sql.dialect import dialect_of
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.model.column import Column, DataType, Kind, Row
from tidemill.stores.databases.bigquery.api import Body
from tidemill.stores.databases.bigquery.types import columns_of
from tidemill.stores.databases.paged import PagedRows

_TEXT: Final = DataType(name="string", kind=Kind.TEXT)
_COUNT: Final = DataType(name="int64", kind=Kind.INTEGER)
_TEXTS: Final = DataType(name="array<string>", kind=Kind.ARRAY, item=_TEXT)
_COLUMNS: Final = (
    Column("statement_type", _TEXT),
    Column("total_bytes_processed", _COUNT),
    Column("referenced_tables", _TEXTS),
    Column("columns", _TEXTS),
)


def explained_text(text: str) -> str | None:
    """What is to be explained, with blanks in the place of the word; None where nothing is."""
    for token in tokens(text, dialect_of("bigquery")):
        if token.part is Part.COMMENT:
            continue
        if token.part is Part.WORD and token.text(text).lower() == "explain":
            return text[: token.start] + " " * (token.end - token.start) + text[token.end :]
        return None
    return None


def explained(statistics: Body) -> PagedRows:
    """One row, of the statistics of a dry run."""
    told = statistics.get("query") or {}
    processed = told.get("totalBytesProcessed", statistics.get("totalBytesProcessed"))
    tables = ["{projectId}.{datasetId}.{tableId}".format(**each) for each in told.get("referencedTables") or []]
    columns, _ = columns_of((told.get("schema") or {}).get("fields") or [])
    named = [f"{column.name} {column.type.name}" for column in columns]
    kind = told.get("statementType")
    row: Row = (kind, None if processed is None else int(processed), tables, named)
    return PagedRows(_COLUMNS, [row], fetch=_no_more, read=lambda row: row)


async def _no_more() -> None:
    return None
