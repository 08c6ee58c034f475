"""Finding a job that the path of a request names, for a caller that may see it."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from tidemill.db import jobs
from tidemill.engine import permit
from tidemill.engine.permit import Action
from tidemill.model.errors import NotFound
from tidemill.model.identity import Principal
from tidemill.server.parts import Parts, Readmit


def parse_job_id(text: str) -> UUID:
    """The id in `text`.

    Raises:
        NotFound: it is no UUID, so there is no such job. Clients outside of a job ask for `NO_JOB_ID`.
    """
    try:
        return UUID(text)
    except ValueError:
        raise not_there(text) from None


def not_there(job: UUID | str) -> NotFound:
    """The error for a job that is not there, or that the caller may not know of."""
    return NotFound(f"There is no job {str(job)[:60]}.")


async def require_job(parts: Parts, caller: Principal, text: str, *, action: Action = Action.READ) -> jobs.Seen:
    """The job with the id in `text`, if the caller may do `action` to it.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        Denied: the caller may know of it, but not do this.
    """
    job_id = parse_job_id(text)
    seen = await jobs.seen(parts.database.single, caller.workspace, job_id)
    if seen is None:
        raise not_there(job_id)
    permit.require(caller, action, jobs.target_of(seen))
    return seen


def still_sees(parts: Parts, readmit: Readmit, job_id: UUID) -> Callable[[], Awaitable[None]]:
    """Raises as `require_job` does, or as the guard, once whoever calls may not see the job any more."""

    async def check() -> None:
        await require_job(parts, await readmit(), str(job_id))

    return check
