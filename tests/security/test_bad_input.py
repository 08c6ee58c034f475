"""Bad input on every route: broken JSON, SQL, traversal and strange names never bring the server down (C02-C10).

Everything is generated from the table of policies and the OpenAPI document, so a new route is tested by being there.
`TIDEMILL_SOAK=1` sends every payload everywhere; otherwise parameters that are many take turns with the payloads.
"""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tests.api.conftest import Api, api  # noqa: F401  # the fixture
from tests.postgres import Embedded
from tests.security.bad_input import Route, W, World, encoded, routes_of, sample, seed
from tidemill.db.queries import inline
from tidemill.model.errors import InvalidJson
from tidemill.server import deploy, outcome, policy
from tidemill.server.app import make_document
from tidemill.server.routes import ROUTERS

SOAK = os.environ.get("TIDEMILL_SOAK") == "1"
SHARDS = 4
DEEP = 100_000

BODIES: dict[str, bytes] = {
    "deep array": b"[" * DEEP + b"]" * DEEP,
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "not closed": b"[" * DEEP,
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [-Infinity]}',
    "twice": b'{"path": "u/ada/x", "path": "u/ada/y"}',
    "lone surrogate": b'{"path": "\\ud800", "a": "\\udfff\\ud800"}',
    "NUL": b'{"path": "\\u0000", "name": "\\u0000", "a\\u0000": 1}',
    "BOM": b"\xef\xbb\xbf{}",
    "not UTF-8": b'{"path": "\xff\xfe\xc0\x80"}',
    "digits": b'{"path": ' + b"9" * DEEP + b"}",
    "empty": b"",
    "blank": b" \n",
    "array": b"[]",
    "array of junk": b'[1, null, {"a": []}, "\\u0000"]',
    "text": b'"x"',
    "number": b"1e400000",
    "null": b"null",
    "true": b"true",
    "nothing known": b'{"__proto__": {"a": 1}, "": null}',
    "UTF-16": "{}".encode("utf-16"),
}
MEDIA = {
    "text/plain": b"just text \xff",
    "application/x-www-form-urlencoded": b"path=%ff&a=%00&a=1&b",
    "multipart/form-data": b"--x\r\n\r\n--x--",
    "multipart/form-data; boundary=x": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\0\r\n--x--\r\n',
    "application/json; charset=utf-16": b'{"a": 1}',
    "nonsense": b"{}",
}
WRONG: list[bytes] = [
    *(b"null", b"true", b"0", b"-1", b"1.5", b"1e400", b"9223372036854775808", b"-9223372036854775809", b"2147483648"),
    *(b'""', b'"x"', b'"\\u0000"', b'"\\ud800"', b'"9999-12-31T23:59:59-14:00"', b'"0001-01-01T00:00:00+14:00"'),
    *(b"[]", b"[null]", b'["\\u0000"]', b"[[[]]]", b"{}", b'{"a": {"\\u0000": []}}', b"NaN", b"9" * 5000),
    b'"' + b"x" * DEEP + b'"',
    b'{"properties": {"a": {"default": 1e400, "type": 3}, "b": null}, "required": 1e400}',
]
MARK = "zq7"
MARKERS = [
    f"{MARK}' or 1=1 --",
    f'{MARK}"; drop table x; --',
    f"{MARK}%s%(a)s%",
    f"{MARK} :x $1 {{}}",
    f"{MARK}\\' \\",
    f"{MARK}\0",
    f"{MARK}'||pg_sleep(30)||'",
    f"$${MARK}$$; select pg_sleep(30); /*",
]
ODD = [
    *("", "-1", "0", "9223372036854775807", "9223372036854775808", "1e309", "NaN", "true", "[]", "\ud800"),
    *("9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2020-01-01T00:00:00", "{", "null", '{"a": "\0"}'),
    *("99999999999999999999", "1e400", ",", "a,,b", "x" * 5000),
]
TRAVERSALS = [
    *("..", "../..", "%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%252e%252e%252f", "..%5c..%5cetc", "..%2f", "//etc"),
    *("/etc/passwd", "%2fetc%2fpasswd", "./.", "a/./b", "a//b", "%00", "a%00.py", "~", "~root", "~%2f.ssh"),
    *("%c0%ae%c0%ae%c0%af", "%e0%80%ae%e0%80%ae/", "..;/x", "%u002e", "u/ada/../../x", "u/ada/%2e%2e/x", "f/docs/../x"),
    *("u/ada/x/../../../../proc/self/environ", "..-secret/x", "u/../ada/x", "u//x", "C:%5cx", "u/ada/x%00", "%ff"),
]
NAMES = [
    *("a", "n" * 255, "n" * 256, "n" * 4096, "\U0001f30a", "\u202eabc", "\u05d0\u05d1", "con", "-rf", ".", "..", ""),
    *("$(touch x)", "`id`", "a\nb", "a\r\nSet-Cookie: x=1", "a\tb", "é", "e\u0301", " a ", "a/b", "a\\b", "A", "\0"),
    *(
        "%2e%2e",
        "<script>",
        "a;b",
        "a'b",
        'a"b',
        "\x1b[31m",
        "\ufeffa",
        "\u200b",
        "null",
        "0",
        "__proto__",
        "u/ada/named",
    ),
]


