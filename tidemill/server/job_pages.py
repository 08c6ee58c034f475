"""Pages of the jobs that a caller may see."""

from typing import Final

from tidemill.db import jobs
from tidemill.db.jobs import ListedJob
from tidemill.engine import permit
from tidemill.engine.permit import Action, Listing
from tidemill.model.identity import Principal
from tidemill.server.job_filter import Wanted
from tidemill.server.job_wire import LISTED_BYTES
from tidemill.server.paging import visible_page
from tidemill.server.parts import Parts

JOBS: Final = Listing("jobs")


async def find(
    parts: Parts, caller: Principal, wanted: Wanted, *, part: str, number: int, per_page: int
) -> list[ListedJob]:
    """One page of the jobs that the caller may see."""
    permit.require(caller, Action.LIST, JOBS)
    readable = permit.readable_owners(caller)

    def is_visible(job: ListedJob) -> bool:
        return permit.decide(caller, Action.LIST, jobs.target_of(job)).allowed

    async with parts.database.transaction(caller.workspace) as tx:

        async def fetch(after: ListedJob | None, limit: int) -> list[ListedJob]:
            return await jobs.page(
                tx,
                caller,
                wanted.filter,
                part=part,
                readable=readable,
                after=wanted.before_id if after is None else after.id,
                limit=limit,
                listed_bytes=LISTED_BYTES,
            )

        return await visible_page(fetch, is_visible, number=number, per_page=per_page)
