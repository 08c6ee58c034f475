"""An index of a large JSON text leads to the same parts as the text itself."""

import json
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine import json_index
from tidemill.engine.expressions.need import Need, NeedKind
from tidemill.engine.expressions.paths import member, pick
from tidemill.engine.json_index import Among, Place, index_of, index_of_object, look
from tidemill.model import jsontext

Way = tuple[str | int, ...]

ROWS = [{"id": n, "name": f"row \u00e9 {n}", "tags": ["},{", '],["', str(n % 7)]} for n in range(6_000)]
LARGE: dict[str, object] = {
    "first": 1,
    "rows": ROWS,
    "small": {"a": [1, 2]},
    "tables": [[{"k": n} for n in range(30_000)] for _ in range(4)],
    "text": 'y\\",{"' * 100_000,
    "mixed": [1, {"x": 2}, "s,", [1, 2]] * 30_000,
    "numbers": list(range(100_000)),
    "texts": ['a",\\"b', ","] * 40_000,
    "by name": {f"n{n}": {"v": n} for n in range(30_000)},
    'fa\\"r, {': {"deep": {"rows": ROWS}},
    "last": None,
}
WAYS: list[Way] = [
    ("first",), ("last",), ("absent",), ("small", "a", 1), ("rows", "length"), ("rows", 5_999, "id"), ("rows", 0),
    ("rows", "1234", "tags", 2), ("rows", 6_000), ("rows", "id"), ("rows", "01"), ("tables", 3, 29_999, "k"),
    ("tables", 2, "length"), ("text", "length"), ("text", 3), ("mixed", 119_997, "x"), ("mixed", 1),
    ("numbers", 99_999), ("texts", 79_998), ("texts", "length"), ("by name", "n29999", "v"),
    ("fa\\\"r, {", "deep", "rows", 2_000, "name"),
    ("rows", 7, "absent"), ("first", "absent"),
]  # fmt: skip


def by_index(raw: bytes, place: Place, way: Way) -> tuple[bytes | None, int]:
    """What a way leads to, and how many bytes were looked at."""
    need, inside = Need(NeedKind.RESULT, "a", way), place.inside
    for depth, key in enumerate(way, 1):
        if inside is None:
            text = raw[place.start : place.end]
            return pick(text, need, behind=depth - 1), len(text)
        match look(inside, key):
            case Place() as place:
                inside = place.inside
            case Among() as among:
                text = among.text([raw[start:end] for start, end in among.stretches])
                return pick(member(text, among.key), need, behind=depth), len(text)
            case int() as count:
                return pick(str(count).encode(), need, behind=depth), 0
            case None:
                return pick(None, need, behind=depth), 0
    text = raw[place.start : place.end]
    return text, len(text)


@pytest.fixture(params=[(",", ":"), (" , ", " :\n")], ids=["compact", "blanks"], scope="module")
def raw(request: pytest.FixtureRequest) -> bytes:
    return b" " + json.dumps(LARGE, separators=request.param, ensure_ascii=False).encode() + b"\n"


@pytest.fixture(scope="module")
def index(raw: bytes) -> Place:
    found = index_of(raw)
    assert found is not None
    return found


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_way_leads_where_the_text_itself_does(raw: bytes, index: Place, way: Way) -> None:
    found, looked_at = by_index(raw, index, way)
    assert found == pick(raw, Need(NeedKind.RESULT, "a", way))
    if way[0] not in {"text", "by name"}:
        assert looked_at < 4 * json_index.PART_BYTES


def test_an_index_is_small(index: Place, raw: bytes) -> None:
    assert len(msgspec.msgpack.encode(index)) < len(raw) / 500
    deep = b"[" * 40 + b"1," * 500_000 + b"1" + b"]" * 40
    assert len(msgspec.msgpack.encode(index_of(deep))) < 5000


@pytest.mark.parametrize("raw", [b"[1]", b'"%s"' % (b"x" * 300_000), b"1" * 300_000, b"[" + b"1,[2]," * 50_000 + b"3]"])
def test_what_is_small_or_has_no_parts_has_none(raw: bytes) -> None:
    assert index_of(raw) is None or raw.startswith(b"[1,")


def test_an_object_in_pieces_has_the_index_of_its_text() -> None:
    fields = {name: json.dumps(value).encode() for name, value in LARGE.items()}
    assert index_of_object(fields) == index_of(jsontext.build_object(fields))
    small = {f"n{number}": b"%d" % number for number in range(30_000)}
    assert index_of_object(small) is index_of(jsontext.build_object(small)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=8), inner, max_size=8),
    max_leaves=60,
)


def ways(value: object, behind: Way = ()) -> Iterator[Way]:
    yield behind
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from ways(each, (*behind, key))
    if isinstance(value, list):
        yield (*behind, "length")
        yield (*behind, len(value))


@settings(max_examples=300)
@given(value=JSON, blanks=st.sampled_from([(",", ":"), (", ", ": "), ("\t,\n", " : ")]))
def test_every_way_of_any_value(value: object, blanks: tuple[str, str]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(json_index, "PART_BYTES", 16)
        raw = json.dumps(value, separators=blanks, ensure_ascii=False).encode()
        place = index_of(raw)
        if isinstance(value, dict):
            fields = jsontext.object_fields(raw)
            assert index_of_object(fields) == index_of(jsontext.build_object(fields))
        if place is None:
            return
        for way in ways(value):
            need = Need(NeedKind.RESULT, "a", way)
            found, _ = by_index(raw, place, way)
            assert found is not None or pick(raw, need) is None
            assert json.loads(found or b"null") == json.loads(pick(raw, need) or b"null"), way
