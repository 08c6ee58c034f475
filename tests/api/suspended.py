"""A flow that waits for answers, brought there as a worker does it."""

import time
from dataclasses import dataclass
from uuid import UUID

import httpx

from tests.api.at_work import W, Worker
from tests.api.conftest import Api
from tidemill.db import flow_runs
from tidemill.db.flow_runs import Advance, Asked, End, Held, Placed, Run
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json
from tidemill.db.values import Kept
from tidemill.engine.flow.state import FlowState, Place, StepState
from tidemill.model.flow import StepStatus
from tidemill.model.ids import new_id


@dataclass(frozen=True)
class Suspended:
    """The job of the flow, and that of the step `ask` after which it waits."""

    flow: UUID
    step: UUID

    async def urls(self, by: httpx.AsyncClient, number: int = 1, **query: object) -> dict[str, str]:
        """Links to answer."""
        answer = await by.get(f"{W}/jobs/resume_urls/{self.step}/{number}", params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        urls: dict[str, str] = answer.json()
        return urls

    async def token(self, by: httpx.AsyncClient, number: int = 1) -> str:
        """A link as a token."""
        signature = await by.get(f"{W}/jobs/job_signature/{self.step}/{number}")
        return f"{number}.{signature.text}."


async def suspended(
    api: Api,
    by: httpx.AsyncClient,
    *,
    groups: tuple[str, ...] | None = None,
    result: bytes = b"null",
    still_runs: bool = False,
    **suspend: object,
) -> Suspended:
    """A preview of somebody that waits for an answer. `groups`: as the flow worked them out; `result`: of the step.

    `still_runs`: the step has not ended, so that the flow does not wait yet.
    """
    rules = {"required_events": 10, **suspend}
    modules = [{"id": "ask", "summary": "Is it fine?", "value": {"type": "identity"}, "suspend": rules}]
    answer = await by.post(f"{W}/jobs/run/preview_flow", json={"value": {"modules": modules}, "args": {"n": 1}})
    assert answer.status_code == 201, answer.text
    worker = Worker(api)
    job = await worker.start(UUID(answer.text))
    step = new_id(time.time_ns() // 1_000_000)
    made = NewJob(
        id=step, workspace_id="main", kind="identity", tag="flow", created_by=job.created_by, parent_job=job.id,
        permissioned_as=job.permissioned_as, email=job.email, args=Kept(inline=Json(b"{}")), root_job=job.id,
        flow_step_id="ask",
    )  # fmt: skip
    status = StepStatus.PROGRESS if still_runs else StepStatus.EVENTS
    state = FlowState(place=Place(source=job.id), steps=(StepState(status=status, job=step, required=10),))
    asked = Asked(
        level_id=job.id, workspace_id="main", source_id=job.id, step="ask", step_job=step, required=10, groups=groups,
        timeout_s=None,
    )  # fmt: skip
    end = End(id=step, workspace_id="main", status="success", result=Kept(inline=Json(result)), fresh=True)
    wanted = Advance(
        held=[Held(job.id, job.attempt)],
        runs=[Run(id=job.id, workspace_id="main", expected=None, state=state)],
        jobs=[Placed(made, "waiting" if still_runs else "none")],
        ends=[] if still_runs else [end],
        asks=[] if still_runs else [asked],
        parked=[(job.id, None)],
    )
    assert (await flow_runs.advance(api.parts.database.single, wanted, worker=worker.name)).done
    return Suspended(job.id, step)
