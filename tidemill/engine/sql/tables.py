"""The SQL that the database explorer generates: pages of rows, and changes to exactly one row.

Names are quoted, values are bound; nothing of what a user types becomes part of a text. Every function gives statements
in the dialect's own placeholders.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tidemill.model.errors import BadRequest, Unsupported

MOST_NAME_CHARS: Final = 128
NULL: Final = b"null"


class Operator(StrEnum):
    """How a filter compares a column with a value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    CONTAINS = "contains"
    """The column's text contains the value, in upper or lower case."""
    BEGINS = "begins"
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How an engine writes what is generated here.

    Attributes:
        quote: around names.
        by_name: placeholders are `:name` rather than `$1`.
        as_text, contains, begins: patterns with `{column}` and `{value}`.
        same: equal, or both null.
        nulls_last: where an ascending order puts them.
        version: the expression that changes whenever the row does; "" for none: old values are compared instead.
        row: the expression that names a row of a table without keys; "" for none.
        lock: behind a select, so that its rows stay as they are.
    """

    quote: str
    by_name: bool = False
    as_text: str
    contains: str
    begins: str
    same: str
    nulls_last: bool
    version: str = ""
    row: str = ""
    row_type: str = ""
    lock: str = " for update"


STYLES: Final = {
    "postgresql": Style(
        quote='"',
        as_text="{column}::text",
        contains="position(lower({value}::text) in lower({column}::text)) > 0",
        begins="starts_with({column}::text, {value}::text)",
        same="is not distinct from",
        nulls_last=True,
        version="xmin::text",
        row="ctid",
        row_type="tid",
    ),
    "mysql": Style(
        quote="`",
        by_name=True,
        as_text="cast({column} as char)",
        contains="locate(lower({value}), lower(cast({column} as char))) > 0",
        begins="left(cast({column} as char), char_length({value})) = {value}",
        same="<=>",
        nulls_last=False,
    ),
}


def style_of(language: str) -> Style:
    """How `language` writes it.

    Raises:
        Unsupported: the explorer does not know the engine.
    """
    if language not in STYLES:
        raise Unsupported(
            f"The explorer cannot look into databases of {language!r} yet; it knows {', '.join(STYLES)}. Run a script."
        )
    return STYLES[language]


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
        quote = self.style.quote
        return quote + name.replace(quote, quote * 2) + quote

    def value(self, type_name: str, raw: bytes | None) -> str:
        """The placeholder for a value."""
        self.values.append(Value(type_name, None if raw is None or raw.strip() == NULL else raw))
        number = len(self.values)
        return f":a{number}" if self.style.by_name else f"${number}"


@dataclass(frozen=True, slots=True)
class Generated:
    """A statement and its values, in the order of their placeholders."""

    text: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A table as far as statements need it: the type of each column by name, and the columns that tell rows apart."""

    schema: str
    table: str
    types: Mapping[str, str]
    key: tuple[str, ...] = ()
    is_table: bool = True
    """False for a view: its rows can be looked at only."""

    def type_of(self, column: str) -> str:
        """
        Raises:
            BadRequest: it has no such column.
        """
        if column not in self.types:
            raise BadRequest(f"The table {self.schema}.{self.table} has no column {column[:80]!r}.")
        return self.types[column]


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on a column; `raw` is JSON."""

    column: str
    operator: Operator
    raw: bytes = NULL


@dataclass(frozen=True, slots=True)
class Order:
    """What rows are sorted by."""

    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows are wanted. `after`: the values of the sort columns of the last row before, raw JSON; () at first."""

    filters: tuple[Filter, ...] = ()
    order: tuple[Order, ...] = ()
    after: tuple[bytes, ...] = ()
    limit: int = 100


def full_order(style: Style, place: Place, order: Sequence[Order]) -> tuple[Order, ...]:
    """The order made complete, so that each row has one place in it: behind the wanted columns come those of the key.

    Where rows cannot be told apart, it is what was asked for, and there is no next page.
    """
    given = {each.column for each in order}
    for column in given:
        place.type_of(column)
    rest = [Order(column) for column in place.key if column not in given]
    if not place.key and place.is_table and style.row:
        rest = [Order(style.row)]
    return (*order, *rest)


