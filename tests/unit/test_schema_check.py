"""Schemas that users make, and values against them."""

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.model.errors import InvalidSchema
from tidemill.model.schema_check import check_schema
from tidemill.model.value_check import validate_value


def nested(levels: int) -> dict[str, object]:
    schema: dict[str, object] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {}},
        {"type": ["string", "null"], "enum": None, "pattern": None},
        {"properties": {"a": True, "b": False}, "required": ["a"], "order": ["b", "a"]},
        {"$defs": {"a/b": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a~1b"}}},
        {"properties": {"me": {"$ref": "#"}}},
        {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        {"pattern": "^\\p{L}+$"},
        {"pattern": "(?<year>\\d+)"},
        {"x-own": [1], "format": "resource-s3", "password": True},
        nested(32),
    ],
)
def test_schema_is_accepted(schema: dict[str, object]) -> None:
    check_schema(schema)


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ([], "object"),
        (None, "object"),
        ({"type": "text"}, "type: 'text'"),
        ({"properties": {"port": {"type": 5}}}, "properties.port.type"),
        ({"properties": []}, "properties"),
        ({"properties": {"a": "string"}}, "properties.a"),
        ({"required": "a"}, "required"),
        ({"required": [1]}, "required"),
        ({"properties": {"a": {"required": True}}}, "properties.a.required"),
        ({"items": [1]}, "items"),
        ({"oneOf": {}}, "oneOf"),
        ({"oneOf": [{"type": "x"}]}, "oneOf[0].type"),
        ({"minimum": "1"}, "minimum"),
        ({"minimum": True}, "minimum"),
        ({"minLength": -1}, "minLength"),
        ({"maxLength": 1.5}, "maxLength"),
        ({"enum": "a"}, "enum"),
        ({"description": 5}, "description"),
        ({"pattern": "("}, "pattern"),
        ({"pattern": "a" * 501}, "pattern"),
        ({"$ref": "https://example.org/schema"}, "$ref"),
        ({"$ref": "other.json#/a"}, "$ref"),
        ({"$ref": "#/$defs/none"}, "$ref"),
        ({"$ref": "#/properties/__class__"}, "$ref"),
        ({"allOf": [{}], "$ref": f"#/allOf/{'9' * 5000}"}, "$ref"),
        (nested(33), "deeper"),
        ({"properties": {str(i): {} for i in range(5000)}}, "parts"),
    ],
)
def test_schema_is_refused_with_the_place(schema: object, place: str) -> None:
    with pytest.raises(InvalidSchema) as caught:
        check_schema(schema)
    assert place in str(caught.value)


FORM = {
    "type": "object",
    "required": ["host"],
    "properties": {
        "host": {"type": "string", "minLength": 1},
        "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "mode": {"enum": ["a", "b"]},
        "password": {"type": "string", "maxLength": 3, "password": True},
        "code": {"type": "string", "pattern": "^[a-z]{3}-[0-9]+$"},
        "servers": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["host"]}},
        "login": {"oneOf": [{"properties": {"kind": {"const": "none"}}}, {"required": ["user"]}]},
        "on": {"const": True},
    },
}


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ({"host": "h"}, []),
        ({"host": "h", "port": 5.0, "more": [1]}, []),
        ({"host": "$var:u/a/host", "port": "$var:u/a/port"}, []),
        ({}, ["host: is required."]),
        ([], ["value: must be an object, not a list."]),
        ({"host": "", "port": 0}, ["host: must have at least 1 characters.", "port: must be at least 1."]),
        ({"host": "h", "port": True}, ["port: must be a whole number, not true or false."]),
        ({"host": "h", "port": "5432"}, ["port: must be a whole number, not text."]),
        ({"host": "h", "port": 5.5}, ["port: must be a whole number, not a number."]),
        ({"host": "h", "mode": "c"}, ["mode: must be one of a, b."]),
        ({"host": "h", "password": "secret"}, ["password: must have at most 3 characters."]),
        ({"host": "h", "code": "abc-"}, ["code: must match ^[a-z]{3}-[0-9]+$."]),
        ({"host": "h", "servers": []}, ["servers: must have at least 1 entries."]),
        ({"host": "h", "servers": [{"host": 1}, {}]}, ["servers[1].host: is required."]),
        ({"host": "h", "login": {"kind": "x"}}, ["login: does not fit any of the 2 forms that it may have."]),
        ({"host": "h", "login": {"kind": "none"}}, []),
        ({"host": "h", "on": 1}, ["on: must be True."]),
    ],
)
def test_problems_are_told_by_place(value: object, problems: list[str]) -> None:
    assert validate_value(FORM, value) == problems


def test_costly_patterns_are_not_tried() -> None:
    for pattern in ("(a+)+$", "^(a|a)*$", "a*a*a*a*$", "(.*)\\1\\1\\1$"):
        assert validate_value({"pattern": pattern}, "a" * 1999 + "!") == []


def test_references_in_a_circle_come_to_an_end() -> None:
    loop = {"$ref": "#"}
    assert validate_value({"anyOf": [loop, loop], "allOf": [loop, loop]}, 1) == []
    tree = {"properties": {"me": {"$ref": "#"}}, "required": ["name"]}
    assert validate_value(tree, {"name": 1, "me": {}}) == ["me.name: is required."]


def test_problems_are_limited() -> None:
    assert len(validate_value({"items": {"type": "string"}}, list(range(200)))) == 50


leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | st.sampled_from(["", "a", "abc"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
plain = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "number", "integer", "boolean", "null"]),
        "enum": st.lists(leaves, min_size=1, max_size=3, unique_by=repr),
        "minimum": st.integers(-2, 2),
        "exclusiveMaximum": st.integers(-2, 2),
        "minLength": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "required": st.lists(st.sampled_from("ab"), unique=True),
    },
)
schemas = st.recursive(
    plain,
    lambda inner: st.builds(
        lambda own, properties, items, forms: (
            own | {"properties": properties} | ({"items": items} if items else {}) | ({"anyOf": forms} if forms else {})
        ),
        plain,
        st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        inner,
        st.lists(inner, max_size=2),
    ),
    max_leaves=5,
)


@given(schemas, values)
def test_agrees_with_a_full_validator(schema: dict[str, object], value: object) -> None:
    check_schema(schema)
    assert (validate_value(schema, value) == []) == jsonschema_rs.is_valid(schema, value)
