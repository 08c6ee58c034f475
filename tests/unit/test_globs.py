"""Patterns over keys: what they match, against a slow and plain matcher, and that they never take long."""

import re
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.engine.glob_syntax import MAX_CHARS, Token, parse_glob, put_in
from tidemill.engine.globs import Glob
from tidemill.model.errors import BadRequest


def matches(pattern: str, key: str) -> bool:
    return any(Glob(row).matches(key) for row in parse_glob(pattern))


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a", ["a"], ["", "A", "aa", "a/", "/a"]),
        ("*", ["", "a", "a.b"], ["a/", "/", "a/b"]),
        ("**", ["", "a", "a/b", "/", "a//b"], []),
        ("**/*", ["a", "a/b", "a//b", "/", "a/"], []),
        ("u/x/**/*", ["u/x/a", "u/x/", "u/x/a/b", "u/x//b"], ["u/x", "u/xy/a"]),
        ("u/x/**", ["u/x/a", "u/x/", "u/x/a/b"], ["u/x", "u/xa"]),
        ("**/z", ["z", "a/z", "a/b/z", "/z"], ["az", "a/bz", "z/"]),
        ("a/**/z", ["a/z", "a/b/z", "a//z", "a/b/c/z"], ["az", "a/bz", "a/z/"]),
        ("a**z", ["az", "abz", "a/z", "a/b/z"], ["a", "za"]),
        ("?", ["a", "é"], ["", "/", "ab"]),
        ("[a-cx]", ["a", "c", "x"], ["d", "-", ""]),
        ("[!a-c]", ["d", "é"], ["a", "/"]),
        ("[^a]", ["b"], ["a", "/"]),
        ("[]]", ["]"], ["["]),
        ("[*]", ["*"], ["a"]),
        ("[+--]", ["+", ",", "-"], ["."]),
        ("{a,b*}c", ["ac", "bc", "bxc"], ["c", "abc"]),
        ("{a,{b,c}d}", ["a", "bd", "cd"], ["b", "d"]),
        ("{,x}y", ["y", "xy"], ["x"]),
        ("a,b", ["a,b"], ["a"]),
        ("a\\*", ["a\\", "a\\b"], ["a*"]),
        ("../*", ["../a"], ["a", "x/../a"]),
        ("e\u0301", ["e\u0301"], ["\u00e9"]),
        ("*.csv", ["a.csv", ".csv"], ["a/b.csv", "a.csv.gz"]),
        ("*a*b*", ["ab", "xaxbx"], ["ba", "a/b"]),
    ],
)
def test_patterns_match_what_the_table_says(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [key for key in yes if not matches(pattern, key)] == []
    assert [key for key in no if matches(pattern, key)] == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "1 to"),
        ("a" * (MAX_CHARS + 1), "1 to"),
        ("[a", "'[' is not closed"),
        ("[]", "'[' is not closed"),
        ("[z-a]", "wrong way round"),
        ("{a,b", "'{' is not closed"),
        ("a}", "closes nothing"),
        ("{user}/x", "{user} is none of {group}, {username}"),
        ("{a,b}" * 7, "more than 100 alternatives"),
        ("{a," * 20 + "b" + "}" * 20, "nested more than 10 deep"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(pattern: str, why: str) -> None:
    with pytest.raises(BadRequest, match=re.escape(why)):
        parse_glob(pattern, ["username", "group"])


def test_a_name_is_put_in_as_plain_text() -> None:
    (row,) = parse_glob("u/{username}/*", ["username"])
    assert Token("username") in row
    assert Glob(put_in(row, "a*b")).matches("u/a*b/x")
    assert not Glob(put_in(row, "a*b")).matches("u/axb/x")


def slowly(pattern: str, key: str) -> bool:
    """The plain reference: tries everything. No braces and sets of two plain characters only."""
    if not pattern:
        return not key
    if pattern.startswith("**"):
        rest = pattern.lstrip("*")
        return any(slowly(rest, key[count:]) for count in range(len(key) + 1))
    if pattern[0] == "*":
        count = 0
        while True:
            if slowly(pattern[1:], key[count:]):
                return True
            if count == len(key) or key[count] == "/":
                return False
            count += 1
    if not key:
        return False
    if pattern[0] == "?":
        return key[0] != "/" and slowly(pattern[1:], key[1:])
    if pattern[0] == "[":
        return key[0] in pattern[1:3] and slowly(pattern[4:], key[1:])
    return pattern[0] == key[0] and slowly(pattern[1:], key[1:])


def slowly_with_segments(pattern: str, key: str) -> bool:
    """As `slowly`, with `**/` at the start of a segment also standing for nothing: both ways are tried."""
    places = [at.start() for at in re.finditer(r"(?:(?<=/)|^)\*\*+/", pattern)]
    for kept in product((True, False), repeat=len(places)):
        chosen = pattern
        for place, keep in reversed(list(zip(places, kept, strict=True))):
            end = chosen.index("/", place) + 1
            chosen = chosen[:place] + (chosen[place:end] if keep else "") + chosen[end:]
        if slowly(chosen, key):
            return True
    return False


PIECES = st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "[ab]", "[a/]"])


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=7).map("".join), st.text("ab/", max_size=8))
def test_matches_as_a_plain_matcher_does(pattern: str, key: str) -> None:
    expected = slowly_with_segments(pattern.replace("[a/]", "[aa]"), key)
    assert matches(pattern, key) is expected


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.text("ab/", max_size=4))
def test_what_is_told_about_a_prefix_agrees_with_the_keys_below_it(pattern: str, prefix: str) -> None:
    (row,) = parse_glob(pattern)
    glob = Glob(row)
    below = [prefix + "".join(rest) for size in range(4) for rest in product("ab/", repeat=size)]
    found = [glob.matches(key) for key in below]
    if any(found):
        assert glob.may_match_below(prefix)
    if glob.matches_all_below(prefix):
        assert all(found)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 500 + "b",
        "**a" * 330 + "b",
        "**/a*" * 200,
        "*" * 1024,
        "?" * 1024,
        "[a-z]*" * 170,
        "{a,a*,**a}" * 4 + "b",
    ],
)
def test_work_grows_with_the_key_alone(pattern: str) -> None:
    """C15. Counted, not timed: each character is looked at once, whatever the pattern."""
    looked_at = 0

    class Counted(str):
        __slots__ = ()

        def __getitem__(self, item: object) -> "Counted":
            return Counted(str.__getitem__(self, item))  # type: ignore[index]

        def __iter__(self):  # type: ignore[no-untyped-def]
            nonlocal looked_at
            for character in str.__iter__(self):
                looked_at += 1
                yield character

    rows = parse_glob(pattern)
    for row in rows:
        Glob(row).matches(Counted("a" * 100_000))
    assert looked_at <= 100_000 * len(rows)
