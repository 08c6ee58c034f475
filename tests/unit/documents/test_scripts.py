"""Scripts for MongoDB as they are read, and arguments that stay values whatever they look like."""

import json
import re
from typing import Any

import pytest

from tidemill.engine.documents.arguments import TYPES, default_of, read_value
from tidemill.engine.documents.bson_json import to_json
from tidemill.engine.documents.bson_tree import to_bson
from tidemill.engine.documents.operations import Asked, Request, Written
from tidemill.engine.documents.script import read_script, requests
from tidemill.engine.documents.yaml_tree import read_documents
from tidemill.languages import load_language
from tidemill.model.errors import BadRequest, InvalidScript


def made(content: str, **args: Any) -> list[Request]:
    """What would be sent."""
    script = read_script(content)
    values = {}
    for declaration in script.head.arguments:
        raw = json.dumps(args[declaration.name]).encode() if declaration.name in args else default_of(declaration)
        assert raw is not None
        values[declaration.name] = read_value(declaration, raw)
    return requests(script, values)


def command(content: str, **args: Any) -> Any:
    """The one command that would be sent, as JSON."""
    (request,) = made(content, **args)
    assert isinstance(request.made, Asked)
    return json.loads(to_json(to_bson(request.made.command)))


def test_the_head_declares_arguments_database_and_options() -> None:
    content = (
        "# Finds people.\n# database f/shop/store\n\n# name (string)\n-- least (int) = 18\n"
        '# tags (string[]) = ["a"]\n# since (date) = 2024-01-02\n# who (any) = null\n# id (objectId)\n'
        "# result_collection=last_statement_first_row\n# s3 prefix=a/b storage=lake\n# read_only\n"
        "collection: users\nfind: {name: {$arg: name}}\n"
    )
    script = read_script(content)
    assert script.head.database == "f/shop/store"
    assert script.head.options == {"result_collection": "last_statement_first_row", "read_only": ""}
    assert (script.head.streamed.prefix, script.head.streamed.storage) == ("a/b", "lake")  # type: ignore[union-attr]
    schema = load_language("mongodb").signature(content).schema()
    assert schema["order"] == ["name", "least", "tags", "since", "who", "id"]
    assert schema["required"] == ["name", "id"]
    assert schema["properties"]["least"] == {"type": "integer", "description": "", "default": 18}  # type: ignore[index]
    assert schema["properties"]["since"]["default"] == "2024-01-02"  # type: ignore[index]
    assert schema["properties"]["who"] == {"description": "", "default": None, "nullable": True}  # type: ignore[index]
    unnamed = load_language("mongodb").signature("collection: a\nfind: {}").schema()
    assert unnamed["properties"] == {"database": {"type": "object", "format": "resource-mongodb", "description": ""}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# a (strnig)\nfind: {}", "Line 1: argument a has the unknown type 'strnig'"),
        ("# a (int)\n# a (int)\nfind: {}", "Line 2: the argument 'a'"),
        ("# database (string)\nfind: {}", "the argument 'database'"),
        ("# a (int) = x\nfind: {}", "Argument a"),
        ("# a (date) = soon\nfind: {}", "not a date"),
        ("# database nowhere\nfind: {}", "not the path of a resource"),
        ("# result_collection=some\nfind: {}", "result_collection is one of"),
        ("# result_collection = some\nfind: {}", "result_collection is one of"),
        ("# result_collection=\nfind: {}", "result_collection is one of"),
        ("# result_collection=last_statement_first_row now\nfind: {}", "result_collection is one of"),
        ("# read_only = yes\nfind: {}", "read_only is written without a value"),
        ("# s3 format = csv\nfind: {}", "takes prefix="),
        ("# extended_jason=canonical\nfind: {}", "no option 'extended_jason'"),
        ("# s3 format=xml\nfind: {}", "format is one of"),
        ("# s3 bucket=x\nfind: {}", "takes prefix="),
        ("", "no operation"),
        ("# only a comment\n---\n", "no operation"),
        ("- a\n- b", "Line 1: a script is an object"),
        ("collection: a\nfind: {}\ninsert: {}", "exactly one of"),
        ("collection: a", "exactly one of"),
        ("find: {}", "needs a `collection`"),
        ("collection: a\nfind: {}\nlimits: 1", "find does not take 'limits'"),
        ("collection: a\nfind: [1]", "`find` must be an object"),
        ("collection: a\naggregate: {}", "a list of stages"),
        ("collection: a\nfind: {a: 1, a: 2}", "the key 'a' is there twice"),
        ("x: 1\n---\ncollection: a\nfind:\n  a: 1\n  a: 2", "Line 5: the key 'a' is there twice"),
        ("collection: a\nfind: {a: [1}", "Line 2, column 13"),
        ("collection: a\nfind: {a: &x {}, b: *x}", "aliases"),
        ("collection: a\nfind: {a: !!python/object:os.system x}", "tags"),
        ("collection: a\nfind: {a: !!binary aGk=}", "tags"),
        ("collection: a\nfind: {[a, b]: 1}", "a key must be text"),
        ("collection: a\nfind: {a: 12345678901234567890}", "does not fit 64 bits"),
        ("collection: a\nfind: {a: 0.1234567890123456789}", "does not hold"),
        ("collection: a\nfind: {a: 1e999}", "does not hold"),
        ("collection: a\nfind: {a: {$arg: b}}", "'b' is not declared: add a line `# b"),
        ("# b (int)\ncollection: a\nfind: {a: {$arg: b, c: 1}}", "nothing else"),
        ("collection: a\nupdate: {filter: {}}", "`update` is missing"),
        ("collection: a\nupdate: {filter: {}, update: {$set: {a: 1}, b: 1}}", "mixes both"),
        ("collection: a\nupdate: {filter: {}, update: {a: 1}, multi: true}", "replaces one document"),
        ("collection: a\ndelete: {}", "`filter` is missing"),
        ("collection: a\ndelete: {filter: {}, limit: 1}", "no 'limit' here"),
        ("collection: a\ninsert: []", "nothing to write"),
        ("collection: a\nbulkWrite: [{upsertOne: {}}]", "does not know 'upsertOne'"),
        ("collection: a\nbulkWrite: [{deleteOne: {filter: {}, multi: true}}]", "not `multi`"),
        ("collection: a\nbulkWrite: [{replaceOne: {filter: {}, replacement: {$set: {a: 1}}}}]", "whole document"),
        ("command: {}", "begins with its name"),
        ("# read_only\ncollection: a\ninsert: {}", "insert writes"),
        ("# read_only\ncollection: a\naggregate: [{$facet: {x: [{$merge: b}]}}]", "merge writes"),
        ("# read_only\ncommand: {dropDatabase: 1}", "dropDatabase writes"),
        ("# read_only\ncommand: {findAndModify: a, remove: true}", "findAndModify writes"),
        ("find: {}\0", "NUL"),
    ],
)  # fmt: skip
def test_wrong_script_is_refused_with_its_place_and_nothing_is_sent(content: str, message: str) -> None:
    with pytest.raises(InvalidScript) as refused:
        made(content, b=1) if "# a (" not in content else load_language("mongodb").signature(content)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("Yes", "Yes"), ("2024-01-02", "2024-01-02"), ("12:30:45", "12:30:45"), ("0x1f", 31),
        ("0o17", 15), ("017", 17), ("1_000", "1_000"), ("~", None), ("", None), ("null", None), ("true", True),
        ("1.0", 1.0), ("1e3", 1000.0), (".5", 0.5), (".inf", float("inf")), ("<<", "<<"), ("=", "="), ("-5", -5),
        ("'5'", "5"), ('"\\ud83d\\ude00"', "😀"), ("1.2.3", "1.2.3"), ("+5", 5), ("NO", "NO"), ("on", "on"),
    ],
)  # fmt: skip
def test_plain_words_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert read_documents(f"a: {text}")[0]["a"] == value
    assert type(read_documents(f"a: {text}")[0]["a"]) is type(value)


