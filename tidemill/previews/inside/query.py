"""Asks the engine what the question asks, and puts the answer together."""

from collections.abc import Callable
from typing import Final

import msgspec

from tidemill.model.errors import TooLarge
from tidemill.previews.inside.conditions import Conditions
from tidemill.previews.inside.engine import Engine, quoted
from tidemill.previews.inside.relation import Relation
from tidemill.previews.table import MAX_PAGE_BYTES, WAY_OUT, Column, Page, TableQuestion

_BATCH: Final = 100
_OUTPUT: Final = "'object://out'"
# As `"…"` where it must be, nothing for null, `""` for an empty text.
_CSV: Final = "format csv, header true, use_tmp_file false"
_NULL: Final = msgspec.Raw(b"null")

Values = tuple[object, ...]
Fetch = Callable[[int], list[Values]]


def page(engine: Engine, relation: Relation, question: TableQuestion) -> Page:
    """One page, with a look at whether there is another."""
    conditions = Conditions(relation, question)
    wanted = [each.shown for each in relation.fields] + ([relation.rest] if relation.rest else [])
    source, order = _ordered(relation, question)
    sql = f"select {', '.join(wanted) or 'null'} from {source}{conditions.sql}{order} limit ? offset ?"
    cursor = engine.connection.execute(sql, [*conditions.parameters, question.limit + 1, question.offset])
    columns = [Column(each.name, each.type) for each in relation.fields]
    rows, has_more = _Rows(relation, columns, question.limit).collect(cursor.fetchmany)
    end = question.offset + len(rows)
    total = None if conditions.sql else relation.total
    if total is None and not has_more and (rows or not question.offset):
        total = end
    return Page(
        columns=columns,
        rows=rows,
        next_offset=end if has_more else None,
        total=total,
        separator=relation.separator,
        has_header=relation.has_header,
        encoding=relation.encoding,
        sheet=relation.sheet,
        sheets=list(relation.sheets),
    )


def count(engine: Engine, relation: Relation, question: TableQuestion) -> int:
    """The number of rows that fit."""
    conditions = Conditions(relation, question)
    if not conditions.sql and relation.total is not None:
        return relation.total
    sql = f"select count(*) from {relation.sql}{conditions.sql}"
    row = engine.connection.execute(sql, conditions.parameters).fetchone()
    assert row is not None
    return int(row[0])


def export(engine: Engine, relation: Relation, question: TableQuestion) -> None:
    """All rows that fit, in their order, written as CSV to where the engine writes."""
    conditions = Conditions(relation, question)
    wanted = ", ".join(f"{each.shown} as {quoted(each.name)}" for each in relation.fields)
    source, order = _ordered(relation, question)
    sql = f"copy (select {wanted} from {source}{conditions.sql}{order}) to {_OUTPUT} ({_CSV})"
    engine.connection.execute(sql, conditions.parameters)


def _ordered(relation: Relation, question: TableQuestion) -> tuple[str, str]:
    """What to read from, and the order. The number of a row decides among equals, so that pages fit together."""
    if not question.order_by:
        return relation.sql, ""
    field = relation.field(question.order_by)
    source, number = relation.sql, relation.number
    if not number:
        longest = max((len(each.name) for each in relation.fields), default=0)
        number = quoted("n" * (longest + 1))  # a name that no column has
        source = f"(select *, row_number() over () as {number} from {source})"
    direction = "desc" if question.descending else "asc"
    second = "" if field.value == field.text else f"{field.text} {direction} nulls last, "
    return source, f" order by {field.value} {direction} nulls last, {second}{number}"


class _Rows:
    """Rows of one page as JSON, until there are enough of them."""

    def __init__(self, relation: Relation, columns: list[Column], limit: int) -> None:
        self._fields = relation.fields
        self._has_rest = bool(relation.rest)
        self._columns = columns
        self._limit = limit
        self._rows: list[list[msgspec.Raw]] = []
        self._bytes = 0

    def collect(self, fetch: Fetch) -> tuple[list[list[msgspec.Raw]], bool]:
        """The rows, and whether more would follow.

        Raises:
            TooLarge: already the first one is.
        """
        while batch := fetch(_BATCH):
            for values in batch:
                if len(self._rows) >= self._limit:
                    return self._filled(), True
                row = self._row(values)
                self._bytes += sum(len(bytes(cell)) + 1 for cell in row)
                if self._bytes > MAX_PAGE_BYTES:
                    if not self._rows:
                        raise TooLarge(f"A row of this page has more than {MAX_PAGE_BYTES} bytes. {WAY_OUT}")
                    return self._filled(), True
                self._rows.append(row)
        return self._filled(), False

    def _row(self, values: Values) -> list[msgspec.Raw]:
        row = [msgspec.Raw(each.encode(value)) for each, value in zip(self._fields, values, strict=False)]
        rest = values[len(self._fields)] if self._has_rest else None
        if rest is not None:
            self._add(row, msgspec.json.decode(str(rest), type=dict[str, msgspec.Raw]))
        return row

    def _add(self, row: list[msgspec.Raw], rest: dict[str, msgspec.Raw]) -> None:
        """Give what a row has beside the known columns columns of its own."""
        places = {column.name: place for place, column in enumerate(self._columns)}
        for name, cell in rest.items():
            if name not in places:
                places[name] = len(self._columns)
                self._columns.append(Column(name, "JSON"))
            row += [_NULL] * (places[name] + 1 - len(row))
            row[places[name]] = cell

    def _filled(self) -> list[list[msgspec.Raw]]:
        """All rows as long as the longest: columns may have come late."""
        for row in self._rows:
            row.extend([_NULL] * (len(self._columns) - len(row)))
        return self._rows
