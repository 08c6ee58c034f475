"""What the tests of bad input are generated from: every route of the server, and a way to send it any bytes at all.

Requests go straight into the app, as a web server hands them over: an HTTP client would tidy up paths such as `/../`.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, quote_from_bytes, unquote

import httpx
from starlette.types import ASGIApp, Message

from tests.api.conftest import Api, no_lifespan
from tidemill.server.app import make_app
from tidemill.server.policy import POLICIES, Who

W = "/api/w/main"
ANSWERS_IN_S = 10.0
DOCUMENTED = {"wait_timeout", "unsupported"}
"""Codes of answers above 499 that say what the server was asked for and does not do; none of them is a fault."""


@dataclass(frozen=True)
class Route:
    """One row of the table of policies. `query` and `body` are JSON schemas, `body` None where there is none."""

    key: str
    who: Who
    query: dict[str, dict[str, Any]]
    body: dict[str, Any] | None
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(re.findall(r"{(\w+)(?::path)?}", self.template)))

    @property
    def method(self) -> str:
        return self.key.partition(" ")[0]

    @property
    def template(self) -> str:
        return self.key.partition(" ")[2]

    def address(self, values: dict[str, str], **instead: str) -> str:
        """The raw path; what is in `instead` is taken as it is, the rest is quoted."""

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            return instead[name] if name in instead else quote(values[name], safe="/@")

        return re.sub(r"{(\w+)(?::path)?}", fill, self.template)


@dataclass(frozen=True)
class Answer:
    """What came back; `crash` is what the app raised."""

    status: int
    code: str
    body: bytes
    crash: str = ""

    @property
    def is_fault(self) -> bool:
        return bool(self.crash) or (self.status >= 500 and self.code not in DOCUMENTED)


def routes_of(document: dict[str, Any], keys: Iterable[str] = POLICIES) -> list[Route]:
    """Every route, those that take away what others need last."""
    found = []
    for key in keys:
        method, _, template = key.partition(" ")
        described = document["paths"].get(template.replace(":path}", "}"), {}).get(method.lower(), {})
        query = {each["name"]: each["schema"] for each in described.get("parameters", []) if each["in"] == "query"}
        content = described.get("requestBody", {}).get("content", {})
        body = content["application/json"].get("schema", {}) if "application/json" in content else None
        found.append(Route(key, POLICIES[key].who if key in POLICIES else Who.MEMBER, query, body))
    return sorted(found, key=lambda route: (_ends(route.template), route.key))


def _ends(template: str) -> int:
    """Later ones end more: an item, the workspace, the session."""
    ending = ("/workspaces/archive", "/workspaces/leave", "/auth/logout")
    return ending.index(template[-len(e) :]) + 1 if (e := next((e for e in ending if template.endswith(e)), "")) else 0


def sample(schema: dict[str, Any], name: str, known: dict[str, Any]) -> Any:
    """A value that fits the schema; members that the test has things for are named after them."""
    if name in known:
        return known[name]
    for option in schema.get("anyOf", schema.get("oneOf", [])):
        if option.get("type") != "null":
            return sample(option, name, known)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            members = schema.get("properties", {})
            return {each: sample(members.get(each, {}), each, known) for each in schema.get("required", [])}
        case "array":
            return []
        case "integer" | "number":
            return 1
        case "boolean":
            return False
        case _:
            return "x"


class World:
    """The app with one thing of each kind in it, and the tokens to call it with."""

    def __init__(self, api: Api, document: dict[str, Any], values: dict[str, str]) -> None:
        options = replace(api.parts.options, wait_result_timeout_s=0)
        self.api = api
        self.document = document
        self.app: ASGIApp = make_app(replace(api.parts, options=options), no_lifespan)
        self.values = values
        self.answers: Counter[int] = Counter()
        self.faults: list[str] = []

    def address_values(self, route: Route) -> dict[str, str]:
        """What the names in the template stand for on this route."""
        values = dict(self.values)
        if re.search(r"/(audit|history)/", route.template):
            values["id"] = "1"
        if "/folders/" in route.template:
            values["name"] = "docs"
        if "/resources/" in route.template:
            values["name"] = "kind"
        if "/getupdate/" in route.template:  # waits for news of a job that goes on
            values["id"] = values["ended"]
        if "/raw/h/" in route.template:
            values["path"] = f"{values['hash']}.py"
        return values

    def caller(self, route: Route) -> httpx.AsyncClient:
        """An admin where the route is the workspace's, a superadmin elsewhere."""
        below = route.template.startswith("/api/w/") and route.who < Who.SUPERADMIN
        return self.api.admin if below else self.api.superadmin

    async def call(
        self,
        route: Route,
        *,
        path: str = "",
        query: str = "",
        body: bytes = b"",
        media: str = "application/json",
        what: object = "",
    ) -> Answer:
        """Send it, and keep it among the faults where the answer is one."""
        path = path or route.address(self.address_values(route))
        token = self.caller(route).headers["authorization"]
        headers = {"host": "tidemill.test", "authorization": token, "content-type": media}
        answer = await send(self.app, route.method, path, query=query, headers=headers, body=body)
        self.answers[answer.status] += 1
        if answer.is_fault:
            told = answer.crash or answer.body[:150].decode(errors="replace")
            self.faults.append(f"{route.key} {str(what)[:60]} -> {answer.status} {told}")
        return answer


