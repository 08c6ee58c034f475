"""What steps are started with, made while the database still records that they are claimed.

Nothing of it leaves the worker before the claim is recorded: one that is not has cost a little processor time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tidemill.db.flow_runs import Placed, claimed_as
from tidemill.db.queue import ClaimedJob
from tidemill.engine import job_token
from tidemill.engine.environment import due_text
from tidemill.engine.inputs import contains_reference
from tidemill.languages import PROGRAM_LANGUAGES
from tidemill.model.errors import TidemillError
from tidemill.sandbox.port import Program
from tidemill.worker.context import WorkerParts
from tidemill.worker.prepare import Prepared, Preparer
from tidemill.worker.program import contextual_variables, job_variables, make_program, scheduled_for
from tidemill.worker.rounds import is_round

_MOST: Final = 64


@dataclass(frozen=True, slots=True)
class Ready:
    """A job whose arguments are at hand, and need nothing to be looked up."""

    prepared: Prepared
    token: str
    program: Program

    def program_of(self, job: ClaimedJob) -> Program:
        """As the claim was recorded, which tells when the job was due."""
        env = {**self.program.env, "WM_SCHEDULED_FOR": due_text(scheduled_for(job))}
        return replace(self.program, env=env)


class Ahead:
    """Makes steps ready, and keeps them until they are started."""

    def __init__(self, parts: WorkerParts, preparer: Preparer) -> None:
        self._parts = parts
        self._preparer = preparer
        self._ready: dict[UUID, Ready] = {}

    def begin(self, wanted: Sequence[Placed]) -> None:
        """Make those ready that are about to be claimed, as soon as there is nothing else to do."""
        asyncio.get_running_loop().call_soon(self._make, wanted)

    def take(self, job: ClaimedJob) -> Ready | None:
        """What was made for the job."""
        return self._ready.pop(job.id, None) if job.attempt == 1 else None

    def _make(self, wanted: Sequence[Placed]) -> None:
        if len(self._ready) > _MOST:  # claims that were refused
            self._ready.clear()
        for placed in wanted:
            job = claimed_as(placed, run_at=datetime.now(UTC), may_run=True)
            try:
                ready = self._made(job)
            except TidemillError:
                continue  # whoever starts it finds the same, and tells of it
            if ready is not None:
                self._ready[job.id] = ready

    def _made(self, job: ClaimedJob) -> Ready | None:
        if job.language not in PROGRAM_LANGUAGES or job.cache_ttl_s or job.args is None or contains_reference(job.args):
            return None
        prepared = None if is_round(job) else self._preparer.at_hand(job)
        if prepared is None:
            return None
        options = self._parts.options
        token = job_token.issue(self._parts.job_secret, job.id, job.attempt)
        variables = job_variables(options, job, token=token)
        contextual = contextual_variables(variables)
        language = prepared.language
        if tuple(language.resources(job.content or "", args=job.args, contextual=contextual)):
            return None
        launch = self._preparer.launch(job, prepared, job.args, resources={}, contextual=contextual)
        if launch.argv:  # its text may hold when it was due
            return None
        program = make_program(options, job, prepared.environment, launch=launch, variables=variables)
        return Ready(prepared, token, program)
