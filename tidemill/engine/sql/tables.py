"""The SQL that the database explorer generates: pages of rows, and changes to exactly one row.

Names are quoted, values are bound; nothing of what a user types becomes part of a text. Every function gives statements
in the dialect's own placeholders.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tidemill.engine.pages import NULL, Filter, Identity, Operator, Order, Page
from tidemill.engine.sql.styles import PLAIN, Compared, Style
from tidemill.model.errors import BadRequest

MOST_NAME_CHARS: Final = 128
_VERSION: Final = re.compile(r"[0-9A-Za-z+/(),*-]+")


@dataclass(frozen=True, slots=True)
class Value:
    """A value to be bound: the type of its column, and raw JSON; None for null."""

    type_name: str
    raw: bytes | None


@dataclass(slots=True)
class Text:
    """A statement as it grows: values become placeholders."""

    style: Style
    values: list[Value] = field(default_factory=list)

    def name(self, name: str) -> str:
        """A quoted name.

        Raises:
            BadRequest: no database has such a name.
        """
        if not name or "\0" in name or len(name) > MOST_NAME_CHARS:
            raise BadRequest(f"{name[:40]!r} is no name of a schema, table or column.")
        return self.style.quoted(name)

    def value(self, type_name: str, raw: bytes | None) -> str:
        """The placeholder for a value."""
        self.values.append(Value(type_name, None if raw is None or raw.strip() == NULL else raw))
        return self.style.placeholder.format(number=len(self.values), type=type_name)

    def compared(self, how: Compared, type_name: str, raw: bytes) -> str:
        """A value that is compared with a column of a type."""
        return how.value.format(value=self.value(how.bound_as or type_name, raw))


@dataclass(frozen=True, slots=True)
class Generated:
    """A statement and its values, in the order of their placeholders."""

    text: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table as far as statements need it.

    Attributes:
        types: of each column by its name.
        key: the columns that tell rows apart; () for none.
        sorted_by: the columns by which it is kept where there is no key, so that sorting by them is cheap.
        is_table: False for a view: of its rows there is one page.
        why_read_only: why its rows cannot be changed; "" where they can.
    """

    schema: str
    table: str
    types: Mapping[str, str]
    key: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    is_table: bool = True
    why_read_only: str = ""

    def type_of(self, column: str) -> str:
        """
        Raises:
            BadRequest: it has no such column.
        """
        if column not in self.types:
            raise BadRequest(f"The table {self.schema}.{self.table} has no column {column[:80]!r}.")
        return self.types[column]


def full_order(style: Style, place: Place, order: Sequence[Order]) -> tuple[Order, ...]:
    """The order made complete: behind the wanted columns come those of the key, or what names a row, or all others.

    Only in the last case do rows share a place, those that are alike. Of views it is what was asked for.
    """
    given = {each.column for each in order}
    for column in given:
        place.type_of(column)
    if not place.is_table:
        return tuple(order)
    if not place.key and style.row:
        return (*order, Order(style.row))
    if not place.key and style.tie:
        return (*order, Order(_tie(style, place)))
    rest = place.key or (*place.sorted_by, *place.types)
    return (*order, *(Order(column) for column in dict.fromkeys(rest) if column not in given))


def _tie(style: Style, place: Place) -> str:
    assert style.tie is not None, "asked where there is one"
    return style.tie([(style.quoted(name), kind) for name, kind in place.types.items()])


def is_unique(style: Style, place: Place) -> bool:
    """Whether no two rows share a place in the full order."""
    return bool(place.key or style.row)


def select_page(style: Style, place: Place, page: Page) -> Generated:
    """The rows of a page, and one more, which tells whether there are others.

    Behind the columns come the version and the name of the row, where there are such, and then what the row is sorted
    by, a column for each of the full order of a table.

    Raises:
        BadRequest: a column is not there, or `after` does not fit the order.
    """
    text = Text(style)
    order = full_order(style, place, page.order)
    by = [_Sorted.of(text, place, each) for each in order]
    columns = [text.name(column) for column in place.types]
    if place.is_table:
        if style.version:
            columns.append(style.version([(text.name(name), kind) for name, kind in place.types.items()]))
        columns += [style.row_text] if style.row else []
        named = " as tidemill_{number}" if style.tie else ""  # where no two columns may have one name
        sorted_columns = [each.column for each in by if each.column != style.row]
        columns += [each + named.format(number=number) for number, each in enumerate(sorted_columns, start=1)]
    conditions = [_filter(text, place, each) for each in page.filters]
    after, skipped = _place_of(style, place, order, page.after)
    if after:
        conditions.append(_behind(text, by, after, is_inclusive=not is_unique(style, place)))
    where = f" where {' and '.join(conditions)}" if conditions else ""
    sorted_by = ", ".join(each.column + (" desc" if each.is_descending else "") for each in by)
    source = f"{text.name(place.schema)}.{text.name(place.table)}{style.alias}"
    sql = f"select {', '.join(columns)} from {source}{where}{f' order by {sorted_by}' if by else ''}"
    form = (style.skipping if skipped else style.page) if by else style.unsorted + style.page
    return Generated(sql + form.format(count=page.limit + 1, skipped=skipped), tuple(text.values))


