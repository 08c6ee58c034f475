"""The Redis protocol: whatever pieces it comes in, every type arrives as it was sent."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine.keys.replies import BigNumber, Double, Failure, Form, Map, Reply, Set, Simple, Verbatim, to_json
from tidemill.engine.keys.resp import Garbled, Members, Oversized, Reader, encode

LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=8)
SCALARS: st.SearchStrategy[Reply] = st.one_of(
    st.none(),
    st.booleans(),
    st.binary(max_size=12),
    LINE.map(lambda text: text.encode()),
    st.integers(-(2**63), 2**63 - 1),
    LINE.map(Simple),
    LINE.map(lambda text: Failure(f"ERR {text}")),
    st.floats().map(lambda number: Double(repr(number))),
    st.integers().map(lambda number: BigNumber(number * 2**70)),
    st.binary(max_size=9).map(lambda content: Verbatim("txt", content)),
)
REPLIES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(Set)
        | st.lists(st.tuples(inner, inner), max_size=3).map(Map)
    ),
    max_leaves=15,
)
TYPED = Form(is_typed=True)


def sent(reply: Reply) -> bytes:
    """As a server sends it."""
    match reply:
        case None:
            return b"_\r\n"
        case bool():
            return b"#t\r\n" if reply else b"#f\r\n"
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case int():
            return b":%d\r\n" % reply
        case Simple(text):
            return b"+" + text.encode() + b"\r\n"
        case Failure(text):
            return b"-" + text.encode() + b"\r\n"
        case Double(text):
            return b"," + text.encode() + b"\r\n"
        case BigNumber(value):
            return b"(%d\r\n" % value
        case Verbatim(form, content):
            return b"=%d\r\n%b:%b\r\n" % (len(content) + 4, form.encode(), content)
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(sent, reply))
        case Set(members):
            return b"~%d\r\n" % len(members) + b"".join(map(sent, members))
        case Map(pairs):
            return b"%%%d\r\n" % len(pairs) + b"".join(sent(key) + sent(value) for key, value in pairs)


def understood(value: Any) -> Reply:
    """What typed JSON says."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, list):
        return [understood(each) for each in value]
    if not isinstance(value, dict):
        return value
    ((mark, inner),) = value.items()
    match mark:
        case "$base64":
            return base64.b64decode(inner)
        case "$simple":
            return Simple(inner)
        case "$error":
            return Failure(inner)
        case "$double":
            return Double(inner)
        case "$bignumber":
            return BigNumber(int(inner))
        case "$verbatim":
            content = understood(inner[1])
            assert isinstance(content, bytes)
            return Verbatim(inner[0], content)
        case "$set":
            return Set([understood(each) for each in inner])
        case "$map":
            return Map([(understood(key), understood(each)) for key, each in inner])
    raise AssertionError(mark)


def read(reader: Reader, pieces: list[bytes], count: int) -> list[Reply]:
    found: list[Reply] = []
    waiting = list(pieces)
    while len(found) < count:
        is_whole, reply = reader.reply()
        if is_whole:
            found.append(reply)
        else:
            reader.feed(waiting.pop(0))
    assert waiting == [] or waiting == [b""] * len(waiting)
    return found


@given(st.lists(REPLIES, min_size=1, max_size=3), st.integers(1, 40))
@settings(max_examples=60)
def test_replies_of_every_type_arrive_in_pieces_of_any_size(replies: list[Reply], size: int) -> None:
    raw = b"".join(map(sent, replies))
    pieces = [raw[start : start + size] for start in range(0, len(raw), size)]
    assert read(Reader(), pieces, len(replies)) == replies


@given(REPLIES)
@settings(max_examples=60)
def test_typed_json_keeps_every_type_and_plain_json_is_always_json(reply: Reply) -> None:
    assert understood(json.loads(to_json(reply, TYPED))) == reply
    json.loads(to_json(reply))
    json.loads(to_json(reply, Form(big_numbers_as_text=True)))


@pytest.mark.parametrize(
    ("reply", "plain"),
    [
        (b"text", '"text"'),
        ("é".encode(), '"é"'),
        (b"\xff\x00", '{"$base64":"/wA="}'),
        (2**53, "9007199254740992"),
        (Double("1.10"), "1.10"),
        (Double("inf"), '"Infinity"'),
        (Double("-inf"), '"-Infinity"'),
        (Double("nan"), '"NaN"'),
        (Double("1."), "1.0"),
        (BigNumber(2**80), str(2**80)),
        (Verbatim("txt", b"a\nb"), '"a\\nb"'),
        (Set([b"a", 1]), '["a",1]'),
        (Map([(b"a", 1), (Simple("b"), None)]), '{"a":1,"b":null}'),
        (Map([(b"a", 1), (b"a", 2)]), '{"$map":[["a",1],["a",2]]}'),
        (Map([(b"\xff", 1)]), '{"$map":[[{"$base64":"/w=="},1]]}'),
        (Map([(b"$base64", b"x")]), '{"$map":[["$base64","x"]]}'),
        (Map([(1, 2)]), '{"$map":[[1,2]]}'),
        (Map([]), "{}"),
        ([True, None, Failure("ERR x")], '[true,null,{"$error":"ERR x"}]'),
    ],
)
def test_plain_json(reply: Reply, plain: str) -> None:
    assert to_json(reply) == plain


def test_big_numbers_are_texts_where_asked() -> None:
    form = Form(big_numbers_as_text=True)
    assert to_json([2**53 - 1, 2**53, -(2**53), BigNumber(2**80)], form) == (
        f'[9007199254740991,"9007199254740992","-9007199254740992","{2**80}"]'
    )


def test_attributes_and_pushed_messages_are_left_out() -> None:
    raw = b"|1\r\n+ttl\r\n:3\r\n>2\r\n+invalidate\r\n*0\r\n$1\r\na\r\n"
    assert read(Reader(), [raw], 1) == [b"a"]


def test_old_nulls_and_errors_with_a_length() -> None:
    assert read(Reader(), [b"$-1\r\n*-1\r\n!5\r\nERR x\r\n"], 3) == [None, None, Failure("ERR x")]


def test_header_tells_how_many_members_follow() -> None:
    reader = Reader()
    reader.feed(b"*3\r\n:1\r\n")
    assert reader.header() == (True, 3)
    assert reader.reply() == (True, 1)
    assert isinstance(Members(3), int)
    other = Reader()
    other.feed(b"-ERR no\r\n")
    assert other.header() == (True, Failure("ERR no"))


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 400\r\n", b"\r\n", b"$x\r\n", b"*-5\r\n", b":a\r\n", b"*1\r\n" * 200, b"\x15\x03\x01\r\n"]
)
def test_what_is_not_the_protocol_is_refused(raw: bytes) -> None:
    reader = Reader()
    reader.feed(raw)
    with pytest.raises(Garbled):
        reader.reply()


@pytest.mark.parametrize("raw", [b"$2000\r\n", b"*1000\r\n" + b"$0\r\n\r\n" * 200, b"+" + b"x" * 2000])
def test_reply_over_the_limit_is_not_read_to_its_end(raw: bytes) -> None:
    reader = Reader()
    reader.expect(1000)
    reader.feed(raw)
    with pytest.raises(Oversized):
        reader.reply()


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=5))
def test_words_are_sent_with_their_length_so_that_no_byte_is_special(words: list[bytes]) -> None:
    assert read(Reader(), [encode(words)], 1) == [words]
