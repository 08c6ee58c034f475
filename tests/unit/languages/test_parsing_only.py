"""Reading a script never executes any of it, and no script, however hostile, brings the reader down (C12)."""

import ast
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tidemill.languages.bash import Bash
from tidemill.languages.python import Python
from tidemill.model.errors import InvalidScript

DEEP = 100_000

BOMBS: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "1" + ")" * n,
    "open parentheses": lambda n: "(" * n,
    "lists": lambda n: "[" * n + "]" * n,
    "dicts": lambda n: "{1:" * n,
    "minus": lambda n: "-" * n + "1",
    "not": lambda n: "not " * n + "1",
    "attributes": lambda n: "a" + ".b" * n,
    "calls": lambda n: "a" + "()" * n,
    "subscripts": lambda n: "a" + "[0]" * n,
    "sum": lambda n: "1" + "+1" * n,
    "powers": lambda n: "1" + "**1" * n,
    "lambdas": lambda n: "lambda:" * n + "1",
    "conditions": lambda n: "1 if 1 else " * n + "1",
    "else if": lambda n: "if 1:\n pass\n" + "elif 1:\n pass\n" * n,
    "union": lambda n: "def main(x: int" + "|int" * n + "): ...",
    "nested types": lambda n: "def main(x: " + "list[" * n + "int" + "]" * n + "): ...",
    "quoted types": lambda n: "def main(x: " + "list[" * 150 + "'list[int]'" + "]" * 150 + "): ...",
    "aliases": lambda n: "".join(f"A{i} = A{i + 1}\n" for i in range(n // 10)) + "def main(x: A0): ...",
    "class tree": lambda n: (
        "".join(f"class C{i}(TypedDict):\n  a: C{i + 1}\n  b: C{i + 1}\n" for i in range(60)) + "def main(x: C0): ..."
    ),
    "parameters": lambda n: "def main(" + ",".join(f"p{i}" for i in range(n // 5)) + "): ...",
    "default": lambda n: "def main(x=" + "[" * 190 + "]" * 190 + "): ...",
    "digits": lambda n: "def main(x=" + "1" * n + "): ...",
    "indentation": lambda n: "".join(" " * i + "if 1:\n" for i in range(500)),
    "f-strings": lambda n: "f'{" * n,
    "decorators": lambda n: "@a\n" * n + "def main(): ...",
    "ten megabytes": lambda n: "x = 1\n" * (10 * 1024 * 1024 // 6),
    "ten megabytes of one string": lambda n: "x = '" + "a" * 10 * 1024 * 1024 + "'",
    "nul": lambda n: "x = 1\n\0",
    "surrogate": lambda n: "x = '\ud800'",
    "latin-1": lambda n: "# coding: latin-1\nx = 1",
    "unknown encoding": lambda n: "# coding: no-such-thing\nx = 1",
    "utf-7": lambda n: "# coding: utf-7\n+AHg- = 1",
    "metadata": lambda n: "# /// script\n# x = " + "[" * n + "\n# ///\n",
    "metadata blocks": lambda n: "# /// script\n" * n,
    "requirements": lambda n: "#requirements:\n" + "#six\n" * 1 + "".join(f"#p{i}\n" for i in range(n)),
    "imports": lambda n: "".join(f"import p{i}\n" for i in range(n // 2)),
}


async def nothing(path: str) -> str | None:
    return None


def read_all(content: str) -> None:
    """Everything that is ever read from a script's text."""
    refusals: list[str] = []
    for language in (Python(), Bash()):
        for step in (
            lambda language=language: language.signature(content, entry="main").schema(),
            lambda language=language: asyncio.run(language.requirements(content, path="f/a/b", read=nothing)),
        ):
            try:
                step()
            except InvalidScript as error:
                refusals.append(str(error))
    assert all(0 < len(refusal) < 1_000 for refusal in refusals)


@pytest.mark.parametrize("bomb", BOMBS)
def test_hostile_script_is_read_or_refused_but_never_brings_the_reader_down(bomb: str) -> None:
    read_all(BOMBS[bomb](DEEP))


@pytest.mark.parametrize(
    "bomb",
    ["parentheses", "minus", "attributes", "union", "aliases", "class tree", "parameters", "ten megabytes", "nul"],
)
def test_script_beyond_a_limit_is_refused(bomb: str) -> None:
    with pytest.raises(InvalidScript):
        Python().signature(BOMBS[bomb](DEEP))


MARKING = """
import os, {module}
from {module} import *
def touch(*a, **k):
    with open({marker!r}, "w") as file: file.write("ran")
    return a[0] if a else None
touch()
class Meta(type):
    def __new__(cls, *a, **k): touch(); return super().__new__(cls, *a)
    def __prepare__(*a, **k): touch(); return {{}}
class A(metaclass=Meta, x=touch()):
    touch()
    y: touch() = touch()
    def __init_subclass__(cls): touch()
    def __class_getitem__(cls, item): touch()
class E(touch(A)): RED = touch()
@touch
@os.system("touch {marker}")
def main(x=touch(), y: touch() = os.system("touch {marker}"), z: A[touch()] = [touch()], w: "touch()" = f"{{touch()}}",
         e: E = E.RED, v: "__import__('os').system('touch {marker}')" = None) -> touch():
    touch()
@touch
def preprocessor(event=touch()): touch()
if touch() or True: touch()
"""


def test_nothing_of_a_script_is_executed_when_it_is_read(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    content = MARKING.format(marker=str(marker), module="antigravity")
    was_loaded = set(sys.modules)
    read_all(content)
    read_all(f'x="$1"\ntouch {marker}\ny="${{2:-$(touch {marker})}}"\nz=`touch {marker}`\n')
    assert not marker.exists()
    assert not {"antigravity", "webbrowser"} & (set(sys.modules) - was_loaded)


def test_marking_script_would_leave_its_marker_if_it_were_executed(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    content = MARKING.format(marker=str(marker), module="math")
    with pytest.raises(Exception):  # noqa: B017, PT011  # which one does not matter: it has run
        exec(compile(content, "<script>", "exec"), {})
    assert marker.exists()


PIECES = st.sampled_from(
    [
        "def main(",
        "x",
        ": ",
        "int",
        "list[",
        "]",
        " | None",
        "=",
        "1",
        "'a'",
        "[",
        "{",
        "}",
        ")",
        ":",
        "\n",
        " ",
        "pass",
        "import f.a.b\n",
        "from . import c\n",
        "class A(Enum):\n",
        " B = 1\n",
        "Literal[",
        "Optional[",
        '"',
        "lambda",
        "*",
        "# /// script\n",
        "# dependencies = [",
        "# ///\n",
        "#requirements:\n",
        "#six\n",
        '$1"',
        "${2:-",
        "\\",
        "\0",
        "\ufeff",
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
@example("def main(x: '\\ud800'): ...")
@example("def main(x: '\\0'): ...")
@example("def main(x: ''): ...")
@example("# /// script\n# ///\n")
@example("from .... import *")
@example("import f")
@example("type X = int\ndef main(x: X): ...")
def test_any_text_is_read_or_refused(content: str) -> None:
    read_all(content)


LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(LITERALS)
def test_every_json_like_default_is_shown_as_it_is(value: object) -> None:
    content = f"def main(x={value!r}): ..."
    if "\0" in content or not _is_unicode(content):
        return
    ast.parse(content)
    (parameter,) = Python().signature(content).parameters
    if _is_unicode_throughout(value):
        assert parameter.default == value
        assert type(parameter.default) is type(value)
    else:
        assert not parameter.shows_default


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_unicode_throughout(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_unicode(key) and _is_unicode_throughout(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_unicode_throughout, value))
    return not isinstance(value, str) or _is_unicode(value)
