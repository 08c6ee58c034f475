"""Which form the parameters of a Python script get: annotations, defaults, resources, and what is left out."""

import json
from typing import Any

import pytest

from tidemill.languages.python import Python
from tidemill.model.errors import InvalidScript
from tidemill.model.script import JSON_SCHEMA_DIALECT, Coercion, Parameter, Signature

PREAMBLE = """
from __future__ import annotations
import datetime, datetime as dt, decimal, enum, pathlib, typing, typing as t, uuid, wmill, collections.abc
import pandas as pd
from dataclasses import dataclass
from datetime import date, time, datetime as moment
from enum import Enum, IntEnum, StrEnum
from typing import *
from typing_extensions import TypedDict
from wmill import S3Object as Blob, S3Object
from f.shared.types import Warehouse
from .types import TeamChat
from pandas import DataFrame

class Color(Enum):
    RED = "red"
    DARK_BLUE = "dark blue"
    _ignored = 1
class Level(IntEnum):
    LOW = 1
    HIGH = -2
class Mode(enum.Enum):
    A = enum.auto()
class Mixed(Enum):
    A = 1
    B = "b"
postgresql = dict
Stripe = dict
Redis = dict
Rows = list[dict]
Number: TypeAlias = int
Size = Literal["s", "m"]
UserId = NewType("UserId", str)
Pair = TypedDict("Pair", {"a": int, "b": str})
class mysql(TypedDict):
    host: str
class GoogleSheet(TypedDict):
    token: str
class plain: ...
class Settings(TypedDict, total=False):
    depth: int
class Options(TypedDict):
    name: str
    tags: NotRequired[list[str]]
@dataclass
class Point:
    x: float
    y: float = 0.0
@dataclass
class Tree:
    value: int
    left: Point
DynSelect_city = str
"""