def test_json_is_a_script_too_also_with_tabs() -> None:
    assert command('{"collection": "a", "find": {"b": {"$gt": 1.5}},\n\t"limit": 5}') == {
        "find": "a", "filter": {"b": {"$gt": 1.5}}, "limit": 5,
    }  # fmt: skip


def test_windows_line_ends_and_a_byte_order_mark_are_no_trouble() -> None:
    assert command("\ufeff# n (int)\r\ncollection: a\r\nfind: {n: {$arg: n}}\r\n", n=5)["filter"] == {"n": 5}


OPERATORS = [{"$gt": ""}, {"$ne": None}, {"$where": "sleep(1000)"}, {"$regex": ".*"}, {"$in": [1]}]


@pytest.mark.parametrize("value", OPERATORS)
def test_operator_in_an_argument_is_compared_and_not_obeyed(value: Any) -> None:
    content = "# p (any)\ncollection: users\nfind: {password: {$arg: p}, age: {$lt: {$arg: p}}}"
    assert command(content, p=value)["filter"] == {"password": {"$eq": value}, "age": {"$lt": value}}
    with pytest.raises(BadRequest, match="a text is expected, not an object"):
        command("# p (string)\ncollection: users\nfind: {password: {$arg: p}}", p=value)


@pytest.mark.parametrize("value", ["$password", "$$ROOT", {"$getField": "password"}, ["$password"], {"a": "$b"}])
def test_field_reference_in_an_argument_is_a_literal_where_expressions_are_read(value: Any) -> None:
    stages = "[{$match: {$expr: {$eq: ['$name', {$arg: v}]}}}, {$project: {x: {$arg: v}}}, {$group: {_id: {$arg: v}}}]"
    pipeline = command(f"# v (any)\ncollection: a\naggregate: {stages}", v=value)["pipeline"]
    assert pipeline[0]["$match"]["$expr"]["$eq"][1] == {"$literal": value}
    assert pipeline[1]["$project"]["x"] == {"$literal": value}
    assert pipeline[2]["$group"]["_id"] == {"$literal": value}
    inner = "[{$lookup: {from: b, let: {x: {$arg: v}}, pipeline: [{$match: {y: {$arg: v}}}], as: c}}]"
    lookup = command(f"# v (any)\ncollection: a\naggregate: {inner}", v=value)["pipeline"][0]["$lookup"]
    assert lookup["let"]["x"] == {"$literal": value}
    assert lookup["pipeline"][0]["$match"]["y"] == ({"$eq": value} if value == {"$getField": "password"} else value)


