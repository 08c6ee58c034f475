"""A table as the engine sees it, whatever the format of the object."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tidemill.model.errors import BadRequest, TooLarge
from tidemill.previews.inside.cells import Encode
from tidemill.previews.table import MAX_COLUMNS, WAY_OUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A column.

    Attributes:
        type: in SQL.
        shown: the SQL of what is given out, for `encode`.
        text: the SQL of its text, for searching.
        value: the SQL of its value, of type `type`, for comparing; NULL where the text is no such value.
    """

    name: str
    type: str
    shown: str
    text: str
    value: str
    encode: Encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """What can stand behind `from`, with its columns.

    Attributes:
        number: the SQL of the number of a row in the object; "" where the engine must count.
        rest: the SQL of a JSON object with what a row has beside the columns, or NULL; "" where that cannot be.
        total: the number of rows, where it is known from the start.
    """

    sql: str
    fields: tuple[Field, ...]
    number: str = ""
    rest: str = ""
    total: int | None = None
    separator: str = ""
    has_header: bool | None = None
    encoding: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = field(default=())

    def field(self, name: str) -> Field:
        """The column of that name.

        Raises:
            BadRequest: there is none.
        """
        for each in self.fields:
            if each.name == name:
                return each
        raise BadRequest(f"There is no column {name[:200]!r}.")


def require_columns(count: int) -> None:
    """Raises TooLarge when there are more than can be shown."""
    if count > MAX_COLUMNS:
        raise TooLarge(f"A table of {count} columns has no preview (at most {MAX_COLUMNS}). {WAY_OUT}")


def text_columns(names: Iterable[str]) -> str:
    """The columns of a table of texts for `read_csv`. What they are really called is only known to `Field`."""
    return ", ".join(f"'{column_of(place)}': 'VARCHAR'" for place, _ in enumerate(names))


def column_of(place: int) -> str:
    """What the engine calls a column of texts: it would mix up names that differ in case."""
    return f"c{place}"
