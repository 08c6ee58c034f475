"""Scripts for Redis as they are read: quotes as in redis-cli, arguments as whole words, blocks."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.keys.arguments import TYPES, default_of, words_of
from tidemill.engine.keys.reading import only_reads
from tidemill.engine.keys.script import Unit, read_script, units
from tidemill.engine.keys.words import Reference, split
from tidemill.languages import load_language
from tidemill.model.errors import BadRequest, InvalidScript


def made(content: str, **args: Any) -> list[Unit]:
    script = read_script(content)
    values = {}
    for declaration in script.head.arguments:
        raw = json.dumps(args[declaration.name]).encode() if declaration.name in args else default_of(declaration)
        assert raw is not None
        values[declaration.name] = words_of(declaration, raw)
    return units(script, values)


def words(content: str, **args: Any) -> list[list[bytes]]:
    return [list(command.words) for unit in made(content, **args) for command in unit.commands]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("SET a b", [b"SET", b"a", b"b"]),
        ("  SET\ta   b  ", [b"SET", b"a", b"b"]),
        ('SET a "b c"', [b"SET", b"a", b"b c"]),
        (r'SET a "\x00\xfF\n\r\t\b\a\"\\\q"', [b"SET", b"a", b'\x00\xff\n\r\t\b\a"\\q']),
        (r'SET a "\xzz"', [b"SET", b"a", b"xzz"]),
        (r"SET a '\x00 \' \n'", [b"SET", b"a", rb"\x00 ' \n"]),
        ('SET a ""', [b"SET", b"a", b""]),
        ("SET a ''", [b"SET", b"a", b""]),
        ("SET a é", [b"SET", b"a", "é".encode()]),
        ('SET a foo"bar baz"', [b"SET", b"a", b"foobar baz"]),
        ("SET a b#c", [b"SET", b"a", b"b#c"]),
        ("XREAD STREAMS s $", [b"XREAD", b"STREAMS", b"s", b"$"]),
        ("JSON.GET k $.a", [b"JSON.GET", b"k", b"$.a"]),
        ("GET '$key'", [b"GET", b"$key"]),
        ("GET pre$key", [b"GET", b"pre$key"]),
    ],
)
def test_words(line: str, expected: list[bytes]) -> None:
    assert words(line) == [expected]


@pytest.mark.skipif(shutil.which("redis-cli") is None, reason="no redis-cli here to compare with")
@pytest.mark.parametrize("line", [r'ECHO "\x41\n\"\\"', r"ECHO 'a\'b\n'", 'ECHO a"b c"', 'ECHO "é \\q"', "ECHO ''"])
def test_words_are_those_of_redis_cli(line: str) -> None:
    """It tells what it has read when it cannot connect only for words that are whole, so a listener takes them."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        process = subprocess.Popen(["redis-cli", "-p", str(port)], stdin=subprocess.PIPE, stdout=-3, stderr=-3)
        assert process.stdin is not None
        process.stdin.write(line.encode() + b"\n")
        process.stdin.flush()
        received, expected = b"", made(line)[0].commands[0].words
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(20)
            while expected[1] not in received or b"ECHO" not in received:
                received += connection.recv(4096)
                if b"COMMAND" in received and b"ECHO" not in received:
                    connection.sendall(b"*0\r\n")
                    received = b""
        process.kill()
        process.communicate()
    assert b"$%d\r\n%b\r\n" % (len(expected[1]), expected[1]) in received


def test_script_of_several_lines_with_comments_and_a_lua_text_over_lines() -> None:
    content = '# A comment.\nSET a 1\n\n  # another\nEVAL "local x = 1\nreturn \\"#x\\"" 0\r\nGET a # not a comment\n'
    lines = split(content)
    assert [(line.line, line.name) for line in lines] == [(2, "SET"), (5, "EVAL"), (7, "GET")]
    assert lines[1].words[1] == b'local x = 1\nreturn "#x"'
    assert lines[2].words[2:] == (b"#", b"not", b"a", b"comment")