STRING = {"type": "string"}
POINT = {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x"]}
KNOWN = {"google_sheet", "redis", "data_frame_store"}

ANNOTATIONS: dict[str, dict[str, Any]] = {
    "str": STRING,
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "dict": {"type": "object"},
    "Dict": {"type": "object"},
    "dict[str, int]": {"type": "object"},
    "Dict[str, Any]": {"type": "object"},
    "typing.Dict[str, int]": {"type": "object"},
    "Mapping[str, str]": {"type": "object"},
    "collections.abc.Mapping": {"type": "object"},
    "list": {"type": "array"},
    "List": {"type": "array"},
    "list[str]": {"type": "array", "items": STRING},
    "List[int]": {"type": "array", "items": {"type": "integer"}},
    "t.List[float]": {"type": "array", "items": {"type": "number"}},
    "list[list[bool]]": {"type": "array", "items": {"type": "array", "items": {"type": "boolean"}}},
    "list[dict]": {"type": "array", "items": {"type": "object"}},
    "list[date]": {"type": "array", "items": {"type": "string", "format": "date"}},
    "list[Point]": {"type": "array", "items": POINT},
    "list[Color]": {"type": "array", "items": {"type": "string", "enum": ["red", "dark blue"]}},
    "list[S3Object]": {"type": "array", "items": {"type": "object", "format": "resource-s3_object"}},
    "list[Any]": {"type": "array", "items": {}},
    "set[int]": {"type": "array", "items": {"type": "integer"}},
    "Sequence[str]": {"type": "array", "items": STRING},
    "Iterable[str]": {"type": "array", "items": STRING},
    "tuple": {"type": "array"},
    "tuple[int, ...]": {"type": "array", "items": {"type": "integer"}},
    "tuple[int, str]": {"type": "array"},
    "Any": {},
    "typing.Any": {},
    "object": {},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "datetime.datetime": {"type": "string", "format": "date-time"},
    "dt.datetime": {"type": "string", "format": "date-time"},
    "moment": {"type": "string", "format": "date-time"},
    "datetime.date": {"type": "string", "format": "date"},
    "dt.time": {"type": "string", "format": "time"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "uuid.UUID": {"type": "string", "format": "uuid"},
    "pathlib.Path": STRING,
    "decimal.Decimal": {},
    'Literal["a", "b"]': {"type": "string", "enum": ["a", "b"]},
    "typing.Literal[1, 2, -3]": {"type": "integer", "enum": [1, 2, -3]},
    'Literal["a", 1]': {"enum": ["a", 1]},
    "Literal[True]": {"type": "boolean", "enum": [True]},
    "Size": {"type": "string", "enum": ["s", "m"]},
    "Color": {"type": "string", "enum": ["red", "dark blue"]},
    "Level": {"type": "integer", "enum": [1, -2]},
    "Mixed": {"enum": [1, "b"]},
    "Mode": {},
    "Number": {"type": "integer"},
    "Rows": {"type": "array", "items": {"type": "object"}},
    "UserId": STRING,
    "Pair": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": STRING},
        "required": ["a", "b"],
    },
    "Point": POINT,
    "Tree": {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "left": POINT},
        "required": ["value", "left"],
    },
    "Settings": {"type": "object", "properties": {"depth": {"type": "integer"}}, "required": []},
    "Options": {
        "type": "object",
        "properties": {"name": STRING, "tags": {"type": "array", "items": STRING}},
        "required": ["name"],
    },
    "postgresql": {"type": "object", "format": "resource-postgresql"},
    "mysql": {"type": "object", "format": "resource-mysql"},
    "plain": {"type": "object", "format": "resource-plain"},
    "GoogleSheet": {"type": "object", "format": "resource-google_sheet"},
    "Redis": {"type": "object", "format": "resource-redis"},
    "Stripe": {"type": "object"},
    "Warehouse": {"type": "object", "format": "resource-warehouse"},
    "TeamChat": {"type": "object", "format": "resource-team_chat"},
    "Undefined": {"type": "object", "format": "resource-undefined"},
    "MsSqlServer": {"type": "object", "format": "resource-ms_sql_server"},
    "c_my_type": {"type": "object", "format": "resource-c_my_type"},
    "wmill.postgresql": {"type": "object", "format": "resource-postgresql"},
    "S3Object": {"type": "object", "format": "resource-s3_object"},
    "wmill.S3Object": {"type": "object", "format": "resource-s3_object"},
    "DynSelect_city": {"type": "object", "format": "dynselect-city"},
    "DataFrame": {},
    "pd.DataFrame": {},
    "int | str": {"anyOf": [{"type": "integer"}, STRING]},
    "Union[int, str]": {"anyOf": [{"type": "integer"}, STRING]},
    "Union[int, int]": {"type": "integer"},
    "int | Any": {},
    "Callable[[int], str]": {},
    "1 + 1": {},
    "f()": {},
    "lambda: 0": {},
    "list[str][0]": {},
}

WRAPPERS = {
    "plain": "{}",
    "quoted": "{quoted}",
    "annotated": 'Annotated[{}, "described", 3]',
    "final": "Final[{}]",
    "optional": "Optional[{}]",
    "union": "Union[{}, None]",
    "list": "list[{}]",
    "none": "({}) | None",
}


def signature(parameters: str, *, before: str = PREAMBLE, **options: Any) -> Signature:
    return Python().signature(f"{before}\ndef main({parameters}):\n    return 1\n", **options)


def one(parameters: str, **options: Any) -> Parameter:
    (found,) = signature(parameters, **options).parameters
    return found


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_annotation_gives_the_schema_of_a_value(annotation: str, wrapper: str) -> None:
    written = WRAPPERS[wrapper].format(annotation, quoted=json.dumps(annotation))
    found = one(f"x: {written}", resource_types=KNOWN)
    schema = ANNOTATIONS[annotation]
    assert found.value_schema == ({"type": "array", "items": schema} if wrapper == "list" else schema)
    assert found.is_nullable is (wrapper in {"optional", "union", "none"})
    assert found.is_required is not found.is_nullable


