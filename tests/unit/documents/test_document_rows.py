"""Documents as rows: what their columns are, and that nothing which does not fit is left out."""

from decimal import Decimal

import pytest

from tidemill.model.column import Kind
from tidemill.model.errors import QueryFailed
from tidemill.queries.document_rows import DocumentRows


@pytest.mark.parametrize(
    ("texts", "kind", "values"),
    [
        (["true", "null", "false"], Kind.BOOL, [True, None, False]),
        (["9007199254740993", "-1"], Kind.INTEGER, [9007199254740993, -1]),
        (["1", "0.5", "1e300", '{"$numberDouble":"Infinity"}'], Kind.FLOAT, [1.0, 0.5, 1e300, float("inf")]),
        (["9007199254740993", "0.5"], Kind.JSON, [b"9007199254740993", b"0.5"]),
        (["9223372036854775808"], Kind.JSON, [b"9223372036854775808"]),
        (['"a\\n"', '""'], Kind.TEXT, ["a\n", ""]),
        (['{"$oid":"65f0c0ffee"}'], Kind.TEXT, ["65f0c0ffee"]),
        (['{"$date":"2024-02-29T12:00:00.5Z"}'], Kind.TIMESTAMPTZ, ["2024-02-29 12:00:00.5 UTC"]),
        (['{"$date":{"$numberLong":"-62135596800001"}}'], Kind.JSON, [b'{"$date":{"$numberLong":"-62135596800001"}}']),
        (['{"$numberDecimal":"1.50"}', '{"$numberDecimal":"NaN"}'], Kind.DECIMAL, ["1.50", "NaN"]),
        (['"a"', "1"], Kind.JSON, [b'"a"', b"1"]),
        (["null"], Kind.JSON, [None]),
        (['[1,{"a":null}]'], Kind.JSON, [b'[1,{"a":null}]']),
    ],
)
def test_a_column_has_the_narrowest_kind_that_fits_all(texts: list[str], kind: Kind, values: list[object]) -> None:
    documents = [{"a": text} for text in texts]
    rows = DocumentRows(documents)
    assert [column.type.kind for column in rows.columns] == [kind]
    found = [value for (value,) in rows.rows(documents)]
    assert [str(each) if isinstance(each, Decimal) else each for each in found] == values


def test_columns_are_the_fields_in_the_order_in_which_they_come() -> None:
    documents = [{"b": "1"}, {"a": "2", "b": "3"}, {}]
    rows = DocumentRows(documents)
    assert [column.name for column in rows.columns] == ["b", "a"]
    assert rows.rows(documents) == [(1, None), (3, 2), (None, None)]


def test_what_does_not_fit_later_is_an_error_that_names_it() -> None:
    rows = DocumentRows([{"a": "1"}])
    assert rows.rows([{"a": "2"}]) == [(2,)]
    with pytest.raises(
        QueryFailed, match=r"The field 'a' of document 2 is \"x\"; those of the first 1000 are integers"
    ):
        rows.rows([{"a": '"x"'}])
    with pytest.raises(QueryFailed, match="Document 3 has the field 'b', which none"):
        rows.rows([{"a": "1", "b": "null"}])
