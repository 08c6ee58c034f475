"""BSON and its JSON: every type comes back as it went, and the form is that of MongoDB's own tools."""

import json
import string
import struct
from typing import Any

import bson
import pytest
from bson import json_util
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.decimal128 import Decimal128
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine.documents.bson_json import EXACT_INTEGER, TYPE_KEYS, members_to_json, to_json
from tidemill.engine.documents.bson_tree import Tree, Typed, Unfit, to_bson, typed_text
from tidemill.engine.documents.extended_json import date, typed
from tidemill.model.errors import QueryFailed

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0$"), min_size=1, max_size=6)
OBJECT_ID = st.binary(min_size=12, max_size=12)


def packed(layout: str, kind: int, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Typed]:
    return values.map(lambda value: Typed(kind, struct.pack(layout, value)))


def cstrings(*parts: str) -> bytes:
    return b"".join(part.encode() + b"\0" for part in parts)


def scoped(code: str, scope: bytes) -> Typed:
    payload = typed_text(0x0D, code).payload + scope
    return Typed(0x0F, struct.pack("<i", len(payload) + 4) + payload)


PLAIN_TEXT = st.text(string.printable, max_size=8)
SCALARS: st.SearchStrategy[Tree] = st.one_of(
    st.none(),
    st.booleans(),
    TEXT,
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.just(Typed(0x01, struct.pack("<d", float("nan")))),
    packed("<q", 0x12, st.integers(-(2**63), 2**63 - 1)),
    packed("<q", 0x09, st.integers(-(2**63), 2**63 - 1)),
    packed("<q", 0x11, st.integers(-(2**63), 2**63 - 1)),
    st.binary(max_size=20).map(lambda raw: Typed(0x05, struct.pack("<iB", len(raw), 0) + raw)),
    st.tuples(st.binary(max_size=9), st.integers(3, 255)).map(
        lambda pair: Typed(0x05, struct.pack("<iB", len(pair[0]), pair[1]) + pair[0])
    ),
    st.binary(max_size=9).map(lambda raw: Typed(0x05, struct.pack("<iBi", len(raw) + 4, 2, len(raw)) + raw)),
    OBJECT_ID.map(lambda raw: Typed(0x07, raw)),
    st.decimals(places=3, min_value=-(10**20), max_value=10**20).map(lambda each: Typed(0x13, Decimal128(each).bid)),
    st.sampled_from(["NaN", "Infinity", "-Infinity", "0E-6176", "1E+6144", "-0"]).map(
        lambda text: Typed(0x13, Decimal128(text).bid)
    ),
    st.tuples(NAME, st.sets(st.sampled_from("imsx"))).map(
        lambda pair: Typed(0x0B, cstrings(pair[0], "".join(sorted(pair[1]))))
    ),
    PLAIN_TEXT.map(lambda text: typed_text(0x0D, text)),
    PLAIN_TEXT.map(lambda text: typed_text(0x0E, text)),
    PLAIN_TEXT.map(lambda text: scoped(text, bson.encode({"a": 1}))),
    st.tuples(NAME, OBJECT_ID).map(lambda pair: Typed(0x0C, typed_text(0x02, pair[0]).payload + pair[1])),
    st.sampled_from([0x06, 0x7F, 0xFF]).map(lambda kind: Typed(kind, b"")),
)
TREES = st.dictionaries(
    NAME,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAME, inner, max_size=3), max_leaves=12
    ),
    max_size=6,
)


@given(TREES)
@settings(max_examples=50)
def test_every_type_comes_back_from_canonical_json_as_the_very_same_bytes(tree: dict[str, Tree]) -> None:
    raw = to_bson(tree)
    text = to_json(raw, is_canonical=True)
    assert to_bson(typed(json.loads(text))) == raw


@given(TREES)
@settings(max_examples=50)
def test_relaxed_json_keeps_every_value_if_not_the_width_of_small_integers(tree: dict[str, Tree]) -> None:
    raw = to_bson(tree)
    again = to_bson(typed(json.loads(to_json(raw))))
    assert to_json(again) == to_json(raw)
    wide = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)
    assert bson.decode(again, wide).keys() == bson.decode(raw, wide).keys()


@given(TREES)
@settings(max_examples=50)
def test_mongodbs_own_library_reads_what_is_written_and_says_the_same(tree: dict[str, Tree]) -> None:
    tree = {name: value for name, value in tree.items() if not has_deprecated(value)}
    options = json_util.JSONOptions(
        json_mode=json_util.JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS
    )
    value = bson.decode(to_bson(tree), CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_MS))
    assert json.loads(to_json(to_bson(tree), is_canonical=True)) == json.loads(
        json_util.dumps(value, json_options=options)
    )


def has_deprecated(value: Tree) -> bool:
    """Types that MongoDB's library turns into others, and NaN payloads and binaries of kind 2, which it rewrites."""
    if isinstance(value, Typed):
        return value.kind in {0x06, 0x0C, 0x0E, 0x0F} or (value.kind == 0x05 and value.payload[4] == 2)
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(has_deprecated, children))