def test_plain_values_go_into_expressions_as_they_are() -> None:
    content = "# v (int)\ncollection: a\naggregate: [{$match: {$expr: {$gt: ['$n', {$arg: v}]}}}, {$limit: {$arg: v}}]"
    assert command(content, v=5)["pipeline"] == [{"$match": {"$expr": {"$gt": ["$n", 5]}}}, {"$limit": 5}]


@pytest.mark.parametrize(
    "content",
    [
        "collection: a\nfind: {$where: {$arg: v}}",
        "collection: a\naggregate: [{$match: {$expr: {$function: {body: {$arg: v}, args: [], lang: js}}}}]",
        "collection: a\naggregate: [{$group: {_id: 1, x: {$accumulator: {init: {$arg: v}}}}}]",
        "command: {mapReduce: a, map: {$arg: v}, reduce: x, out: {inline: 1}}",
    ],
)
@pytest.mark.parametrize("kind", ["string", "any"])
def test_no_argument_becomes_code(content: str, kind: str) -> None:
    with pytest.raises(BadRequest, match="no argument ever becomes code"):
        command(f"# v ({kind})\n{content}", v="return true")


@pytest.mark.parametrize("value", [{"$where": "1"}, {"a": [{"$function": {}}]}, {"a": {"$code": "x"}}])
def test_not_even_a_query_brings_code(value: Any) -> None:
    with pytest.raises(BadRequest, match="no argument ever becomes code"):
        command("# q (query)\ncollection: a\nfind: {$arg: q}", q=value)


