"""Which form a Bash script gets, and how its arguments are passed."""

import shlex

import pytest

from tidemill.languages.bash import MAX_ARGUMENT_BYTES, Bash
from tidemill.languages.port import Launch
from tidemill.model.errors import BadRequest, InvalidJson, InvalidScript, TooLarge


def launch(content: str, args: bytes) -> Launch:
    bash = Bash()
    return bash.launch(
        content,
        path="",
        signature=bash.signature(content),
        args=args,
        modules={},
        environment=None,
        resources={},
        contextual={},
    )


def arguments(content: str, args: bytes) -> list[str]:
    given = launch(content, args)
    assert given.argv == ("/bin/bash", "launch.sh")  # where every process of the machine can read
    return shlex.split(given.files[".arguments"].decode())[4:]  # after: unset BASH_ENV, set --


@pytest.mark.parametrize(
    ("line", "name", "default"),
    [
        ('name="$1"', "name", ...),
        ("name=$1", "name", ...),
        ('name="${1}"', "name", ...),
        ("name=${1}", "name", ...),
        ('name="$1" # the name', "name", ...),
        ('name="$1"  ', "name", ...),
        ('name="$1"\r', "name", ...),
        ("name=$1; echo hi", "name", ...),
        ("name=$1 && echo hi", "name", ...),
        ('export name="$1"', "name", ...),
        ("readonly name=$1", "name", ...),
        ("declare -r -x name=$1", "name", ...),
        ('name="${1:?is needed}"', "name", ...),
        ("name=${1?}", "name", ...),
        ('name="${1:-}"', "name", ""),
        ('name="${1:-world}"', "name", "world"),
        ('name="${1-world}"', "name", "world"),
        ("name=${1:-world}", "name", "world"),
        ('name="${1:-hello big world}"', "name", "hello big world"),
        ('name=${1:-"hello world"}', "name", "hello world"),
        ("name=${1:-'a $b'}", "name", None),
        ("name=${1:-'a b'}", "name", "a b"),
        (r'name="${1:-a\}b}"', "name", "a}b"),
        (r'name="${1:-\$5}"', "name", "$5"),
        (r'name="${1:-say \"hi\"}"', "name", 'say "hi"'),
        ('name="${1:-$HOME}"', "name", None),
        ('name="${1:-$(date)}"', "name", None),
        ('name="${1:-`date`}"', "name", None),
        ('name="${1:-/tmp/a=b?c}"', "name", "/tmp/a=b?c"),
        ('_n2="${1:-0}"', "_n2", "0"),
    ],
)
def test_assignment_of_a_position_is_a_parameter(line: str, name: str, default: object) -> None:
    (found,) = Bash().signature(line).parameters
    assert (found.name, found.value_schema) == (name, {"type": "string"})
    assert found.has_default is (default is not ...)
    assert found.shows_default is isinstance(default, str)
    assert found.default == (default if isinstance(default, str) else None)
    assert bool(found.note) is (default is None)


@pytest.mark.parametrize(
    "line",
    [
        "# name=$1",
        "echo $1",
        '  name="$1"',
        '\tlocal name="$1"',
        "name=$0",
        "name=$10",
        "name=${1}0",
        "name=$1$2",
        'name="$1/x"',
        'name="x$1"',
        "name='$1'",
        "name=\"$1'",
        "name=$@",
        'name="$*"',
        "name=$#",
        "name=${#1}",
        "name=${1%.txt}",
        "name=${1:0:2}",
        "name=$(cat $1)",
        "2name=$1",
        "na-me=$1",
        "name =$1",
        "name= $1",
        "name=${01}",
        "",
    ],
)
def test_anything_else_is_no_parameter(line: str) -> None:
    assert Bash().signature(line).parameters == ()


def test_parameters_are_ordered_by_position() -> None:
    content = 'c=$3\na="$1" b="${2:-x}"\nagain=$1\nd=${10}\n'
    assert [p.name for p in Bash().signature(content).parameters] == ["a", "b", "c", "d"]
    assert Bash().signature(content).schema()["required"] == ["a", "c", "d"]
    assert Bash().signature(content).schema()["order"] == ["a", "b", "c", "d"]