def test_relaxed_forms_are_plain_where_nothing_is_lost() -> None:
    moment = date("2024-01-02T03:04:05.678Z")
    document: dict[str, Tree] = {
        "small": 5,
        "long": Typed(0x12, struct.pack("<q", EXACT_INTEGER)),
        "large": EXACT_INTEGER + 1,
        "double": 5.0,
        "at": moment,
        "before": date("1969-12-31T23:59:59Z"),
        "money": typed({"$numberDecimal": "1.10"}),
        "nan": typed({"$numberDouble": "NaN"}),
    }
    assert to_json(to_bson(document)) == (
        '{"small":5,"long":9007199254740991,"large":{"$numberLong":"9007199254740992"},"double":5.0,'
        '"at":{"$date":"2024-01-02T03:04:05.678Z"},"before":{"$date":{"$numberLong":"-1000"}},'
        '"money":{"$numberDecimal":"1.10"},"nan":{"$numberDouble":"NaN"}}'
    )


def test_members_are_told_one_by_one_in_their_order() -> None:
    assert members_to_json(bson.encode({"b": [1], "a": {"c": None}})) == {"b": "[1]", "a": '{"c":null}'}


@pytest.mark.parametrize("name", sorted(TYPE_KEYS))
def test_field_named_like_a_mark_of_a_type_is_an_error_and_not_another_value(name: str) -> None:
    with pytest.raises(QueryFailed, match=r"itself called"):
        to_json(bson.encode({"a": [{name: "5"}]}))


def test_field_that_is_there_twice_is_an_error() -> None:
    one = b"\x10a\0\x01\0\0\0"
    with pytest.raises(QueryFailed, match="twice"):
        to_json(struct.pack("<i", 5 + 2 * len(one)) + one * 2 + b"\0")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x05\0\0\0",
        b"\x05\0\0\0\x01",
        b"\xff\xff\xff\x7f\0",
        b"\x0c\0\0\0\x10a\0\x01\0\0\0",
        b"\x0d\0\0\0\x02a\0\xff\xff\xff\x7f\0\0",
        b"\x0f\0\0\0\x02a\0\x02\0\0\0\xff\0\0",
        b"\x08\0\0\0\x42a\0\0",
        b"\x0d\0\0\0\x05a\0\xff\xff\xff\xff\0\0",
    ],
)
def test_damaged_bson_is_an_error_and_nothing_worse(raw: bytes) -> None:
    with pytest.raises(QueryFailed):
        to_json(raw)


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("2024-01-02", 1704153600000),
        ("2024-01-02T03:04:05Z", 1704164645000),
        ("2024-01-02 03:04:05", 1704164645000),
        ("2024-01-02T03:04:05.1Z", 1704164645100),
        ("2024-01-02T03:04:05.678000Z", 1704164645678),
        ("2024-01-02T05:04:05+02:00", 1704164645000),
        ("1969-12-31T23:59:59.999Z", -1),
        ("0001-01-01", -62135596800000),
    ],
)
def test_dates(text: str, milliseconds: int) -> None:
    assert date(text).payload == struct.pack("<q", milliseconds)


@pytest.mark.parametrize(
    "text",
    ["", "now", "2024-13-01", "2024-02-30", "2024-01-02T25:00", "1704153600000", "2024-01-02T03:04:05.6789Z",
     "01/02/2024", "2024-1-2", "\u0662024-01-02"],
)  # fmt: skip
def test_what_is_no_date_is_refused_and_never_another_one(text: str) -> None:
    with pytest.raises(Unfit):
        date(text)


@pytest.mark.parametrize(
    "tree",
    [
        {"$oid": "xyz"},
        {"$oid": 5},
        {"$oid": "0" * 24, "more": 1},
        {"$numberLong": "9223372036854775808"},
        {"$numberLong": "1.5"},
        {"$numberInt": "2147483648"},
        {"$numberLong": 5},
        {"$numberDouble": "1e999"},
        {"$numberDecimal": "1.00000000000000000000000000000000001"},
        {"$numberDecimal": "1E+9999"},
        {"$date": {"$numberLong": "x"}},
        {"$date": 5},
        {"$binary": {"base64": "?", "subType": "00"}},
        {"$binary": {"base64": "", "subType": "zz"}},
        {"$uuid": "1"},
        {"$timestamp": {"t": -1, "i": 0}},
        {"$timestamp": {"t": 1}},
        {"$regularExpression": {"pattern": "a"}},
        {"$regularExpression": {"pattern": "a\0", "options": ""}},
        {"$minKey": 2},
        {"$code": 1},
        {"$dbPointer": {"$ref": "a", "$id": 5}},
    ],
)
def test_malformed_extended_json_is_refused(tree: dict[str, Tree]) -> None:
    with pytest.raises(Unfit):
        typed({"a": [tree]})


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800", {"a\0b": 1}])
def test_value_that_bson_cannot_hold_is_refused(value: Tree) -> None:
    with pytest.raises(Unfit):
        to_bson({"a": value})


def test_nesting_is_bounded() -> None:
    tree: Tree = 1
    for _ in range(150):
        tree = {"a": tree}
    with pytest.raises(Unfit, match="nested deeper"):
        to_bson({"a": tree})