def test_an_argument_declared_as_query_may_have_operators() -> None:
    wanted = {"age": {"$gt": 5}, "$or": [{"a": 1}, {"b": {"$exists": True}}]}
    assert command("# q (query)\ncollection: a\nfind: {$arg: q}", q=wanted)["filter"] == wanted
    assert command("# q (query)\ncollection: a\naggregate: {$arg: q}", q=[{"$match": wanted}])["pipeline"]


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("collection: a\nfind: {$arg: v}", {"a": {"$gt": ""}}),
        ("collection: a\nfind: {$and: {$arg: v}}", [{"$where": "x"}]),
        ("collection: a\nfind: {a: {$not: {$arg: v}}}", {"$gt": ""}),
        ("collection: a\nfind: {a: {$in: {$arg: v}}}", [{"$regularExpression": {"pattern": ".", "options": ""}}]),
        ("collection: a\nfind: {a: {$elemMatch: {$arg: v}}}", {"$gt": ""}),
        ("collection: a\naggregate: {$arg: v}", [{"$out": "users"}]),
        ("collection: a\naggregate: [{$unwind: {$arg: v}}]", "$secret"),
        ("collection: a\naggregate: [{$match: {$arg: v}}]", {"a": {"$ne": 1}}),
        ("collection: a\nupdate: {filter: {a: 1}, update: {$arg: v}}", {"$set": {"admin": True}}),
        ("collection: a\nupdate: {filter: {a: 1}, update: {$arg: v}}", [{"$set": {"admin": True}}]),
        ("collection: a\nupdate: {filter: {$arg: v}, update: {$set: {a: 1}}}", {"a": {"$gt": ""}}),
        ("collection: a\nupdate: {filter: {a: 1}, update: {$push: {b: {$arg: v}}}}", {"$each": [1, 2]}),
        ("collection: a\nupdate: {filter: {a: 1}, update: {$pull: {b: {$arg: v}}}}", {"$gt": 0}),
        ("collection: a\ndelete: {filter: {$arg: v}, multi: true}", {"a": {"$exists": True}}),
        ("collection: a\ndelete: {$arg: v}", {"filter": {"a": {"$gt": 0}}}),
        ("collection: a\nbulkWrite: {$arg: v}", [{"deleteMany": {"filter": {"a": {"$gt": 0}}}}]),
        ("command: {findAndModify: a, query: {$arg: v}, remove: true}", {"a": {"$gt": ""}}),
        ("command: {$arg: v}", {"$eval": "x"}),
        ("collection: {$arg: v}\nfind: {}", "$cmd"),
    ],
)
def test_argument_with_operators_is_refused_where_they_would_be_read(content: str, value: Any) -> None:
    with pytest.raises(BadRequest, match=r"Argument v \(any\).*\(query\)"):
        made(f"# v (any)\n{content}", v=value)


def test_pattern_in_an_argument_matches_only_if_it_is_declared_as_one() -> None:
    pattern = {"$regularExpression": {"pattern": ".*", "options": ""}}
    find = "collection: a\nfind: {user: {$arg: v}}"
    assert command(f"# v (any)\n{find}", v=pattern)["filter"] == {"user": {"$eq": pattern}}
    assert command(f"# v (regex)\n{find}", v=".*")["filter"] == {"user": pattern}
    assert command(f"# v (regex)\n{find}", v={"pattern": "a", "options": "i"})["filter"] == {
        "user": {"$regularExpression": {"pattern": "a", "options": "i"}}
    }


def test_documents_in_arguments_are_kept_as_they_are() -> None:
    document = {"a.b": 1, "c": {"$gt": 5}, "d": "$e", "_id": {"$oid": "0" * 24}}
    (request,) = made("# v (object)\ncollection: a\ninsert: {$arg: v}", v=document)
    assert isinstance(request.made, Written)
    (change,) = request.made.changes
    assert json.loads(to_json(to_bson(change.document))) == document  # type: ignore[arg-type]
    update = "collection: a\nupdate: {filter: {_id: 1}, update: {$set: {b: {$arg: v}}}}"
    (request,) = made(f"# v (object)\n{update}", v={"$gt": 5})
    assert isinstance(request.made, Written)
    assert request.made.changes[0].document == {"$set": {"b": {"$gt": 5}}}


def test_values_in_a_list_of_a_filter_are_compared_as_a_list() -> None:
    assert command("# v (any)\ncollection: a\nfind: {a: [{$arg: v}]}", v={"$gt": 1})["filter"] == {"a": [{"$gt": 1}]}