def test_here_documents_are_not_searched() -> None:
    content = "cat <<EOF\na=$1\nEOF\ncat <<-'END'\nb=$1\n\tEND\nc=$1\nd=<<<EOF\ne=$2"
    assert [p.name for p in Bash().signature(content).parameters] == ["c", "e"]


@pytest.mark.parametrize("content", ["a=$1\na=$2", "a=${256}", "a=${99999999999}", "\0", "a" * 2_000_000, "\ud800"])
def test_impossible_script_is_refused(content: str) -> None:
    with pytest.raises(InvalidScript):
        Bash().signature(content)


SCRIPT = 'a="$1"\nb="${2:-two}"\nd="${4-four}"\n'


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (b"{}", []),
        (b'{"a":"x"}', ["x"]),
        (b'{"a":""}', [""]),
        (b'{"a":"x","b":"y"}', ["x", "y"]),
        (b'{"b":"y"}', ["", "y"]),
        (b'{"a":"x","d":"z"}', ["x", "two", "", "z"]),
        (b'{"a":null,"b":null}', []),
        (b'{"a":"null"}', ["null"]),
        (b'{"a":1.50}', ["1.50"]),
        (b'{"a":123456789012345678901234567890}', ["123456789012345678901234567890"]),
        (b'{"a":{"k" : [1, "\xc3\xa9"]}}', ['{"k" : [1, "\u00e9"]}']),
        (b'{"a":true}', ["true"]),
        (b'{"a":"-n $(id) \\" \\u00e9\\n"}', ['-n $(id) " \u00e9\n']),
        (b'{"unknown":"x"}', []),
    ],
)
def test_arguments_are_passed_by_position_as_they_are_written(args: bytes, expected: list[str]) -> None:
    assert arguments(SCRIPT, args) == expected


def test_gap_with_a_computed_default_that_an_empty_text_would_hide_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"^a must be given"):
        arguments("a=${1-$(date)}\nb=$2", b'{"b":"x"}')
    assert arguments("a=${1:-$(date)}\nb=$2", b'{"b":"x"}') == ["", "x"]


def test_argument_that_no_program_can_be_given_is_refused() -> None:
    with pytest.raises(BadRequest, match="NUL"):
        arguments("a=$1", b'{"a":"x\\u0000y"}')
    with pytest.raises(TooLarge, match=r"args\.json"):
        arguments("a=$1", b'{"a":"' + b"x" * (MAX_ARGUMENT_BYTES + 1) + b'"}')
    many = b",".join(b'"a%d":"%s"' % (i, b"x" * 100_000) for i in range(1, 21))
    with pytest.raises(TooLarge, match=r"args\.json"):
        arguments("".join(f"a{i}=${{{i}}}\n" for i in range(1, 21)), b"{" + many + b"}")


def test_arguments_lie_in_the_job_directory_as_they_came() -> None:
    assert launch("a=$1", b'{"a": 1.0}').files["args.json"] == b'{"a": 1.0}'


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({}, None),
        ({".last_line": b"hi\n"}, b'"hi"'),
        ({".last_line": b"hi"}, b'"hi"'),
        ({".last_line": b""}, b'""'),
        ({".last_line": b'{"a":1}\n'}, b'"{\\"a\\":1}"'),
        ({".last_line": b"x\n", "result.out": b"a\nb\n"}, b'"a\\nb\\n"'),
        ({".last_line": b"x\n", "result.out": b"t", "result.json": b'{"a": 1.0}'}, b'{"a": 1.0}'),
    ],
)
def test_result_is_a_file_or_else_the_last_line(found: dict[str, bytes], expected: bytes | None) -> None:
    assert Bash().result(found) == expected


@pytest.mark.parametrize("found", [{"result.json": b"{"}, {"result.json": b""}, {"result.out": b"\xff"}])
def test_result_file_that_is_not_what_its_name_says_is_refused(found: dict[str, bytes]) -> None:
    with pytest.raises(InvalidJson):
        Bash().result(found)
