"""What jobs may read of their workspace: joins the database's functions to what a worker asks for."""

import json

from tidemill.db import identity, references, scripts
from tidemill.db.keys import Keyring
from tidemill.db.pool import Database
from tidemill.db.queue import ClaimedJob
from tidemill.engine import permit
from tidemill.engine.inputs import contains_reference
from tidemill.languages.port import ReadScript
from tidemill.model.path import parse_path
from tidemill.worker.context import Resolved


class WorkspaceData:
    """`JobData` over our database: everything under the rights of whom a job runs as."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def resolve(self, job: ClaimedJob, args: bytes) -> Resolved:
        """See `JobData.resolve`."""
        if not contains_reference(args):
            return Resolved(args=args, secrets=[])
        principal = await identity.principal_of_job(self._database, job.id, job.attempt, job.workspace_id)
        resolved, secrets = await references.resolve(self._database, self._keyring, principal, args)
        return Resolved(args=resolved, secrets=secrets)

    async def secrets_read(self, job: ClaimedJob, *, after: int) -> tuple[list[bytes], int]:
        """See `JobData.secrets_read`."""
        return await references.secrets_read_by_job(
            self._database, self._keyring, job.id, job.workspace_id, after=after
        )

    def script_reader(self, job: ClaimedJob) -> ReadScript:
        """See `JobData.script_reader`."""

        async def read(path: str) -> str | None:
            script = await scripts.head(self._database.single, job.workspace_id, path)
            if script is None:
                return None
            principal = await identity.principal_of_job(self._database, job.id, job.attempt, job.workspace_id)
            item = permit.Item(permit.ItemKind.SCRIPT, parse_path(path), json.loads(script.extra_perms))
            return script.content if permit.decide(principal, permit.Action.READ, item).allowed else None

        return read