def is_paged(style: Style, place: Place) -> bool:
    """Whether rows can be told apart, so that a page can go on where the last one ended."""
    return bool(place.key) or (place.is_table and bool(style.row))


def select_page(style: Style, place: Place, page: Page) -> Generated:
    """The rows of a page, and one more, which tells whether there are others.

    Behind the columns come the version and the name of the row, where the style has them.

    Raises:
        BadRequest: a column is not there, or `after` does not fit the order.
    """
    text = Text(style)
    order = full_order(style, place, page.order)
    columns = [text.name(column) for column in place.types]
    if place.is_table:
        columns += [
            expression for expression in (style.version, f"{style.row}::text" if style.row else "") if expression
        ]
    conditions = [_filter(text, place, each) for each in page.filters]
    if page.after:
        conditions.append(_behind(text, place, order, page.after))
    where = f" where {' and '.join(conditions)}" if conditions else ""
    sorted_by = ", ".join(_column(text, each.column) + (" desc" if each.is_descending else "") for each in order)
    by = f" order by {sorted_by}" if sorted_by else ""
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    sql = f"select {', '.join(columns)} from {source}{where}{by} limit {page.limit + 1}"
    return Generated(sql, tuple(text.values))


def _column(text: Text, column: str) -> str:
    return column if column == text.style.row else text.name(column)


def _type(text: Text, place: Place, column: str) -> str:
    return text.style.row_type if column == text.style.row else place.type_of(column)


def _filter(text: Text, place: Place, wanted: Filter) -> str:
    type_name = place.type_of(wanted.column)
    column = text.name(wanted.column)
    match wanted.operator:
        case Operator.IS_NULL | Operator.IS_NOT_NULL:
            return f"{column} {wanted.operator}"
        case Operator.CONTAINS:
            return text.style.contains.format(column=column, value=text.value("text", wanted.raw))
        case Operator.BEGINS:
            return text.style.begins.format(column=column, value=text.value("text", wanted.raw))
        case Operator.NOT_EQUAL:
            return f"{column} <> {text.value(type_name, wanted.raw)}"
    return f"{column} {wanted.operator} {text.value(type_name, wanted.raw)}"


def _behind(text: Text, place: Place, order: Sequence[Order], after: Sequence[bytes]) -> str:
    """The rows behind those values: equal in the columns before, further in this one."""
    if len(after) != len(order):
        raise BadRequest("`after` does not fit this order: take it from the page before, with the same sort.")
    found = []
    for index, each in enumerate(order):
        further = _further(text, place, each, after[index])
        if further:
            before = [_equal(text, place, order[at], after[at]) for at in range(index)]
            found.append(f"({' and '.join([*before, further])})")
    return f"({' or '.join(found)})" if found else "1 = 0"


def _further(text: Text, place: Place, order: Order, raw: bytes) -> str:
    column = _column(text, order.column)
    nulls_last = text.style.nulls_last is not order.is_descending
    if raw.strip() == NULL:
        return "" if nulls_last else f"{column} is not null"
    sign = "<" if order.is_descending else ">"
    condition = f"{column} {sign} {text.value(_type(text, place, order.column), raw)}"
    is_key = order.column in place.key or order.column == text.style.row
    return f"({condition} or {column} is null)" if nulls_last and not is_key else condition


