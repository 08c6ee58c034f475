"""Documents as rows, for CSV and Parquet: their columns have to be known before the first row is written.

The columns are the fields of the first documents. What comes later and does not fit is an error, never left out.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeAlias

from tidemill.model.column import Column, DataType, Kind, Row
from tidemill.model.errors import QueryFailed

SAMPLE: Final = 1000
"""Documents that decide on the columns."""
_NULL: Final = "null"
_EXACT: Final = 2**53
_INTEGER: Final = re.compile(r"-?\d+")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)Z")

Members: TypeAlias = Mapping[str, str]
"""The JSON text of each field of a document, in their order."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What the values of a column may be. `read` raises ValueError for any other JSON text."""

    words: str
    type: DataType
    read: Callable[[str], object]


class DocumentRows:
    """Makes rows of documents like those of a sample."""

    def __init__(self, sample: Sequence[Members]) -> None:
        names = dict.fromkeys(name for document in sample for name in document)
        self._forms = {name: _form_of(document.get(name, _NULL) for document in sample) for name in names}
        self.columns = tuple(Column(name, form.type) for name, form in self._forms.items())
        self._count = 0

    def rows(self, documents: Sequence[Members]) -> list[Row]:
        """A row for each; a field that is missing is NULL.

        Raises:
            QueryFailed: a document has a field that is no column, or a value of another kind.
        """
        return [self._row(document) for document in documents]

    def _row(self, document: Members) -> Row:
        self._count += 1
        if unknown := document.keys() - self._forms.keys():
            raise QueryFailed(
                f"Document {self._count} has the field {min(unknown)!r}, which none of the first {SAMPLE} has. "
                f"{_ADVICE}"
            )
        return tuple([self._cell(name, form, document.get(name, _NULL)) for name, form in self._forms.items()])

    def _cell(self, name: str, form: _Form, text: str) -> object:
        if text == _NULL:
            return None
        try:
            return form.read(text)
        except ValueError as error:
            raise QueryFailed(
                f"The field {name!r} of document {self._count} is {text[:60]}; those of the first {SAMPLE} are "
                f"{form.words}. {_ADVICE}"
            ) from error


_ADVICE: Final = "Let the query give documents that are alike, or stream JSON Lines, which take any."


def _form_of(texts: Iterable[str]) -> _Form:
    """The first that fits all values; JSON where there are none."""
    given = [text for text in texts if text != _NULL]
    return next((form for form in _FORMS if given and all(_fits(form, text) for text in given)), _JSON)


def _fits(form: _Form, text: str) -> bool:
    try:
        form.read(text)
    except ValueError:
        return False
    return True


def _boolean(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError(text)
    return text == "true"


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(text)
    return int(text)


def _float(text: str) -> float:
    if text.startswith("{"):
        return float(_only(text, "$numberDouble"))
    is_whole = _INTEGER.fullmatch(text) is not None
    if not _NUMBER.fullmatch(text) or (is_whole and abs(int(text)) > _EXACT):
        raise ValueError(text)
    return float(text)


def _text(text: str) -> str:
    if not text.startswith('"'):
        raise ValueError(text)
    return str(json.loads(text))


def _moment(text: str) -> str:
    found = _DATE.fullmatch(_only(text, "$date"))
    if found is None:
        raise ValueError(text)
    return f"{found[1]} {found[2]} UTC"


def _decimal(text: str) -> Decimal:
    return Decimal(_only(text, "$numberDecimal"))


def _only(text: str, name: str) -> str:
    """The text that an object of the one member `name` holds."""
    value = json.loads(text) if text.startswith("{") else None
    if not isinstance(value, dict) or value.keys() != {name} or not isinstance(value[name], str):
        raise ValueError(text)
    return str(value[name])


_FORMS: Final = (
    _Form("booleans", DataType(name="boolean", kind=Kind.BOOL), _boolean),
    _Form("integers", DataType(name="integer", kind=Kind.INTEGER), _integer),
    _Form("numbers", DataType(name="double", kind=Kind.FLOAT), _float),
    _Form("texts", DataType(name="string", kind=Kind.TEXT), _text),
    _Form("ids", DataType(name="objectId", kind=Kind.TEXT), lambda text: _only(text, "$oid")),
    _Form("dates", DataType(name="date", kind=Kind.TIMESTAMPTZ), _moment),
    _Form("decimals", DataType(name="decimal", kind=Kind.DECIMAL), _decimal),
)
_JSON: Final = _Form("of several kinds", DataType(name="json", kind=Kind.JSON), str.encode)