@pytest.fixture
def database_dsn(postgres_server: Embedded, database_name: str) -> str:
    """A database that says each statement in the server's log, without parameters."""
    with psycopg.connect(postgres_server.superuser_dsn("postgres"), autocommit=True) as connection:
        for setting in ("log_statement = 'all'", "log_parameter_max_length = 0", "log_min_error_statement = 'panic'"):
            connection.execute(f"alter database {database_name} set {setting}".encode())
    return postgres_server.dsn(database_name)


@cache
def document() -> dict[str, Any]:
    """Which is the same for all, and takes long to be made."""
    made: dict[str, Any] = json.loads(json.dumps(make_document()))
    return made


@pytest.fixture
async def world(api: Api) -> AsyncIterator[World]:  # noqa: F811
    """The server, with one thing of each kind; at the end no request of the test was a fault."""
    world = World(api, document(), await seed(api))
    yield world
    assert not world.faults, "\n".join(world.faults)


def shard_of(world: World, shard: int) -> Iterator[Route]:
    yield from routes_of(world.document)[shard::SHARDS]


def turns(payloads: list[Any], turn: int) -> list[Any]:
    """Half of the payloads, the other half the next time."""
    return payloads if SOAK else payloads[turn % 2 :: 2]


def whole_body(route: Route, world: World) -> dict[str, Any]:
    known = {
        "path": "u/ada/x",
        "email": "new@x.org",
        "language": "bash",
        "content": "echo",
        "args": {},
        "id": "fresh",
        "owner": "u/dev",
        "username": "dev",
        "password": "a-long-password",
        "paths": [],
        "resource_type": "any",
        "schedule": "0 0 12 * * *",
        "script_path": "u/ada/x",
    }
    made = sample(route.body or {}, "", known)
    return made if isinstance(made, dict) else {}


def members_of(schema: dict[str, Any]) -> list[str]:
    options = [schema, *schema.get("anyOf", []), *schema.get("oneOf", [])]
    return sorted({name for option in options for name in option.get("properties", {})})


def with_member(body: dict[str, Any], name: str, raw: bytes) -> bytes:
    rest = [json.dumps(key).encode() + b":" + json.dumps(each).encode() for key, each in body.items() if key != name]
    return b"{" + b",".join([*rest, json.dumps(name).encode() + b":" + raw]) + b"}"


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_no_body_is_a_fault(world: World, shard: int) -> None:
    numbers = count()
    for route in shard_of(world, shard):
        if route.method == "GET":
            continue
        world.values = await seed(world.api)
        for name, body in BODIES.items():
            answer = await world.call(route, body=body, what=name)
            if route.body is not None and name in {"deep array", "NaN", "twice", "BOM", "not UTF-8", "digits"}:
                assert 400 <= answer.status < 500, (route.key, name, answer)
        for media, body in MEDIA.items():
            await world.call(route, body=body, media=media, what=media)
        whole = whole_body(route, world)
        for member in members_of(route.body or {}):
            for raw in turns(WRONG, next(numbers)):
                await world.call(route, body=with_member(whole, member, raw), what=(member, raw))


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_no_parameter_gets_into_a_statement(world: World, shard: int, postgres_server: Embedded) -> None:
    log = Log(postgres_server)
    numbers = count()
    for route in shard_of(world, shard):
        world.values = await seed(world.api)
        values = world.address_values(route)
        for name in route.names:
            for marker in turns(MARKERS, next(numbers)):
                path = route.address(values, **{name: encoded(marker)})
                await world.call(route, path=path, what=(name, marker))
        for name in route.query:
            for text in [*turns(MARKERS, next(numbers)), *turns(ODD, next(numbers))]:
                await world.call(route, query=f"{encoded(name)}={encoded(text)}", body=b"{}", what=(name, text))
        whole = whole_body(route, world)
        for member in members_of(route.body or {}):
            for marker in turns(MARKERS, next(numbers)):
                raw = json.dumps([marker] if isinstance(whole.get(member), list) else marker).encode()
                await world.call(route, body=with_member(whole, member, raw), what=(member, marker))
    assert log.statements() > 1000
    assert log.spliced() == []


