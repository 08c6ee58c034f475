"""What the matrix of rights is tried on: things of each kind in two workspaces, and callers of each kind."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import httpx

from tests.api.at_work import SOURCE, Worker
from tests.api.conftest import PASSWORD, Api, make_person, make_token, run_job
from tests.security.expectations import (
    ALL_SCOPES,
    CALLERS,
    ELSEWHERE,
    address,
)
from tidemill.db import identity
from tidemill.db.queries import inline
from tidemill.model.identity import Role
from tidemill.model.object_address import Address
from tidemill.server.policy import POLICIES, Policy

SECRET = "canary-3f9a1c77"
"""In every value; nobody who may not read a thing is told it."""


@dataclass(frozen=True)
class Thing:
    """The names of one set of things, by placeholder or kind; `texts` are those that answers may repeat."""

    names: Mapping[str, str]

    @property
    def texts(self) -> list[str]:
        return [name for kind, name in self.names.items() if kind not in ELSEWHERE]


@dataclass(frozen=True)
class World:
    """Things that the developer sees, things of the admin that only admins see, another workspace's, and none."""

    visible: Thing
    hidden: Thing
    foreign: Thing
    missing: Thing


async def done(answer: httpx.Response) -> str:
    assert answer.status_code < 300, (answer.request.url, answer.text)
    return answer.text


async def make_things(api: Api, client: httpx.AsyncClient, workspace: str, owner: str) -> Thing:
    """One thing of each kind of somebody, who made all of them."""
    base, home = f"/api/w/{workspace}", f"u/{owner}"
    folder = f"of_{owner}"
    await done(await client.post(f"{base}/folders/create", json={"name": folder}))
    for name, is_secret in (("plain", False), ("secret", True)):
        body = {"path": f"{home}/{name}", "value": SECRET, "is_secret": is_secret, "description": ""}
        await done(await client.post(f"{base}/variables/create", json=body))
    thing = {"path": f"{home}/thing", "value": {"a": SECRET}, "resource_type": "any"}
    await done(await client.post(f"{base}/resources/create", json=thing))
    script = {"path": f"{home}/hello", "summary": "", "content": SOURCE, "language": "python3"}
    hash_ = await done(await client.post(f"{base}/scripts/create", json=script))
    flow = {"path": f"{home}/stream", "summary": "", "value": {"modules": []}}
    await done(await client.post(f"{base}/flows/create", json=flow))
    flow_version = (await client.get(f"{base}/flows/get/{home}/stream")).json()["version_id"]
    schedule = {"path": f"{home}/nightly", "schedule": "0 0 0 1 1 *", "script_path": f"{home}/hello", "enabled": False}
    await done(await client.post(f"{base}/schedules/create", json=schedule | {"args": {"name": SECRET}}))
    worker = Worker(api, name=f"worker-of-{owner}")
    jobs = [await new_job(client, base, home) for _ in range(2)]
    await worker.end(UUID(jobs[0]))
    await worker.start(UUID(jobs[1]))
    versions = {}
    for kind, path in (("variables", f"{home}/plain"), ("resources", f"{home}/thing")):
        answer = await client.get(f"{base}/{kind}/history/p/{path}")
        versions[kind] = str(answer.json()["versions"][0]["id"])
    record = (await client.get(f"{base}/audit/list", params={"operation": "variables.create"})).json()[0]
    await put_table(api, f"{home}/table.csv", owner=f"{owner}@x.org", workspace=workspace)
    return Thing({
        "object": f"{home}/table.csv",
        "variable": f"{home}/plain", "secret": f"{home}/secret", "resource": f"{home}/thing", "script": f"{home}/hello",
        "shared": f"{home}/plain", "hash": hash_, "folder": folder, "audit record": str(record["id"]),
        "job": jobs[0], "running job": jobs[1], "flow": f"{home}/stream", "flow version": str(flow_version),
        "schedule": f"{home}/nightly",
        "variable version": versions["variables"], "resource version": versions["resources"],
    })  # fmt: skip


async def put_table(api: Api, key: str, *, owner: str, workspace: str = "main") -> None:
    """An object with a table of one cell in the default storage."""

    async def content() -> AsyncIterator[bytes]:
        yield f"text\n{SECRET}\n".encode()

    caller = await identity.principal_by_name(api.parts.database, owner, workspace)
    await api.parts.objects.put(caller, Address(key=key), content())
    await api.parts.objects.flush_log()  # else it would be noted while somebody looks whether anything changes


async def new_job(client: httpx.AsyncClient, base: str, home: str) -> str:
    return await done(await client.post(f"{base}/jobs/run/p/{home}/hello", json={"name": SECRET}))


