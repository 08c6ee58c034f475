"""Starting a flow again from one of its steps, with what came before as it was."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from tidemill.model.errors import BadRequest
from tidemill.server.enqueue import RunQuery, run_query, submit
from tidemill.server.flow_restart import At, input_of, restartable, started_again
from tidemill.server.jobs_seen import parse_job_id
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.run_answers import ID, started
from tidemill.server.wire import ERRORS, accepts, json_body

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_DEEPEST: Final = 40


class Restart(At, kw_only=True):
    """Where a flow is started again. `nested_path`: steps inside of `step_id`, from the outside in."""

    flow_version: int | None = None
    nested_path: list[At] = msgspec.field(default_factory=list)


@router.post(
    "/api/w/{workspace}/jobs/restart/f/{id}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(Restart),
)
async def restart_flow(
    parts: InParts,
    caller: Caller,
    request: Request,
    job: Annotated[str, Path(alias="id")],
    query: Annotated[RunQuery, Depends(run_query)],
    body: Annotated[Restart, Depends(json_body(Restart))],
) -> Response:
    """Start a flow that has ended again, from a step on: the newest version, unless `flow_version` names one.

    At a step that asks for approvals, and behind one, it is the version that ran.
    """
    if len(body.nested_path) > _DEEPEST:
        raise BadRequest(f"nested_path has more than {_DEEPEST} steps.")
    old = await restartable(parts, caller, parse_job_id(job))
    runnable = await started_again(parts, caller, old, [body, *body.nested_path], version=body.flow_version)
    args = await input_of(parts, old)
    about = f"{old.id} {msgspec.json.encode(body).decode()}"
    return started(await submit(parts, caller, request, runnable, args=args, query=query, about=about))