NO_PATHS = {
    "GET /w/{page:path}",
    "POST /api/w/{workspace}/oidc/token/{audience:path}",
    *(key for key in policy.POLICIES if key.endswith("/{signature}")),
}
"""Their placeholders lead to nothing: the page is the same for every address, an audience is a text in a token, and
what is no signature is refused (403) before anything is looked up."""


@pytest.mark.parametrize("shard", range(SHARDS))
async def test_no_traversal_finds_anything(world: World, shard: int) -> None:
    for route in shard_of(world, shard):
        for name in () if route.key in NO_PATHS else route.names if SOAK else route.names[-1:]:
            world.values = await seed(world.api)
            values = world.address_values(route)
            for text in TRAVERSALS:
                answer = await world.call(route, path=route.address(values, **{name: text}), what=text)
                nothing_there = answer.status == 200 and answer.body in {b"false", b"[]", b"null"}
                assert answer.status in {400, 404, 405} or nothing_there or answer.is_fault, (route.key, text, answer)


class Log:
    """What the database's server says from now on."""

    def __init__(self, server: Embedded) -> None:
        self._path: Path = server.postgres._home / "server.log"
        self._start = self._path.stat().st_size

    def _said(self) -> list[str]:
        with self._path.open("rb") as file:
            file.seek(self._start)
            text = file.read().decode("utf-8", "replace")
        return re.findall(r"LOG:  (?:statement|execute [^\n:]*): (.*(?:\n\t.*)*)", text)

    def statements(self) -> int:
        return len(self._said())

    def spliced(self) -> list[str]:
        """Statements with a marker that is not in a quoted string."""
        return [said for said in self._said() if MARK in _QUOTED.sub("''", said)]


_QUOTED = re.compile(r"(?<!\w)[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'", re.DOTALL)


def creators(name: str) -> dict[str, tuple[str, dict[str, Any], str]]:
    """What is called `name` -> the route that makes it, its body, and the route that tells of it."""
    variable = {"value": "v", "is_secret": False, "description": ""}
    preview = {"language": "bash", "content": "echo", "args": {}}
    return {
        "folder": (f"{W}/folders/create", {"name": name}, f"{W}/folders/listnames"),
        "group": (f"{W}/groups/create", {"name": name}, f"{W}/groups/listnames"),
        "member": (f"{W}/workspaces/add_user", {"email": "root@x.org", "username": name}, f"{W}/users/list"),
        "account": ("/api/users/create", {"email": f"{name}@y.org"}, "/api/users/list_as_super_admin"),
        "account's name": ("/api/users/create", {"email": "b@y.org", "name": name}, "/api/users/list_as_super_admin"),
        "workspace": ("/api/workspaces/create", {"id": name, "name": "n"}, "/api/workspaces/list_as_superadmin"),
        "its name": ("/api/workspaces/create", {"id": "fresh", "name": name}, "/api/workspaces/list_as_superadmin"),
        "type": (f"{W}/resources/type/create", {"name": name, "schema": {}}, f"{W}/resources/type/listnames"),
        "variable": (f"{W}/variables/create", {"path": f"u/ada/v{name}", **variable}, f"{W}/variables/list"),
        "path": (f"{W}/variables/create", {"path": name, **variable}, f"{W}/variables/list"),
        "resource": (f"{W}/resources/create", {"path": f"f/docs/{name}", "value": 1, "resource_type": "any"},
                     f"{W}/resources/list"),
        "label": (f"{W}/variables/create", {"path": "u/ada/l", **variable, "labels": [name]}, f"{W}/variables/list"),
        "tag": (f"{W}/jobs/run/preview", {**preview, "tag": name}, f"{W}/jobs/queue/list"),
        "script": (f"{W}/jobs/run/preview", {**preview, "path": f"u/ada/{name}"}, f"{W}/jobs/queue/list"),
        "token": ("/api/users/tokens/create", {"label": name}, "/api/users/tokens/list"),
    }  # fmt: skip