def test_arguments_stand_for_whole_words() -> None:
    content = (
        '# key (string)\n# n (int) = 5\n# many (string[]) = ["x", "y z"]\n# raw (binary)\n# fields (object)\n'
        "# doc (json)\n# rate (double) = 1.10\nSET $key $n\nDEL $many\nSET $key $raw\nHSET $key $fields\n"
        "SET $key $doc\nSET $key $rate\n"
    )
    given = {"key": "a b\r\nFLUSHALL\r\n$x 'q'", "raw": "/wA=", "fields": {"f": "v w", "g": 1.5}, "doc": {"a": [1]}}
    key = given["key"].encode()  # type: ignore[attr-defined]
    assert words(content, **given) == [
        [b"SET", key, b"5"],
        [b"DEL", b"x", b"y z"],
        [b"SET", key, b"\xff\x00"],
        [b"HSET", key, b"f", b"v w", b"g", b"1.5"],
        [b"SET", key, b'{"a": [1]}'],
        [b"SET", key, b"1.10"],
    ]
    schema = load_language("redis").signature(content).schema()
    assert schema["order"] == ["database", "key", "n", "many", "raw", "fields", "doc", "rate"]
    assert schema["required"] == ["database", "key", "raw", "fields", "doc"]
    named = load_language("upstash").signature("# database f/a/b\nPING").schema()
    assert named["order"] == []
    upstash = load_language("upstash").signature("PING").schema()["properties"]
    assert upstash["database"]["format"] == "resource-upstash"  # type: ignore[index]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_one_word_whatever_is_in_it(text: str) -> None:
    assert words("# a (string)\nECHO $a", a=text) == [[b"ECHO", text.encode()]]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("string", 5), ("string", None), ("string", ["a"]), ("int", "5"), ("int", 1.5), ("int", True), ("double", "x"),
        ("double", True), ("binary", "?"), ("string[]", []), ("string[]", "a"), ("string[]", [1]), ("int[]", [1, "2"]),
        ("object", {}), ("object", {"a": {}}), ("object", {"a": None}), ("object", []), ("double[]", [1.5, "x"]),
    ],
)  # fmt: skip
def test_argument_that_does_not_fit_is_named_and_nothing_is_sent(kind: str, given: Any) -> None:
    with pytest.raises(BadRequest, match=r"Argument v \("):
        made(f"# v ({kind})\nDEL $v", v=given)


def test_numbers_in_lists_keep_their_digits() -> None:
    script = read_script("# v (double[])\nRPUSH k $v")
    assert words_of(script.head.arguments[0], b"[1.10, 2, 1e3]") == (b"1.10", b"2", b"1e3")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no command"),
        ("# only\n# comments", "no command"),
        ('GET "a', 'Line 1: a quote (") is not closed'),
        ("PING\nGET 'a\n\n", "Line 2: a quote"),
        ('GET "a"b', "a blank is expected"),
        ("GET $key", "the argument 'key' is not declared: add a line `# key (string)`"),
        ("# a (string)\n$a b", "cannot be an argument"),
        ("SUBSCRIBE a", "SUBSCRIBE changes what the connection does"),
        ("monitor", "MONITOR changes"),
        ("HELLO 2", "HELLO changes"),
        ("CLIENT REPLY OFF", "CLIENT changes"),
        ("MULTI\nSET a 1", "Line 1: MULTI without EXEC"),
        ("EXEC", "EXEC without MULTI"),
        ("MULTI\nMULTI\nEXEC", "Line 2: MULTI again"),
        ("# transaction\nMULTI\nEXEC", "there is no MULTI"),
        ("# transaction\n# pipeline\nPING", "leave `pipeline` out"),
        ("# replies=loud\nPING", "replies is one of"),
        ("# result_collection=last_statement_all_rows\nPING", "result_collection is one of last, all"),
        ("# result_collection = first\nPING", "result_collection is one of last, all"),
        ("# n (int) = x\nGET $n", "the default does not fit"),
        ("GET a\0", "NUL"),
    ],
)
def test_wrong_script_is_refused_with_its_line(content: str, message: str) -> None:
    with pytest.raises(InvalidScript) as refused:
        load_language("redis").signature(content)
    assert message in str(refused.value)


def test_units_are_what_is_sent_together() -> None:
    shape = [(len(unit.commands), unit.is_transaction) for unit in made("GET a\nMULTI\nSET a 1\nGET a\nEXEC\nGET b")]
    assert shape == [(1, False), (2, True), (1, False)]
    assert [len(unit.commands) for unit in made("MULTI\nSET a 1\nDISCARD\nPING")] == [1]
    assert [(len(u.commands), u.is_transaction) for u in made("# transaction\nSET a 1\nGET a")] == [(2, True)]
    assert [(len(u.commands), u.is_transaction) for u in made("# pipeline\nSET a 1\nGET a")] == [(2, False)]


def test_commands_that_read_are_known() -> None:
    assert only_reads([b"get", b"a"])
    assert only_reads([b"MEMORY", b"usage", b"a"])
    assert not only_reads([b"MEMORY", b"PURGE"])
    assert not only_reads([b"EVAL", b"return 1", b"0"])
    assert not only_reads([b"GETDEL", b"a"])


def test_references_are_told_from_texts() -> None:
    (line,) = split("SET $a '$b' \"$c\"")
    assert line.words[1:] == (Reference("a"), b"$b", b"$c")
    assert set(TYPES) >= {"string", "int", "double", "binary", "json", "object", "string[]"}
