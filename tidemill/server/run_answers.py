"""How requests that start a job are answered: with its id, or with its result."""

from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import jobs
from tidemill.model.errors import IdempotencyInFlight
from tidemill.model.identity import Principal
from tidemill.server import job_stream
from tidemill.server.enqueue import Submitted
from tidemill.server.outcome import answer_of, wait_for
from tidemill.server.parts import Parts
from tidemill.server.wire import TEXT, text_answer

ANY_BODY: Final = {
    "requestBody": {
        "required": False,
        "content": {"application/json": {"schema": {"type": "object", "additionalProperties": True}}},
    }
}
RESULT: Final = {"description": "The result of the job.", "content": {"application/json": {"schema": {}}}}
FAILED: Final = {
    "description": "The job failed (X-Tidemill-Error: job_failed): its error, as previews tell it as text.",
    "content": {
        "application/json": {"schema": {"type": "object", "required": ["error"]}},
        "text/plain": {"schema": {"type": "string"}},
    },
}
ID: Final = {**TEXT, "description": "The id of the job."}


def started(submitted: Submitted) -> Response:
    """The id of the job."""
    return text_answer(str(submitted.id), status=201)


def followed(parts: Parts, caller: Principal, request: Request, submitted: Submitted) -> Response:
    """The job as a stream of events, which ends with the result that who waits is given."""
    view = job_stream.View(early_return=submitted.early_return)
    return job_stream.respond(parts, caller.workspace, submitted.id, view, check=request.state.readmit)


async def waited(
    parts: Parts, caller: Principal, request: Request, submitted: Submitted, *, errors_as_text: bool = False
) -> Response:
    """The result. A repeat of a request whose job still runs is refused, so that one caller waits, not two."""
    if submitted.is_repeat:
        outcome = await jobs.outcome(parts.database.single, caller.workspace, submitted.id)
        if outcome is not None and outcome.status is None:
            raise IdempotencyInFlight(
                f"Job {submitted.id} of the first request with this Idempotency-Key still runs: send it again later."
            )
    timeout_s = parts.options.wait_result_timeout_s
    believed_until = anyio.current_time() + job_stream.BELIEVED_S
    early = submitted.early_return
    outcome = await wait_for(parts, caller.workspace, submitted.id, timeout_s=timeout_s, early_return=early)
    if anyio.current_time() >= believed_until:
        await request.state.readmit()  # what was let in a while ago may have been shut out since
    return await answer_of(parts, outcome, errors_as_text=errors_as_text)