async def send(app: ASGIApp, method: str, path: str, *, query: str, headers: dict[str, str], body: bytes) -> Answer:
    """One request with exactly this path and query; the caller of a stream hangs up when it starts."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        + [(b"content-length", str(len(body)).encode())],
        "client": ("127.0.0.1", 1),
        "server": ("tidemill.test", 80),
        "state": {},
    }
    given = False
    hung_up = asyncio.Event()
    got: list[Message] = []

    async def receive() -> Message:
        nonlocal given
        if given:
            await hung_up.wait()
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def take(message: Message) -> None:
        got.append(message)
        if message["type"] == "http.response.start" and b"event-stream" in dict(message["headers"]).get(
            b"content-type", b""
        ):
            hung_up.set()

    crash = ""
    try:
        async with asyncio.timeout(ANSWERS_IN_S):
            await app(scope, receive, take)
    except Exception as error:  # noqa: BLE001  # whatever it is, the test tells of it
        crash = f"{type(error).__name__}: {error}"[:300]
    starts = [message for message in got if message["type"] == "http.response.start"]
    known = {name.lower(): value for name, value in starts[0]["headers"]} if starts else {}
    return Answer(
        status=starts[0]["status"] if starts else 500,
        code=known.get(b"x-tidemill-error", b"").decode(),
        body=b"".join(message.get("body", b"") for message in got[1:]),
        crash=crash,
    )


def encoded(text: str) -> str:
    """`text` as it stands in a query or path, every byte of it that could mean something quoted."""
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


async def seed(api: Api) -> dict[str, str]:
    """One thing of each kind, made again where a test took it away; what path parameters stand for."""
    await api.superadmin.post("/api/workspaces/unarchive/main")
    script = {"path": "u/ada/x", "summary": "", "content": "def main(): ...", "language": "bash"}
    made = {
        "variables/create": {"path": "u/ada/x", "value": "v", "is_secret": True, "description": ""},
        "resources/create": {"path": "u/ada/x", "value": {"a": 1}, "resource_type": "any"},
        "resources/type/create": {"name": "kind", "schema": {}},
        "folders/create": {"name": "docs"},
        "groups/create": {"name": "crew"},
    }
    for path, body in made.items():
        answer = await api.admin.post(f"{W}/{path}", json=body)
        assert answer.status_code in {201, 400, 409}, (path, answer.text)
    flow = {"path": "u/ada/f", "summary": "", "value": {"modules": [{"id": "a", "value": {"type": "identity"}}]}}
    answer = await api.admin.post(f"{W}/flows/create", json=flow)
    assert answer.status_code in {201, 400, 409}, answer.text
    version = (await api.admin.get(f"{W}/flows/get/u/ada/f")).json()["version_id"]
    answer = await api.admin.post(f"{W}/scripts/create", json=script)
    if answer.status_code != 201:
        answer = await api.admin.get(f"{W}/scripts/get/p/u/ada/x")
        script_hash = json.loads(answer.content)["hash"]
    else:
        script_hash = answer.text
    job = await api.admin.post(f"{W}/jobs/run/preview", json={"language": "bash", "content": "echo", "args": {}})
    ended = await api.admin.post(f"{W}/jobs/run/preview", json={"language": "bash", "content": "echo", "args": {}})
    cancelled = await api.admin.post(f"{W}/jobs_u/queue/cancel/{ended.text}", json={})
    assert (job.status_code, cancelled.status_code) == (201, 200), cancelled.text
    return {
        "workspace": "main", "path": "u/ada/x", "name": "crew", "hash": script_hash, "id": job.text,
        "ended": ended.text,
        "email": "dev@x.org", "user": "dev@x.org", "username": "op", "key": "custom_tags", "kind": "variable",
        "token_prefix": "abcdefghij", "page": "main", "workspace_id": "absent", "scheduled_for": "0", "number": "1",
        "access_key": "TMKabcdefgh", "version": str(version), "audience": "sts.amazonaws.com",
        "resume_id": "1", "signature": "0" * 64, "job_id": job.text, "flow_job_id": job.text,
        "node_id": "a", "step_key": "approval", "function": "double",
    }  # fmt: skip