ARGUMENTS: list[tuple[str, Any, Any]] = [
    ("string", "a", '"a"'), ("int", 5, "5"), ("int", 2**40, str(2**40)), ("double", 5, "5.0"), ("double", 1.5, "1.5"),
    ("long", 5, "5"), ("long", "9007199254740993", '{"$numberLong":"9007199254740993"}'),
    ("decimal", "1.10", '{"$numberDecimal":"1.10"}'), ("decimal", 5, '{"$numberDecimal":"5"}'),
    ("bool", False, "false"), ("date", "2024-01-02", '{"$date":"2024-01-02T00:00:00Z"}'),
    ("date", {"$date": "2024-01-02T00:00:00Z"}, '{"$date":"2024-01-02T00:00:00Z"}'),
    ("objectId", "0" * 24, '{"$oid":"000000000000000000000000"}'),
    ("uuid", "00000000-0000-0000-0000-000000000000",
     '{"$binary":{"base64":"AAAAAAAAAAAAAAAAAAAAAA==","subType":"04"}}'),
    ("binary", "aGk=", '{"$binary":{"base64":"aGk=","subType":"00"}}'), ("object", {"a": 1}, '{"a":1}'),
    ("array", [1, "a", None], '[1,"a",null]'), ("int[]", [1, None], "[1,null]"), ("any", None, "null"),
    ("objectid[]", ["1" * 24], '[{"$oid":"111111111111111111111111"}]'), ("string", None, "null"),
    ("date[]", ["1969-12-31T23:59:59Z"], '[{"$date":{"$numberLong":"-1000"}}]'),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "sent"), ARGUMENTS)
def test_arguments_become_values_of_their_type(kind: str, given: Any, sent: str) -> None:
    (request,) = made(f"# v ({kind})\ncollection: a\ninsert: {{x: {{$arg: v}}}}", v=given)
    assert isinstance(request.made, Written)
    assert to_json(to_bson(request.made.changes[0].document)) == f'{{"x":{sent}}}'  # type: ignore[arg-type]


def test_decimal_keeps_the_digits_of_the_json_number() -> None:
    (declaration,) = read_script("# v (decimal)\ncollection: a\ninsert: {x: {$arg: v}}").head.arguments
    for text in ("1.10", "0.1234567890123456789012345678901234", "1E+400"):
        value = read_value(declaration, text.encode())
        assert json.loads(to_json(to_bson({"x": value.tree})))["x"]["$numberDecimal"] == text


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("string", 5), ("string", {}), ("int", 1.5), ("int", "5"), ("int", True),
        ("long", "five"), ("long", 2**63), ("double", "1"), ("double", 2**53 + 1), ("decimal", "x"), ("decimal", True),
        ("bool", "true"), ("bool", 0), ("date", 5), ("date", "2024-02-30"), ("objectid", "0"), ("uuid", "0"),
        ("binary", "?"), ("object", []), ("array", {}), ("int[]", [1, "2"]), ("int[]", 1), ("regex", 5),
        ("any", {"$oid": "zz"}), ("any", {"$numberLong": "x"}), ("any", 2**63), ("query", "text"),
        ("object", {"a": [-(2**64)]}),
    ],
)  # fmt: skip
def test_argument_that_does_not_fit_is_named_and_never_changed(kind: str, given: Any) -> None:
    with pytest.raises(BadRequest, match=rf"Argument v \({re.escape(kind)}\)"):
        made(f"# v ({kind})\ncollection: a\ninsert: {{x: {{$arg: v}}}}", v=given)


def test_number_that_no_double_holds_is_refused_inside_of_a_document() -> None:
    (declaration,) = read_script("# v (object)\ncollection: a\ninsert: {$arg: v}").head.arguments
    with pytest.raises(BadRequest, match=r"does not hold 0\.12345678901234567890 exactly"):
        read_value(declaration, b'{"a": [0.12345678901234567890]}')


def test_every_type_has_a_schema_for_forms() -> None:
    assert {"string", "int", "long", "double", "decimal", "bool", "date", "objectid", "query", "any"} <= set(TYPES)
    for name in TYPES:
        schema = load_language("mongodb").signature(f"# v ({name})\ncollection: a\nfind: {{}}").schema()
        assert schema["required"] == ["database", "v"]