def _equal(text: Text, place: Place, order: Order, raw: bytes) -> str:
    column = _column(text, order.column)
    if raw.strip() == NULL:
        return f"{column} is null"
    return f"{column} = {text.value(_type(text, place, order.column), raw)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which row is meant, and as what it was seen.

    Attributes:
        key: the values of the key's columns, raw JSON; empty where there is no key.
        row: what names it in a table without a key.
        version: what it was when it was seen.
        old: the values that were seen, by column: compared where there is no version.
    """

    key: Mapping[str, bytes] = field(default_factory=dict)
    row: str = ""
    version: str = ""
    old: Mapping[str, bytes] = field(default_factory=dict)


def lock_row(style: Style, place: Place, row: Identity) -> Generated:
    """Gives one line for each row that is the one and is as it was seen; they stay so until the transaction ends."""
    text = Text(style)
    where = _identified(text, place, row)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    return Generated(f"select 1 from {source} where {where}{style.lock}", tuple(text.values))


def update_row(style: Style, place: Place, row: Identity, values: Mapping[str, bytes]) -> Generated:
    """Sets columns of one row.

    Raises:
        BadRequest: nothing is set, or a column is not there.
    """
    if not values:
        raise BadRequest("An update needs at least one value to set.")
    text = Text(style)
    settings = [f"{text.name(column)} = {text.value(place.type_of(column), raw)}" for column, raw in values.items()]
    where = _identified(text, place, row)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    return Generated(f"update {source} set {', '.join(settings)} where {where}", tuple(text.values))


def delete_row(style: Style, place: Place, row: Identity) -> Generated:
    """Deletes one row."""
    text = Text(style)
    where = _identified(text, place, row)
    return Generated(
        f"delete from {text.name(place.schema)}.{text.name(place.table)} where {where}", tuple(text.values)
    )


def insert_row(style: Style, place: Place, values: Mapping[str, bytes]) -> Generated:
    """Inserts a row; columns that are not named get their defaults."""
    text = Text(style)
    source = f"{text.name(place.schema)}.{text.name(place.table)}"
    if not values:
        return Generated(f"insert into {source} {'() values ()' if style.by_name else 'default values'}", ())
    columns = ", ".join(text.name(column) for column in values)
    given = ", ".join(text.value(place.type_of(column), raw) for column, raw in values.items())
    return Generated(f"insert into {source} ({columns}) values ({given})", tuple(text.values))


def _identified(text: Text, place: Place, row: Identity) -> str:
    if not place.is_table:
        raise BadRequest(f"{place.schema}.{place.table} is a view: change the tables that it is made of.")
    conditions = _key(text, place, row)
    if text.style.version:
        if not row.version:
            raise BadRequest("Send the version of the row as it was seen: `version`.")
        conditions.append(f"{text.style.version} = {text.value('text', _quoted(row.version))}")
        return " and ".join(conditions)
    if set(row.old) != set(place.types):
        raise BadRequest("Send all values of the row as they were seen: `old`.")
    for column, raw in row.old.items():
        if not _is_inexact(place.types[column]) or not place.key:
            conditions.append(_was(text, place, column, raw))
    return " and ".join(conditions)


def _key(text: Text, place: Place, row: Identity) -> list[str]:
    if place.key:
        if set(row.key) != set(place.key):
            raise BadRequest(f"Send the key of the row: {', '.join(place.key)}.")
        return [f"{text.name(column)} = {text.value(place.type_of(column), row.key[column])}" for column in place.key]
    if text.style.row:
        if not row.row:
            raise BadRequest("The table has no key: send what names the row, `row`.")
        return [f"{text.style.row} = {text.value(text.style.row_type, _quoted(row.row))}"]
    return []


def _was(text: Text, place: Place, column: str, raw: bytes) -> str:
    name, type_name = text.name(column), place.types[column]
    if type_name.startswith("json"):  # compared as what they mean, not as they are written
        return f"{text.style.as_text.format(column=name)} {text.style.same} {text.value('text', raw)}"
    return f"{name} {text.style.same} {text.value(type_name, raw)}"


def _is_inexact(type_name: str) -> bool:
    return type_name.startswith(("float", "double", "real"))


def _quoted(text: str) -> bytes:
    """Versions and names of rows hold digits, commas and parentheses only."""
    if not all(char.isdigit() or char in "(),-" for char in text):
        raise BadRequest("The row's version or name is not one that the explorer gave.")
    return f'"{text}"'.encode()
