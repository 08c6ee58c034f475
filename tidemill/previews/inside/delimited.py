"""CSV and its relatives. Cells stay the texts that they are; the engine finds out what they look like."""

from typing import Final

from tidemill.model.errors import TooLarge
from tidemill.previews.inside.cells import written
from tidemill.previews.inside.engine import MORE_THAN_ANY, OBJECT, Engine, literal
from tidemill.previews.inside.files import in_utf8
from tidemill.previews.inside.ranges import Ranges
from tidemill.previews.inside.relation import Field, Relation, column_of, require_columns, text_columns
from tidemill.previews.table import MIB, WAY_OUT, TableQuestion

_LINES: Final = (MIB, 15 * MIB)
"""The longest line, to be tried in turn; the engine reads so much at a time."""
_SAMPLE_ROWS: Final = 2048


def delimited(engine: Engine, ranges: Ranges, question: TableQuestion) -> Relation:
    """The rows of a CSV file; its first piece is read to find out how it is written."""
    size_bytes = ranges.size_bytes if question.encoding == "utf-8" else MORE_THAN_ANY
    engine.show(lambda: in_utf8(ranges, question.encoding), size_bytes=size_bytes)
    limits = f"buffer_size = {(longest := longest_line(ranges))}, max_line_size = {longest}"
    wanted = [f"sample_size = {_SAMPLE_ROWS}", "comment = ''", "skip = 0", limits]
    if question.separator:
        wanted.append(f"delim = {literal(question.separator)}")
    if question.has_header is not None:
        wanted.append(f"header = {question.has_header}")
    found = engine.connection.execute(
        f'select "Delimiter", "Quote", "Escape", "HasHeader", "Columns" from sniff_csv({OBJECT}, {", ".join(wanted)})'
    ).fetchone()
    assert found is not None
    separator, quote, escape, has_header, columns = found
    require_columns(len(columns))
    how = [
        "auto_detect = false, strict_mode = true, comment = '', skip = 0, allow_quoted_nulls = false",
        f"delim = {literal(separator)}, quote = {literal(_none(quote))}, escape = {literal(_none(escape))}",
        f"header = {has_header}, columns = {{{text_columns(columns)}}}, {limits}",
    ]
    return Relation(
        sql=f"read_csv({OBJECT}, {', '.join(how)})",
        fields=tuple(_field(place, each["name"], each["type"]) for place, each in enumerate(columns)),
        separator=separator,
        has_header=has_header,
        encoding=question.encoding,
    )


def _field(place: int, name: str, kind: str) -> Field:
    column = column_of(place)
    value = column if kind == "VARCHAR" else f"try_cast({column} as {kind})"
    return Field(name=name, type=kind, shown=column, text=column, value=value, encode=written(kind))


def _none(character: str) -> str:
    return "" if character == "(empty)" else character


def longest_line(ranges: Ranges) -> int:
    """How long lines may be in this object, judged by its first one.

    Raises:
        TooLarge: that has no end within reach.
    """
    for most in _LINES:
        if most >= ranges.size_bytes or any(end in ranges.read(0, most) for end in (b"\n", b"\r")):
            return most
    raise TooLarge(f"The first line has more than {_LINES[-1]} bytes, so this is hardly a table. {WAY_OUT}")