@pytest.mark.parametrize(
    ("default", "value", "schema"),
    [
        ("1", 1, {"type": "integer"}),
        ("-1", -1, {"type": "integer"}),
        ("+1", 1, {"type": "integer"}),
        ("1.5", 1.5, {"type": "number"}),
        ("-1e-3", -0.001, {"type": "number"}),
        ("True", True, {"type": "boolean"}),
        ("False", False, {"type": "boolean"}),
        ("''", "", STRING),
        ("'a' 'b'", "ab", STRING),
        ("'''x\ny'''", "x\ny", STRING),
        ("r'\\d'", "\\d", STRING),
        ("'\\d'", "\\d", STRING),
        ("'\\N{SNOWMAN}'", "☃", STRING),
        ("None", None, {}),
        ("[]", [], {"type": "array"}),
        ("[1, [2, {'a': None}]]", [1, [2, {"a": None}]], {"type": "array"}),
        ("(1, 2)", [1, 2], {"type": "array"}),
        ("{}", {}, {"type": "object"}),
        ("{'a': {'b': [True, -1]}}", {"a": {"b": [True, -1]}}, {"type": "object"}),
        ("b'hi'", "aGk=", {"type": "string", "contentEncoding": "base64"}),
        ("123456789012345678901234567890", 123456789012345678901234567890, {"type": "integer"}),
    ],
)
def test_literal_default_is_shown_and_gives_the_type(default: str, value: object, schema: dict[str, Any]) -> None:
    found = one(f"x={default}")
    assert (found.has_default, found.shows_default, found.default) == (True, True, value)
    assert type(found.default) is type(value)
    assert found.value_schema == schema
    assert not found.is_required
    assert found.schema()["default"] == value


@pytest.mark.parametrize(
    "default",
    [
        "now()",
        "NAME",
        "a.b",
        "f'x'",
        "f'{x}'",
        "1 + 1",
        "not True",
        "-True",
        "--1",
        "~1",
        "...",
        "1j",
        "-1j",
        "1e999",
        "-1e999",
        "{1, 2}",
        "{1: 2}",
        "{**a}",
        "[*a]",
        "[x for x in y]",
        "lambda: 0",
        "0x" + "f" * 5000,
        r"'\ud800'",
        r"{'\ud800': 1}",
        "Mode.A",
        "Color.NONE",
        "Color.RED.value",
        "[" * 100 + "]" * 100,
        "(yield)",
        "a if b else c",
        "a[0]",
    ],
)
def test_computed_default_is_not_shown_but_makes_it_optional(default: str) -> None:
    found = one(f"x: str = {default}")
    assert (found.has_default, found.shows_default, found.default) == (True, False, None)
    assert not found.is_required
    assert found.note
    assert "default" not in found.schema()


@pytest.mark.parametrize(("default", "value"), [("Color.RED", "red"), ("Level.HIGH", -2)])
def test_enum_member_as_default_is_shown_by_its_value(default: str, value: object) -> None:
    assert one(f"x: Color = {default}").default == value


@pytest.mark.parametrize(
    ("annotation", "coercion"),
    [
        ("bytes", Coercion.BYTES_BASE64),
        ("dt.datetime", Coercion.DATETIME),
        ("dt.date | None", Coercion.DATE),
        ("Optional[dt.time]", Coercion.TIME),
        ("'dt.date'", Coercion.DATE),
        ("str", None),
        ("list[bytes]", Coercion.LIST_OF_BYTES_BASE64),
        ("list[moment] | None", Coercion.LIST_OF_DATETIME),
        ("Sequence[date]", Coercion.LIST_OF_DATE),
        ("List[time]", Coercion.LIST_OF_TIME),
        ("list[list[date]]", None),
        ("date | bytes", None),
        ("uuid.UUID", None),
    ],
)
def test_values_that_json_has_no_form_for_are_coerced(annotation: str, coercion: Coercion | None) -> None:
    found = signature(f"x: {annotation}")
    assert found.parameters[0].coercion == coercion
    assert found.coercions == ((("x", coercion),) if coercion else ())


def test_schema_has_the_form_that_clients_exchange() -> None:
    assert signature("a, b: str, c: int = -3, *args, d: Literal['x'], e=now(), f: Optional[int], **rest").schema() == {
        "$schema": JSON_SCHEMA_DIALECT,
        "type": "object",
        "order": ["a", "b", "c", "d", "e", "f"],
        "properties": {
            "a": {"description": ""},
            "b": {"type": "string", "description": ""},
            "c": {"type": "integer", "description": "", "default": -3},
            "d": {"type": "string", "enum": ["x"], "description": ""},
            "e": {
                "description": "",
                "note": "The default is computed when the script runs; leave the field out to use it.",
            },
            "f": {"type": "integer", "description": "", "nullable": True},
        },
        "required": ["a", "b", "d"],
    }


