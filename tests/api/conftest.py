"""`api`: the whole server on a fresh database, with people of each kind who call it.

    async def test_something(api: Api) -> None:
        answer = await api.developer.get("/api/w/main/users/whoami")

Clients talk to the app in the same process and loop. Every member of `Api` but `anonymous` sends a personal token; with
`api.person(…)`, `api.token(…)` and `api.client(…)` a test makes more. `api.parts` are the server's own objects.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from tests.postgres import PostgresServer, new_database
from tidemill.db import accounts, members, pool, tokens, workspaces
from tidemill.db.keys import Keyring, add_workspace_key, check_root_key
from tidemill.db.listener import Listener
from tidemill.db.logs import Logs
from tidemill.db.look_ups import LookUps, Remembered
from tidemill.db.pool import Database, Transaction
from tidemill.db.queries import Query, inline
from tidemill.db.transaction import run as run_statement
from tidemill.db.values import Values
from tidemill.engine import job_token
from tidemill.engine.egress import Egress, Reach
from tidemill.evaluators.evaluators import Evaluators
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Role
from tidemill.model.ids import new_id
from tidemill.model.rootkey import RootKeys, key_id_of
from tidemill.previews.readers import Bounds, Readers
from tidemill.queries.runners import Runners
from tidemill.server import auth
from tidemill.server.app import make_app
from tidemill.server.gate import Gate
from tidemill.server.issuer import Issuer
from tidemill.server.known_resources import KnownResources
from tidemill.server.objects.access_log import AccessLog
from tidemill.server.objects.links import Links
from tidemill.server.objects.service import Objects
from tidemill.server.parts import Parts, ServerOptions
from tidemill.server.updates import Updates
from tidemill.stores.objects import open_store
from tidemill.stores.objects.content import open_folder
from tidemill.stores.objects.memory import MemoryStore
from tidemill.stores.objects.port import ObjectStore

BASE_URL = "http://tidemill.test"
JOB_SECRET = b"j" * 32
S3_SECRET = b"s" * 32
APPROVAL_SECRET = b"a" * 32
LINK_SECRET = b"l" * 32
EGRESS = Egress(Reach.HOST)
PASSWORD = "a-long-enough-password"
MIB = 1024 * 1024


class OneRootKey:
    """A root key for tests."""

    def __init__(self, key: bytes = bytes(range(32))) -> None:
        self._key = key

    def current(self) -> tuple[str, bytes]:
        return key_id_of(self._key), self._key

    def get(self, key_id: str) -> bytes:
        assert key_id == key_id_of(self._key)
        return self._key


class InMemory:
    """All storages in memory: those of one name, folder or bucket are the same however often they are opened.

    `opened` are the values of the resources that led to buckets. The buckets named in `real` are opened as they are.
    """

    def __init__(self, issuer: Issuer) -> None:
        self._issuer = issuer
        self._stores: dict[tuple[str, str], ObjectStore] = {}
        self.real: set[str] = set()
        self.egress = EGRESS
        self.opened: list[dict[str, object]] = []

    async def instance(self, workspace: str, name: str) -> ObjectStore:
        return self._stores.setdefault((workspace, name), MemoryStore())

    def check_folder(self, path: str) -> None:
        if not path.startswith("/allowed/"):
            raise BadRequest(f"root_path {path!r} is not below a folder that storages may be put into (/allowed).")

    async def folder(self, path: str, workspace: str, name: str) -> ObjectStore:
        return await self.instance(f"{path}/{workspace}", name)

    async def bucket(self, kind: str, value: dict[str, object], *, subject: str) -> ObjectStore:
        self.opened.append(value)
        if value["bucket"] in self.real:
            return open_store(kind, value, egress=self.egress, prove=self._issuer.prove_as(subject))
        return self._stores.setdefault((f"{kind}:", str(value["bucket"])), MemoryStore())

    async def erase(self, workspace: str) -> None:
        self._stores = {place: store for place, store in self._stores.items() if place[0] != workspace}


@asynccontextmanager
async def make_parts(database: Database, directory: Path, root: RootKeys) -> AsyncIterator[Parts]:
    """What a server works with, as `tidemill/wiring` makes it: the one place of the tests that knows."""

    async def make_workspace_key(tx: Transaction, workspace: str) -> None:
        await add_workspace_key(tx, root, workspace=workspace)

    await check_root_key(database, root)
    keyring = Keyring(root)
    issuer = Issuer(database, root, base_url=BASE_URL)
    values = Values(
        database,
        open_folder(directory / "objects"),
        inline_bytes=256 * 1024,
        max_bytes=16 * MIB,
    )
    async with (
        Listener(database.direct_dsn, application="test listener") as listener,
        AccessLog(database) as access_log,
        Objects(database, keyring, InMemory(issuer), access_log) as objects,
        Readers(Bounds(spare_s=0)) as readers,
        Runners(EGRESS) as queries,
        Evaluators() as evaluators,
    ):
        yield Parts(
            options=ServerOptions(
                base_url=BASE_URL,
                origins=frozenset({BASE_URL}),
                inline_value_bytes=256 * 1024,
                max_value_bytes=16 * MIB,
                wait_result_timeout_s=20,
                session_days=7,
                egress=EGRESS,
            ),
            database=database,
            job_secret=JOB_SECRET,
            s3_secret=S3_SECRET,
            approval_secret=APPROVAL_SECRET,
            s3_url="",
            keyring=keyring,
            issuer=issuer,
            values=values,
            logs=Logs(database, values),
            make_workspace_key=make_workspace_key,
            updates=Updates(listener),
            objects=objects,
            readers=readers,
            queries=queries,
            evaluators=evaluators,
            access_log=access_log,
            known_resources=KnownResources(database, keyring),
            inline_gate=Gate(64),
            links=Links(database, objects, LINK_SECRET),
        )


@dataclass
class Api:
    """The server, and who calls it. All but `outsider` (admin of `other`) belong to the workspace `main`."""

    parts: Parts
    app: ASGIApp
    stack: AsyncExitStack
    anonymous: httpx.AsyncClient
    superadmin: httpx.AsyncClient
    admin: httpx.AsyncClient
    developer: httpx.AsyncClient
    operator: httpx.AsyncClient
    outsider: httpx.AsyncClient

    async def client(self, token: str = "", **headers: str) -> httpx.AsyncClient:
        """One more caller; without a token an anonymous one. It keeps cookies, as a browser does."""
        return await new_client(self.stack, self.app, token, **headers)

    async def token(self, email: str, **options: object) -> str:
        """A personal token of an account; `options` as in `db/tokens.NewToken`."""
        return await make_token(self.parts, email, **options)

    async def job(self, username: str, *, workspace: str = "main") -> httpx.AsyncClient:
        """A job of a member that runs now, calling with its token."""
        return await self.client(await run_job(self.parts, username, workspace=workspace))

    async def person(
        self, username: str, role: Role | None = Role.DEVELOPER, *, workspace: str = "main"
    ) -> httpx.AsyncClient:
        """A new account `<username>@x.org`, a member of `workspace` unless `role` is None, with a token."""
        await make_person(self.parts, username, role=role, workspace=workspace)
        return await self.client(await self.token(f"{username}@x.org"))


@dataclass(frozen=True)
class Peopled:
    """A database with the people of `api`, and the token of each."""

    database: str
    tokens: Mapping[str, str]


@pytest.fixture(scope="session")
def peopled(_servers: Callable[[str], PostgresServer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peopled]:
    """Made once, for each test gets a copy: never connect to it."""
    server = _servers("embedded")
    with new_database(server) as name:
        yield Peopled(name, asyncio.run(_settle(server.dsn(name), tmp_path_factory.mktemp("settle"))))


async def _settle(dsn: str, directory: Path) -> dict[str, str]:
    """Superadmin `root` (no member of anything), `ada` (admin), `dev`, `op` in `main`; `out` (admin) in `other`."""
    async with Database(dsn) as database, make_parts(database, directory, OneRootKey()) as parts:
        async with database.system() as tx:
            await accounts.create(tx, "root@x.org", superadmin=True)
        await make_workspace(parts, "main", owner="ada")
        await make_workspace(parts, "other", owner="out")
        await make_person(parts, "dev", role=Role.DEVELOPER, workspace="main")
        await make_person(parts, "op", role=Role.OPERATOR, workspace="main")
        return {
            name: await make_token(parts, f"{username}@x.org")
            for name, username in {
                "superadmin": "root", "admin": "ada", "developer": "dev", "operator": "op", "outsider": "out",
            }.items()
        }  # fmt: skip


@pytest.fixture
def database_template(peopled: Peopled) -> str:
    return peopled.database


@pytest.fixture
async def api(database: Database, peopled: Peopled, tmp_path: Path) -> AsyncIterator[Api]:
    """The server on a copy of the database that `peopled` tells of."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(make_parts(database, tmp_path, OneRootKey()))
        await stack.enter_async_context(parts.updates)
        app = make_app(parts, no_lifespan)
        clients = {name: await new_client(stack, app, token) for name, token in peopled.tokens.items()}
        anonymous = await new_client(stack, app, "")
        yield Api(parts=parts, app=app, stack=stack, anonymous=anonymous, **clients)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the single statements and look-ups that were run."""
    names: list[str] = []
    look_up, otherwise, ask = LookUps._run, LookUps.run_otherwise, Remembered.ask
    is_noted = ContextVar("is_noted", default=False)
    """A look-up that goes through the pool counts once."""

    async def noting(*arguments: Any, **options: Any) -> Any:
        if not is_noted.get():
            names.append(arguments[1].name)
        return await run_statement(*arguments, **options)

    async def noting_look_ups(self: LookUps, query: Query, *arguments: Any) -> Any:
        names.append(query.name)
        before = is_noted.set(True)
        try:
            return await look_up(self, query, *arguments)
        finally:
            is_noted.reset(before)

    async def unnoted(*arguments: Any) -> Any:
        before = is_noted.set(True)
        try:
            return await otherwise(*arguments)
        finally:
            is_noted.reset(before)

    def noting_remembered(self: Remembered[Any]) -> Any:
        names.append(self._query.name)
        return ask(self)

    monkeypatch.setattr(LookUps, "run_otherwise", unnoted)
    monkeypatch.setattr(pool, "run", noting)
    monkeypatch.setattr(LookUps, "_run", noting_look_ups)
    monkeypatch.setattr(Remembered, "ask", noting_remembered)
    return names


@asynccontextmanager
async def no_lifespan() -> AsyncIterator[None]:
    """The fixture opens and closes what the app uses."""
    yield


async def make_workspace(parts: Parts, workspace: str, *, owner: str) -> None:
    """A workspace, and the account `<owner>@x.org` as its admin."""
    async with parts.database.system() as tx:
        await accounts.create(tx, f"{owner}@x.org")
        await workspaces.create(
            tx,
            workspace,
            name=workspace.title(),
            owner_email=f"{owner}@x.org",
            username=owner,
            color=None,
            make_key=parts.make_workspace_key,
        )


async def make_person(parts: Parts, username: str, *, role: Role | None, workspace: str) -> None:
    """An account without a password, which is a member of `workspace` where it has a role."""
    async with parts.database.system() as tx:
        await accounts.create(tx, f"{username}@x.org")
        if role is not None:
            await members.add(tx, workspace, email=f"{username}@x.org", username=username, role=role)


async def make_token(parts: Parts, email: str, **options: object) -> str:
    text, token_hash, prefix = auth.new_token()
    token = tokens.NewToken(hash=token_hash, prefix=prefix, email=email, **options)  # type: ignore[arg-type]
    async with parts.database.system() as tx:
        await tokens.create(tx, token)
    return text


async def run_job(parts: Parts, username: str, *, workspace: str) -> str:
    """Put a job into the queue as if a worker ran it; its token."""
    job_id = new_id(time.time_ns() // 1_000_000)
    async with parts.database.system() as tx:
        await tx.execute(
            inline(
                "insert into job (id, workspace_id, kind, created_by, permissioned_as, email, tag) "
                "values (:id, :workspace, 'preview', :username, 'u/' || :username, :email, 'python3')"
            ),
            id=job_id, workspace=workspace, username=username, email=f"{username}@x.org",
        )  # fmt: skip
        await tx.execute(
            inline(
                "insert into job_queue"
                " (id, workspace_id, tag, run_at, state, attempt, worker, started_at, heartbeat_at) "
                "values (:id, :workspace, 'python3', now(), 'running', 1, 'w', now(), now())"
            ),
            id=job_id, workspace=workspace,
        )  # fmt: skip
    return job_token.issue(JOB_SECRET, job_id, 1)


async def new_client(stack: AsyncExitStack, app: ASGIApp, token: str, **headers: str) -> httpx.AsyncClient:
    if token:
        headers = {"Authorization": f"Bearer {token}", **headers}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    client = httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)
    return await stack.enter_async_context(client)


async def audited(api: Api, operation: str) -> list[dict[str, object]]:
    """All audit records of an operation, the instance's too, oldest first."""
    answer = await api.superadmin.get(
        "/api/w/main/audit/list", params={"operation": operation, "all_workspaces": "true"}
    )
    assert answer.status_code == 200, answer.text
    return list(reversed(json.loads(answer.content)))
