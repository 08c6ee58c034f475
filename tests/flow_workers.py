"""Workers of flows in the test's own process: with all of their parts, on a database with one workspace and person."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import msgspec

from tidemill.db import flows, intake, queue
from tidemill.db.keys import Keyring
from tidemill.db.pool import Database, Json
from tidemill.db.queries import inline
from tidemill.db.queue import ClaimedJob, Ended
from tidemill.db.values import Kept, Values
from tidemill.engine.flow.state import Again
from tidemill.evaluators.evaluators import Evaluators
from tidemill.model.content import Content
from tidemill.model.ids import new_id
from tidemill.model.job import FLOW_KINDS
from tidemill.queries.runners import Runners
from tidemill.sandbox.process import ProcessSandbox
from tidemill.settings import Settings
from tidemill.stores.objects.content import open_folder
from tidemill.wiring.egress import egress_of
from tidemill.wiring.job_data import WorkspaceData
from tidemill.wiring.keys import job_secret, root_keys
from tidemill.wiring.worker import worker_options
from tidemill.worker.context import WorkerParts
from tidemill.worker.flows.flows import Flows

WORKSPACE, EMAIL = "w", "ann@x.org"
_PEOPLE = [
    inline("insert into workspace (id, name, owner_email) values ('w', 'w', 'ann@x.org') on conflict do nothing"),
    inline("insert into account (email) values ('ann@x.org') on conflict do nothing"),
    inline(
        "insert into member (workspace_id, username, email, role) values ('w', 'ann', 'ann@x.org', 'admin') "
        "on conflict do nothing"
    ),
]
TAGS = ("flow", "bash")
_RESULT = inline("select status, result from job_completed where id = :id", name="flow_workers.result")


@asynccontextmanager
async def worker_parts(
    database: Database, directory: Path, *, content: Content | None = None, **settings: str
) -> AsyncIterator[WorkerParts]:
    """What a worker is made of; jobs are plain processes. `settings` are `TIDEMILL_…` variables without the prefix."""
    for statement in _PEOPLE:
        await database.single.execute(statement)
    environment = {f"TIDEMILL_{name.upper()}": value for name, value in settings.items()}
    read = Settings.from_environment(environment, data_dir=directory)
    keys = root_keys(read, announce=lambda _: None)
    sandbox = ProcessSandbox(state_dir=directory / "state", self_kill_s=read.self_kill_s)
    try:
        async with Runners(egress_of(read)) as queries, Evaluators() as evaluators:
            values = Values(
                database,
                content or open_folder(directory / "objects"),
                inline_bytes=read.inline_value_bytes,
                max_bytes=read.max_value_bytes,
            )
            yield WorkerParts(
                options=worker_options(read),
                database=database,
                values=values,
                sandbox=sandbox,
                data=WorkspaceData(database, Keyring(keys), values),
                queries=queries,
                evaluators=evaluators,
                job_secret=job_secret(keys),
            )
    finally:
        await sandbox.close()


async def start_flow(
    database: Database, value: Mapping[str, object], args: Mapping[str, object], *, again: Again | None = None
) -> UUID:
    """Put a flow into the queue, as a preview of `value`; its job. `again`: it goes on from there."""
    job = intake.NewJob(
        id=new_id(time.time_ns() // 1_000_000),
        workspace_id=WORKSPACE,
        kind="flowpreview",
        content=json.dumps(value),
        tag="flow",
        created_by="ann",
        permissioned_as="u/ann",
        email=EMAIL,
        args=Kept(inline=Json(json.dumps(args).encode())),
        options=Json(b"{}" if again is None else msgspec.json.encode({"again": again})),
    )
    await intake.take_in(database.single, job)
    return job.id


async def deploy(database: Database, found: Mapping[str, object]) -> None:
    """Put flows at their paths, for others to run."""
    for path, value in found.items():
        new = flows.NewFlowVersion(
            workspace_id=WORKSPACE,
            path=path,
            summary="",
            description="",
            value=Json(json.dumps(value).encode()),
            schema=Json(b"{}"),
            tag=None,
            options=Json(b"{}"),
            labels=[],
            deployment_message=None,
            created_by="ann",
        )
        async with database.transaction(WORKSPACE) as tx:
            await flows.add(tx, new)


async def result_of(database: Database, job: UUID) -> tuple[str, object] | None:
    """Status and result of a job; None while it has not ended."""
    row = await database.single.fetch_optional(_RESULT, id=job)
    return None if row is None else (row["status"], None if row["result"] is None else json.loads(row["result"]))


class Member:
    """A worker that takes nothing with the end of a step."""

    def __init__(self, name: str, parts: WorkerParts) -> None:
        parts = replace(parts, options=replace(parts.options, name=name, tags=TAGS))
        self.name, self._single, self._values = name, parts.database.single, parts.values
        self._flows = Flows(parts, lambda: -1)

    async def claim(self) -> ClaimedJob:
        """The next job; a flow that is due is looked at on the way."""
        while True:
            turn = await queue.turn(self._single, worker=self.name, ended=[], tags=TAGS, limit=1)
            [job] = turn.claimed
            if job.kind not in FLOW_KINDS:
                return job
            assert await self._flows.look(job) == []

    async def look_at_all(self) -> None:
        """Look at all flows that are due, where nothing else is."""
        while claimed := (await queue.turn(self._single, worker=self.name, ended=[], tags=TAGS, limit=1)).claimed:
            assert claimed[0].kind in FLOW_KINDS
            assert await self._flows.look(claimed[0]) == []

    async def end(self, job: ClaimedJob, result: bytes | None = None) -> None:
        """A job ends with `result`, or with the id of its step."""
        raw = json.dumps(job.flow_step_id).encode() if result is None else result
        kept = await self._values.keep(raw, what="The result")
        assert await self._flows.end(job, Ended(id=job.id, attempt=job.attempt, status="success", result=kept)) == []


def script(name: str) -> dict[str, object]:
    """A step that needs a worker."""
    return {"id": name, "value": {"type": "rawscript", "language": "bash", "content": "", "lock": ""}}


def reads(name: str, expression: str) -> dict[str, object]:
    """A step that needs a worker, with what an expression gives as its argument `seen`."""
    transforms = {"seen": {"type": "javascript", "expr": expression}}
    return {"id": name, "value": {**script(name)["value"], "input_transforms": transforms}}  # type: ignore[dict-item]