async def test_names_are_refused_with_the_rule_or_kept(world: World, postgres_server: Embedded) -> None:
    log = Log(postgres_server)
    kept = set()
    for name in [*NAMES, *MARKERS]:
        for kind, (path, body, told) in creators(name).items():
            client = world.api.admin if path.startswith(W) else world.api.superadmin
            answer = await client.post(path, json=body)
            assert answer.status_code < 500, (kind, name, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["X-Tidemill-Error"], (kind, name)
                assert len(answer.text) > 20, (kind, name, answer.text)
                continue
            kept.add(kind)
            if not name:
                continue  # none was given
            listed = strings_of(json.loads((await client.get(told, params={"per_page": 1000})).content))
            sent = [text for text in strings_of(body) if name in text]
            assert {*sent, *(text.strip().lower() for text in sent if "@" in text)} & listed, (kind, name, answer.text)
        await world.api.superadmin.delete("/api/users/delete/b@y.org")
        await world.api.superadmin.delete("/api/workspaces/delete/fresh")
        await world.api.admin.delete(f"{W}/variables/delete/u/ada/l")
        await world.api.admin.delete(f"{W}/users/delete/{encoded(name) or 'x'}")
    assert kept == set(creators("a"))
    assert log.spliced() == []


def strings_of(value: object) -> set[str]:
    """All texts in a JSON value."""
    match value:
        case str():
            return {value}
        case list():
            return set().union(*map(strings_of, value))
        case dict():
            return set().union(*map(strings_of, value.values()))
        case _:
            return set()


FAITHFUL = [
    *(
        b'{"b":1,"a":2}',
        b"1e400000",
        b"-0",
        b"1.10",
        b"1E+2",
        b"9" * 4000,
        b'"\\u0000"',
        b'"\\ud83c\\udf0a"',
        b'"\\u00e9"',
    ),
    *('"\U0001f30a\u202e"'.encode(), b'{"":[null,{"__proto__":1}]}', b"[" * 500 + b"]" * 500, b'{"a" : [ 1 ,\n2 ] }'),
    *(
        b"123456789012345678901234567890.123456789012345678901234567890",
        b'"' + b"x" * DEEP + b'"',
        b"null",
        b'"\\/\\u00e9"',
    ),
]


async def test_json_that_is_taken_comes_back_byte_for_byte(world: World) -> None:
    admin = world.api.admin
    for number, raw in enumerate(FAITHFUL):
        body = b'{"path": "u/ada/r%d", "resource_type": "any", "value": %b}' % (number, raw)
        answer = await admin.post(f"{W}/resources/create", content=body)
        assert answer.status_code == 201, answer.text
        assert (await admin.get(f"{W}/resources/get_value/u/ada/r{number}")).content == raw
        args = b'{"a":' + raw + b"}"
        body = b'{"language": "bash", "content": "echo", "args": ' + args + b"}"
        job = await admin.post(f"{W}/jobs/run/preview", content=body)
        assert job.status_code == 201, job.text
        assert (await admin.get(f"{W}/jobs_u/get_args/{job.text}")).content == args


async def test_text_that_is_taken_comes_back_the_same(world: World) -> None:
    admin = world.api.admin
    texts = [text for text in [*NAMES, *MARKERS, *ODD] if not {"\0", "\ud800"} & set(text)]
    for number, text in enumerate(texts):
        path = f"u/ada/t{number}"
        body = {"path": path, "value": text, "is_secret": number % 2 == 0, "description": text}
        assert (await admin.post(f"{W}/variables/create", json=body)).status_code == 201
        assert json.loads((await admin.get(f"{W}/variables/get_value/{path}")).content) == text
        assert json.loads((await admin.get(f"{W}/variables/get/{path}")).content)["description"] == text


async def test_the_search_finds_a_route_that_falls_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fragile(request: Request) -> Response:
        """Falls over a marker in its path."""
        if MARK in request.path_params["name"]:
            raise ValueError("fell over")
        return Response("fine")

    router = APIRouter()
    router.add_api_route("/api/w/{workspace}/fragile/{name}", fragile, methods=["GET"])
    monkeypatch.setitem(policy.POLICIES, "GET /api/w/{workspace}/fragile/{name}", policy.member(""))
    monkeypatch.setattr("tidemill.server.app.ROUTERS", (*ROUTERS, router))
    fallen = World(world.api, world.document, world.values)
    route = next(route for route in routes_of(world.document) if "fragile" in route.template)
    assert (await fallen.call(route)).status == 200
    await fallen.call(route, path=route.address(fallen.address_values(route), name=encoded(MARKERS[0])))
    assert fallen.faults[0].endswith("-> 500 ValueError: fell over")


async def test_the_search_finds_a_statement_that_was_spliced(api: Api, postgres_server: Embedded) -> None:  # noqa: F811
    log = Log(postgres_server)
    quoted, spliced = f"select '{MARK}'", f"select 1 as {MARK}"
    for statement in (quoted, spliced):
        await api.parts.database.single.execute(inline(statement))
    assert log.spliced() == [spliced]


@pytest.mark.parametrize("field", ["windmill_status_code", "windmill_content_type", "windmill_headers"])
def test_a_result_that_shapes_its_answer_by_a_huge_number_is_refused(field: str) -> None:
    with pytest.raises(InvalidJson, match="too large"):
        outcome._shaped({field: b"1e400", "result": b"1"}, {}, 200)


def test_a_schema_with_a_huge_number_is_compared_as_it_is_written() -> None:
    assert deploy._same_json(b'{"default": 1e400}', b'{ "default":1e400}')
    assert not deploy._same_json(b'{"default": 1e400}', b'{"default": 1e500}')
