"""Workers of flows in the test's own process: with all of their parts, on a database with one workspace and person."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from tidemill.db import flows, intake
from tidemill.db.keys import Keyring
from tidemill.db.pool import Database, Json
from tidemill.db.queries import inline
from tidemill.db.values import Kept, Values
from tidemill.evaluators.evaluators import Evaluators
from tidemill.model.ids import new_id
from tidemill.queries.runners import Runners
from tidemill.sandbox.process import ProcessSandbox
from tidemill.settings import Settings
from tidemill.stores.objects.content import open_folder
from tidemill.wiring.egress import egress_of
from tidemill.wiring.job_data import WorkspaceData
from tidemill.wiring.keys import job_secret, root_keys
from tidemill.wiring.worker import worker_options
from tidemill.worker.context import WorkerParts

WORKSPACE, EMAIL = "w", "ann@x.org"
_PEOPLE = [
    inline("insert into workspace (id, name, owner_email) values ('w', 'w', 'ann@x.org') on conflict do nothing"),
    inline("insert into account (email) values ('ann@x.org') on conflict do nothing"),
    inline(
        "insert into member (workspace_id, username, email, role) values ('w', 'ann', 'ann@x.org', 'admin') "
        "on conflict do nothing"
    ),
]
_RESULT = inline("select status, result from job_completed where id = :id", name="flow_workers.result")


@asynccontextmanager
async def worker_parts(database: Database, directory: Path, **settings: str) -> AsyncIterator[WorkerParts]:
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
                open_folder(directory / "objects"),
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


async def start_flow(database: Database, value: Mapping[str, object], args: Mapping[str, object]) -> UUID:
    """Put a flow into the queue, as a preview of `value`; its job."""
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
