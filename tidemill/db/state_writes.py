"""What steps of flows write to states: kept until the step ends, and applied by the statement that ends it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from tidemill.db.pool import Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.resources import Content, Resource
from tidemill.model.errors import WritePending
from tidemill.model.identity import Principal

_SQL: Final = queries("state_writes")
STATE: Final = "state"
"""The type of the resources that are states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an attempt has written: it counts if the state still has the version `expected` (0: is not there)."""

    path: str
    expected: int
    version: int
    value: bytes
    description: str
    labels: tuple[str, ...]
    actor: str
    written_at: datetime

    def over(self, found: Resource | None) -> Resource:
        """The state as who wrote it sees it."""
        if found is not None:
            return replace(
                found, version=self.version, value=self.value, description=self.description, labels=self.labels,
                edited_by=self.actor, edited_at=self.written_at,
            )  # fmt: skip
        return Resource(
            path=self.path,
            version=self.version,
            resource_type=STATE,
            value=self.value,
            description=self.description,
            is_oauth=False,
            extra_perms=b"{}",
            labels=self.labels,
            created_by=self.actor,
            edited_by=self.actor,
            created_at=self.written_at,
            edited_at=self.written_at,
        )


async def is_step(statements: Statements, caller: Principal) -> bool:
    """Whether the caller is a step of a flow: what it writes can count with its end."""
    job = caller.credential.job_id
    return job is not None and await statements.fetch_value(_SQL.is_step, job=job) is True


async def seen(statements: Statements, caller: Principal, path: str, found: Resource | None) -> Resource | None:
    """The resource at `path` (`found` there) as the caller sees it: with what it has written itself."""
    if not caller.is_job or (found is not None and found.resource_type != STATE):
        return found
    written = await statements.fetch_optional(_SQL.find, Written, **_attempt(caller), path=path)
    return found if written is None else written.over(found)


async def keep(tx: Transaction, caller: Principal, content: Content, *, expected: int) -> int:
    """Keep what the caller, a step, writes to a state of that version (0: there is none); its version to be.

    Where it has written before, the version that it started from stays.

    Raises:
        WritePending: another step has written there, and has not ended.
    """
    version: int | None = await tx.fetch_value(
        _SQL.keep,
        **_attempt(caller),
        path=content.path,
        expected=expected,
        value=Json(content.value),
        description=content.description,
        labels=list(content.labels),
        actor=caller.actor,
        username=caller.username or caller.email,
        email=caller.email,
    )
    if version is None:
        raise WritePending(
            f"Another step of a flow has written the state '{content.path}' and not ended yet: read it again later."
        )
    return version


async def drop(tx: Transaction, caller: Principal, path: str) -> int | None:
    """Forget what the caller has written there; the version that it started from, None where it had not."""
    expected: int | None = await tx.fetch_value(_SQL.drop, **_attempt(caller), path=path)
    return expected


def _attempt(caller: Principal) -> dict[str, object]:
    credential = caller.credential
    return {"workspace": caller.workspace, "job": credential.job_id, "attempt": credential.attempt}
