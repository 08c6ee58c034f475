"""What jobs may read of their workspace: joins the database's functions to what a worker asks for."""

import json
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from tidemill.db import identity, local_sources, references, scripts, storage_access, workflows
from tidemill.db.keys import Keyring
from tidemill.db.pool import Database
from tidemill.db.queue import ClaimedJob
from tidemill.db.storage_access import Touched
from tidemill.db.values import Values
from tidemill.db.workflows import GivenStep, RoundBegun, TaskBegun
from tidemill.engine import permit
from tidemill.engine.inputs import contains_reference
from tidemill.languages.port import ReadScript
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.model.job import FLOW_KINDS
from tidemill.model.path import parse_path
from tidemill.queries.port import Opened
from tidemill.worker.context import Resolved
from tidemill.worker.settings import read_settings, settings_of


class WorkspaceData:
    """`JobData` over our database: everything under the rights of whom a job runs as."""

    def __init__(self, database: Database, keyring: Keyring, values: Values) -> None:
        self._database = database
        self._keyring = keyring
        self._values = values

    async def resolve(self, job: ClaimedJob, args: bytes) -> Resolved:
        """See `JobData.resolve`."""
        if not contains_reference(args):
            return Resolved(args=args, secrets=[])
        principal = await self._principal(job)
        args_of = settings_of(job).args_of
        if args_of is not None:
            giver = await identity.principal_by_name(self._database, args_of, job.workspace_id)
            principal = replace(giver, credential=principal.credential)
        resolved, secrets = await references.resolve(self._database, self._keyring, principal, args)
        return Resolved(args=resolved, secrets=secrets)

    async def secrets_read(self, job: ClaimedJob, *, after: int) -> tuple[list[bytes], int]:
        """See `JobData.secrets_read`."""
        return await references.secrets_read_by_job(
            self._database, self._keyring, job.id, job.workspace_id, after=after
        )

    async def resource(self, job: ClaimedJob, path: str) -> tuple[Opened, list[bytes]]:
        """See `JobData.resource`."""
        found = await references.open_resource(self._database, self._keyring, await self._principal(job), path)
        return Opened(resource_type=found.resource_type, value=found.value), found.secrets

    async def touched(self, job: ClaimedJob, kind: str, address: str, *, is_write: bool) -> None:
        """See `JobData.touched`."""
        principal = await self._principal(job)
        async with self._database.transaction(job.workspace_id) as tx:
            await identity.hold_attempt(tx, principal)
            touched = [Touched(kind, address)]
            await storage_access.record(tx, principal, touched, "write" if is_write else "read")

    async def begin_round(self, job: ClaimedJob) -> RoundBegun:
        """See `JobData.begin_round`."""
        single = self._database.single
        return await workflows.begin_round(single, self._keyring, self._values, job.workspace_id, job.id)

    async def begin_task(self, job: ClaimedJob, workflow: UUID, *, number: int) -> TaskBegun:
        """See `JobData.begin_task`."""
        return await workflows.begin_task(
            self._database.single, self._keyring, self._values, job.workspace_id, workflow, number=number
        )

    async def keep_step(self, job: ClaimedJob, given: GivenStep) -> None:
        """See `JobData.keep_step`."""
        await workflows.keep_step(self._database, self._keyring, job.workspace_id, job.id, job.attempt, given)

    async def _principal(self, job: ClaimedJob) -> Principal:
        return await identity.principal_of_job(self._database, job.id, job.attempt, job.workspace_id)

    async def local_sources(self, job: ClaimedJob) -> Mapping[str, str]:
        """Those of the job or, of a flow or a source that stands in one, those of the flow around all: it acts for who
        stored them, too. See `JobData.local_sources`."""
        own = settings_of(job).local_sources
        is_deployed = job.script_hash is not None and job.kind not in FLOW_KINDS
        if own or job.root_job is None or is_deployed:
            return own
        single = self._database.single
        options = await local_sources.options_of_root(single, job.workspace_id, job.email, root=job.root_job)
        return read_settings(options).local_sources

    async def _local_source(self, job: ClaimedJob, path: str, digest: str) -> str:
        found = await local_sources.find(self._database.single, job.workspace_id, job.email, digest=digest)
        if found is None:
            raise BadRequest(f"The source of '{path}' that this was started with is not kept any more: start it anew.")
        return found

    def script_reader(self, job: ClaimedJob) -> ReadScript:
        """See `JobData.script_reader`."""

        local: Mapping[str, str] | None = None

        async def read(path: str) -> str | None:
            nonlocal local
            if local is None:
                local = await self.local_sources(job)
            if path in local:
                return await self._local_source(job, path, local[path])
            script = await scripts.head(self._database.single, job.workspace_id, path)
            if script is None:
                return None
            principal = await self._principal(job)
            item = permit.Item(permit.ItemKind.SCRIPT, parse_path(path), json.loads(script.extra_perms))
            return script.content if permit.decide(principal, permit.Action.READ, item).allowed else None

        return read