async def make_world(api: Api) -> World:
    visible = await make_things(api, api.developer, "main", "dev")
    hidden = await make_things(api, api.admin, "main", "ada")
    foreign = await make_things(api, api.outsider, "other", "out")
    queued = [
        await new_job(client, base, home)
        for client, base, home in (
            (api.developer, "/api/w/main", "u/dev"),
            (api.admin, "/api/w/main", "u/ada"),
            (api.outsider, "/api/w/other", "u/out"),
        )
    ]
    missing = Thing({
        **{kind: f"u/ada/{uuid4().hex}" for kind in _PATHS},
        **{kind: str(uuid4()) for kind in ("job", "running job", "queued job")},
        **{kind: str(10**15 + number) for number, kind in enumerate(_NUMBERS)},
        "hash": "7000000000000001", "folder": "of_nobody", "audit record": str(10**15),
    })  # fmt: skip
    made = [
        Thing({**thing.names, "queued job": job}) for thing, job in zip((visible, hidden, foreign), queued, strict=True)
    ]
    return World(made[0], made[1], made[2], missing)


_PATHS = ("variable", "secret", "resource", "script", "shared", "object", "flow", "schedule")
_NUMBERS = ("variable version", "resource version", "flow version")
BODY: Mapping[str, object] = {
    "value": "other", "is_secret": False, "description": "changed", "resource_type": "any", "summary": "changed",
    "content": SOURCE + "# changed\n", "language": "python3", "name": "changed", "username": "dev",
    "email": "op@x.org", "is_admin": True, "is_super_admin": True, "disabled": True, "password": PASSWORD + "2",
    "owner": "g/all", "owners": ["g/all"], "write": True, "holder": "me", "fence": 1, "percent": 5, "reason": "why",
    "deployment_msg": "changed", "muted": True, "color": "#123456", "id": "third", "label": "mine", "args": {},
}  # fmt: skip
"""Fits nearly every route, so that a call which is let in by mistake does something."""


async def digest(api: Api) -> dict[str, object]:
    """Table -> digest of its rows; without what a refused call may leave: records, and when a token was last used."""
    tables = (
        "select c.relname from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') "
        "and not c.relispartition and c.relname not in ('audit', 'login_throttle') order by 1"
    )
    found: dict[str, object] = {}
    async with api.parts.database.system() as tx:
        for row in await tx.fetch_all(inline(tables)):
            table = str(row["relname"])
            rows = (
                f"select md5(coalesce(string_agg(line, chr(10) order by line), '')) as digest "
                f"from (select (to_jsonb(t) - 'last_used_at')::text as line from \"{table}\" t) lines"
            )
            digests = await tx.fetch_all(inline(rows))
            found[table] = digests[0]["digest"]
    assert {"variable", "script", "job", "token", "account"} <= set(found)
    return found


@dataclass(frozen=True)
class Callers:
    """The tokens of all kinds of callers; the near-miss ones by the scope that they lack."""

    tokens: Mapping[str, str]
    lacking: Mapping[str, str]

    def token(self, name: str, policy: Policy) -> str:
        return self.lacking[policy.scope] if CALLERS[name].lacks_scope else self.tokens[name]


async def make_callers(api: Api) -> Callers:
    for username, role, workspace in (
        ("gone", Role.DEVELOPER, "main"), ("off", Role.DEVELOPER, "main"), ("far", Role.DEVELOPER, "other"),
        ("sam", Role.DEVELOPER, "main"),
    ):  # fmt: skip
        await make_person(api.parts, username, role=role, workspace=workspace)
    people = {
        "disabled account": "gone", "disabled member": "off", "outsider": "far", "admin of the other workspace": "out",
        "operator": "op", "developer": "dev", "admin": "ada", "superadmin": "root",
    }  # fmt: skip
    tokens = {name: await make_token(api.parts, f"{username}@x.org") for name, username in people.items()}
    async with api.parts.database.system() as tx:
        await tx.execute(inline("update account set disabled = true where email = 'gone@x.org'"))
        await tx.execute(inline("update account set superadmin = true where email = 'sam@x.org'"))
        await tx.execute(inline("update member set disabled = true where email = 'off@x.org'"))
    tokens |= {
        "anonymous": "",
        "job of the developer": await run_job(api.parts, "dev", workspace="main"),
        "job of the superadmin": await run_job(api.parts, "sam", workspace="main"),
        "job of the other workspace": await run_job(api.parts, "out", workspace="other"),
        "read-only token": await make_token(api.parts, "ada@x.org", read_only=True),
        "token of the workspace": await make_token(api.parts, "root@x.org", workspace="main"),
        "token of the other workspace": await make_token(api.parts, "out@x.org", workspace="other"),
    }
    needed = {policy.scope for policy in POLICIES.values()}
    lacking = {scope: await make_token(api.parts, "ada@x.org", scopes=sorted(ALL_SCOPES - {scope})) for scope in needed}
    return Callers(tokens, lacking)


async def call(
    client: httpx.AsyncClient, route: str, names: Mapping[str, str], *, token: str, body: object, query: str = ""
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return await client.request(
        route.partition(" ")[0], address(route, names) + query, headers=headers, json=body, timeout=None
    )