def test_schema_without_parameters_is_empty_but_whole() -> None:
    assert signature("").schema() == {
        "$schema": JSON_SCHEMA_DIALECT,
        "type": "object",
        "order": [],
        "properties": {},
        "required": [],
    }


def test_parameters_keep_their_order_whatever_their_kind() -> None:
    found = signature("a, b=1, /, c=2, *, d, e=3")
    assert [(p.name, p.default) for p in found.parameters] == [("a", None), ("b", 1), ("c", 2), ("d", None), ("e", 3)]
    assert found.schema()["required"] == ["a", "d"]


def test_keyword_arguments_take_any() -> None:
    assert signature("**rest").takes_any
    assert not signature("*rest").takes_any


@pytest.mark.parametrize("known", [(), {"google_sheet"}])
def test_camel_case_class_is_a_resource_only_when_the_workspace_has_the_type(known: set[str]) -> None:
    schema = one("x: GoogleSheet", resource_types=known).value_schema
    assert ("properties" in schema) is not bool(known)
    assert schema.get("format") == ("resource-google_sheet" if known else None)


def test_library_script_has_no_entry() -> None:
    found = Python().signature("def helper(x: int): ...\n")
    assert (found.has_entry, found.parameters) == (False, ())


@pytest.mark.parametrize(
    "content",
    [
        "async def main(x: int): ...",
        "if True:\n    def main(x: int): ...",
        "try:\n    import a\nexcept ImportError:\n    def main(x: int): ...",
        "with a:\n    def main(x: int): ...",
        "def main(y): ...\ndef main(x: int): ...",
        "@decorated(1)\ndef main(x: int): ...",
        "\ufeffdef main(x: int): ...",
        "# -*- coding: utf-8 -*-\ndef main(x: int): ...",
        "def main(x: int): ...\r\n",
        "\n\n\n#!/usr/bin/env python\ndef main(\n    x: int,\n): ...",
    ],
)
def test_entry_is_found_wherever_it_is_defined_on_import(content: str) -> None:
    assert [p.value_schema for p in Python().signature(content).parameters] == [{"type": "integer"}]


@pytest.mark.parametrize(
    "content", ["class A:\n    def main(x): ...", "def f():\n    def main(x): ...", "main = 3", "", "# nothing", "\n"]
)
def test_function_that_is_not_at_the_top_is_no_entry(content: str) -> None:
    assert not Python().signature(content).has_entry


def test_other_function_and_preprocessor_are_found_by_name() -> None:
    content = "def main(a): ...\ndef preprocessor(event: dict): ...\ndef other(b: bool): ..."
    assert Python().signature(content).has_preprocessor
    assert [p.name for p in Python().signature(content, entry="preprocessor").parameters] == ["event"]
    assert [p.name for p in Python().signature(content, entry="other").parameters] == ["b"]
    assert not Python().signature("def main(): ...").has_preprocessor


def test_description_is_the_first_paragraph_of_the_docstring() -> None:
    content = 'def main():\n    """Counts.\n\n    Rest."""'
    assert Python().signature(content).description == "Counts."


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("def main(:", 1),
        ("x = 1\ndef main(\n", 2),
        ("def main():\n\treturn\n        x", 3),
        ("x = 1\n  y = 2", 2),
        ("a = 'x", 1),
        ("def main(a, a=1, b): ...", 1),
        ("x = 1\n\n\n\x00", 4),
    ],
)
def test_refusal_names_the_line(content: str, line: int) -> None:
    with pytest.raises(InvalidScript, match=f"^Line {line}: "):
        Python().signature(content)


TREE = "@dataclass\nclass Tree:\n    left: Tree\n    rest: list['Tree']\n"


def test_type_that_refers_to_itself_is_shown_once() -> None:
    assert one("x: Tree", before=TREE).value_schema["properties"] == {
        "left": {"type": "object"},
        "rest": {"type": "array", "items": {"type": "object"}},
    }


@pytest.mark.parametrize("before", ["A = 'A'\n", "A = 'B'\nB = 'A'\n", "A = list['B']\nB = list['A']\n"])
def test_alias_that_refers_to_itself_accepts_anything_in_the_end(before: str) -> None:
    innermost = one("x: A", before=before).value_schema
    while "items" in innermost:
        innermost = innermost["items"]  # type: ignore[assignment]
    assert innermost == {}