def select_all(style: Style, place: Place, page: Page) -> Generated:
    """All rows that match, in the order that is asked for."""
    text = Text(style)
    columns = ", ".join(text.name(column) for column in place.types)
    conditions = [_filter(text, place, each) for each in page.filters]
    where = f" where {' and '.join(conditions)}" if conditions else ""
    by = [_Sorted.of(text, place, each) for each in page.order]
    sorted_by = ", ".join(each.column + (" desc" if each.is_descending else "") for each in by)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    order = f" order by {sorted_by}" if by else ""
    return Generated(f"select {columns} from {source}{where}{order}", tuple(text.values))


def _place_of(
    style: Style, place: Place, order: Sequence[Order], after: Sequence[bytes]
) -> tuple[Sequence[bytes], int]:
    """The values behind which a page begins, and how many rows that have the same were shown before."""
    has_count = not is_unique(style, place)
    if not after:
        return (), 0
    if not place.is_table or len(after) != len(order) + has_count:
        raise BadRequest("`after` does not fit this order: take it from the page before, with the same sort.")
    if not has_count:
        return after, 0
    if not after[-1].isdigit():
        raise BadRequest("`after` is not as the page before gave it.")
    return after[:-1], int(after[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    """A part of an order: what is compared, and the type of what it is compared with."""

    column: str
    how: Compared
    type_name: str
    is_descending: bool
    is_never_null: bool

    @classmethod
    def of(cls, text: Text, place: Place, order: Order) -> "_Sorted":
        style = text.style
        is_row = order.column == style.row
        if is_row or (style.tie and not place.key and order.column == _tie(style, place)):
            type_name = style.row_type if is_row else style.tie_type
            return cls(column=order.column, how=PLAIN, type_name=type_name, is_descending=False, is_never_null=True)
        type_name = place.type_of(order.column)
        how = style.sorted(type_name)
        return cls(
            column=how.column.format(column=text.name(order.column)),
            how=how,
            type_name=type_name,
            is_descending=order.is_descending,
            is_never_null=order.column in place.key,
        )


def _filter(text: Text, place: Place, wanted: Filter) -> str:
    type_name = place.type_of(wanted.column)
    column = text.name(wanted.column)
    match wanted.operator:
        case Operator.IS_NULL | Operator.IS_NOT_NULL:
            return f"{column} {wanted.operator}"
        case Operator.CONTAINS:
            return text.style.contains.format(column=column, value=text.value(text.style.text, wanted.raw))
        case Operator.BEGINS:
            return text.style.begins.format(column=column, value=text.value(text.style.text, wanted.raw))
    sign = "<>" if wanted.operator is Operator.NOT_EQUAL else wanted.operator
    how = text.style.compared(type_name)
    return f"{how.column.format(column=column)} {sign} {text.compared(how, type_name, wanted.raw)}"


def _behind(text: Text, by: Sequence[_Sorted], after: Sequence[bytes], *, is_inclusive: bool) -> str:
    """The rows behind those values: equal in the columns before, further in this one. And those with the same values,
    where that is asked for."""
    found = []
    for index, each in enumerate(by):
        if _has_further(text.style, each, after[index]):
            before = [_equal(text, by[at], after[at]) for at in range(index)]
            found.append(f"({' and '.join([*before, _further(text, each, after[index])])})")
    if is_inclusive:
        found.append(f"({' and '.join(_equal(text, each, raw) for each, raw in zip(by, after, strict=True))})")
    return f"({' or '.join(found)})" if found else "1 = 0"


def _has_further(style: Style, by: _Sorted, raw: bytes) -> bool:
    return raw.strip() != NULL or not _puts_nulls_last(style, by)


def _puts_nulls_last(style: Style, by: _Sorted) -> bool:
    return style.nulls_last_descending if by.is_descending else style.nulls_last


def _further(text: Text, by: _Sorted, raw: bytes) -> str:
    nulls_last = _puts_nulls_last(text.style, by)
    if raw.strip() == NULL:
        return f"{by.column} is not null"
    sign = "<" if by.is_descending else ">"
    condition = f"{by.column} {sign} {text.compared(by.how, by.type_name, raw)}"
    return f"({condition} or {by.column} is null)" if nulls_last and not by.is_never_null else condition


def _equal(text: Text, by: _Sorted, raw: bytes) -> str:
    if raw.strip() == NULL:
        return f"{by.column} is null"
    return f"{by.column} = {text.compared(by.how, by.type_name, raw)}"


def lock_row(style: Style, place: Place, row: Identity) -> Generated:
    """Gives one line for each row that is the one and is as it was seen; they stay so until the transaction ends."""
    text = Text(style)
    where = _identified(text, place, row)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    return Generated(f"select 1 from {source}{style.locked} where {where}{style.lock}", tuple(text.values))


def update_row(style: Style, place: Place, row: Identity, values: Mapping[str, bytes]) -> Generated:
    """Sets columns of one row.

    Raises:
        BadRequest: nothing is set, or a column is not there.
    """
    if not values:
        raise BadRequest("An update needs at least one value to set.")
    text = Text(style)
    settings = [f"{text.name(column)} = {text.value(place.type_of(column), raw)}" for column, raw in values.items()]
    where = _meant(text, place, row)
    source = f"{_first_one(style, place)}{text.name(place.schema)}.{text.name(place.table)}"
    return Generated(f"update {source} set {', '.join(settings)} where {where}", tuple(text.values))


def delete_row(style: Style, place: Place, row: Identity) -> Generated:
    """Deletes one row."""
    text = Text(style)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    return Generated(
        f"delete {_first_one(style, place)}from {source} where {_meant(text, place, row)}", tuple(text.values)
    )


def insert_row(style: Style, place: Place, values: Mapping[str, bytes]) -> Generated:
    """Inserts a row; columns that are not named get their defaults."""
    text = Text(style)
    _refuse_read_only(place)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    if not values:
        nothing = style.nothing.format(column=text.name(next(iter(place.types))))
        return Generated(f"insert into {source} {nothing}", ())
    columns = ", ".join(text.name(column) for column in values)
    given = ", ".join(text.value(place.type_of(column), raw) for column, raw in values.items())
    return Generated(f"insert into {source} ({columns}) values ({given})", tuple(text.values))


def insert_rows(
    style: Style, place: Place, columns: Sequence[str], rows: Sequence[Sequence[bytes | None]]
) -> Generated:
    """Inserts rows of the same columns together.

    Raises:
        BadRequest: there are no columns, or it cannot be changed.
    """
    text = Text(style)
    _refuse_read_only(place)
    if not columns:
        raise BadRequest("the record has no value for a column of the table.")
    names = ", ".join(text.name(column) for column in columns)
    types = [place.type_of(column) for column in columns]
    given = ", ".join(
        f"({', '.join(text.value(type_name, raw) for type_name, raw in zip(types, row, strict=True))})" for row in rows
    )
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    return Generated(f"insert into {source} ({names}) values {given}", tuple(text.values))


def write_rows(style: Style, place: Place, columns: Sequence[str]) -> str:
    """What a session runs to write many rows of the same columns; "" where the engine has nothing like it.

    Raises:
        BadRequest: there are no columns, or it cannot be changed.
    """
    text = Text(style)
    _refuse_read_only(place)
    if not columns:
        raise BadRequest("the record has no value for a column of the table.")
    return style.many.format(
        source=f"{text.name(place.schema)}.{text.name(place.table)}",
        columns=", ".join(text.name(column) for column in columns),
        values=", ".join(style.place.format(number=number) for number in range(1, len(columns) + 1)),
    )


def _refuse_read_only(place: Place) -> None:
    if place.why_read_only:
        raise BadRequest(f"Rows of {place.schema}.{place.table} cannot be changed. {place.why_read_only}")


def _first_one(style: Style, place: Place) -> str:
    return "" if place.key else style.first_one


def _meant(text: Text, place: Place, row: Identity) -> str:
    """The row, once it is locked: what is known of it by then need not be said again, where it is long."""
    if place.key and not text.style.is_short:
        return " and ".join(_key(text, place, row))
    return _identified(text, place, row) + text.style.only_one


def _identified(text: Text, place: Place, row: Identity) -> str:
    _refuse_read_only(place)
    conditions = _key(text, place, row)
    if not row.version:
        raise BadRequest("Send the version of the row as it was seen: `version`.")
    assert text.style.version is not None, "where there is none, places are read-only"
    version = text.style.version([(text.name(name), kind) for name, kind in place.types.items()])
    conditions.append(f"{version} = {text.value(text.style.text, _quoted(row.version))}")
    return " and ".join(conditions)


def _key(text: Text, place: Place, row: Identity) -> list[str]:
    if place.key:
        if set(row.key) != set(place.key):
            raise BadRequest(f"Send the key of the row: {', '.join(place.key)}.")
        return [_is(text, place, column, row.key[column]) for column in place.key]
    if text.style.row:
        if not row.row:
            raise BadRequest("The table has no key: send what names the row, `row`.")
        return [f"{text.style.row} = {text.value(text.style.row_type, _quoted(row.row))}"]
    return []


def _is(text: Text, place: Place, column: str, raw: bytes) -> str:
    type_name = place.type_of(column)
    how = text.style.compared(type_name)
    return f"{how.column.format(column=text.name(column))} = {text.compared(how, type_name, raw)}"


def _quoted(text: str) -> bytes:
    """Versions and names of rows hold digits (of base 64, too), commas and parentheses only."""
    if not _VERSION.fullmatch(text):
        raise BadRequest("The row's version or name is not one that the explorer gave.")
    return f'"{text}"'.encode()
