"""Starting flows: by path, by version, previews. Also with waiting, and as a stream."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from starlette.requests import Request
from starlette.responses import Response

from tidemill.server.arguments import Shape, shape
from tidemill.server.enqueue import RunQuery, run_query
from tidemill.server.flows_seen import parse_version
from tidemill.server.lazy_route import LazyDirectRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.run_answers import ANY_BODY, FAILED, ID, RESULT, followed, started, waited
from tidemill.server.run_flows import FlowPreview, run_flow, submit_flow_preview
from tidemill.server.wire import ERRORS, EVENTS, accepts

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyDirectRoute)

InQuery = Annotated[RunQuery, Depends(run_query)]
InShape = Annotated[Shape, Depends(shape)]
InVersion = Annotated[str, Path(alias="version")]


@router.post(
    "/api/w/{workspace}/jobs/run/f/{path:path}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=ANY_BODY,
)
async def run_flow_by_path(
    parts: InParts, caller: Caller, request: Request, path: str, query: InQuery, wanted: InShape
) -> Response:
    """Run the newest version of a flow."""
    return started(await run_flow(parts, caller, request, path, query=query, wanted=wanted))


@router.post(
    "/api/w/{workspace}/jobs/run/fv/{version}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=ANY_BODY,
)
async def run_flow_by_version(
    parts: InParts, caller: Caller, request: Request, version: InVersion, query: InQuery, wanted: InShape
) -> Response:
    """Run one version of a flow."""
    return started(await run_flow(parts, caller, request, parse_version(version), query=query, wanted=wanted))


@router.post(
    "/api/w/{workspace}/jobs/run/preview_flow",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(FlowPreview),
)
async def run_flow_preview(parts: InParts, caller: Caller, request: Request, query: InQuery) -> Response:
    """Run a flow that is not deployed."""
    return started(await submit_flow_preview(parts, caller, request, query))


@router.post(
    "/api/w/{workspace}/jobs/run_wait_result/preview_flow",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=accepts(FlowPreview),
)
async def run_flow_preview_and_wait(parts: InParts, caller: Caller, request: Request, query: InQuery) -> Response:
    """Run a flow that is not deployed, and wait for its result. A failure is told as text."""
    submitted = await submit_flow_preview(parts, caller, request, query)
    return await waited(parts, caller, request, submitted, errors_as_text=True)


@router.get(
    "/api/w/{workspace}/jobs/run_wait_result/f/{path:path}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
)
@router.post(
    "/api/w/{workspace}/jobs/run_wait_result/f/{path:path}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=ANY_BODY,
)
async def run_flow_by_path_and_wait(
    parts: InParts, caller: Caller, request: Request, path: str, query: InQuery, wanted: InShape
) -> Response:
    """Run the newest version of a flow and wait for its result."""
    submitted = await run_flow(parts, caller, request, path, query=query, wanted=wanted)
    return await waited(parts, caller, request, submitted)


@router.get(
    "/api/w/{workspace}/jobs/run_wait_result/fv/{version}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
)
@router.post(
    "/api/w/{workspace}/jobs/run_wait_result/fv/{version}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=ANY_BODY,
)
async def run_flow_by_version_and_wait(
    parts: InParts, caller: Caller, request: Request, version: InVersion, query: InQuery, wanted: InShape
) -> Response:
    """Run one version of a flow and wait for its result."""
    submitted = await run_flow(parts, caller, request, parse_version(version), query=query, wanted=wanted)
    return await waited(parts, caller, request, submitted)


@router.get("/api/w/{workspace}/jobs/run_and_stream/f/{path:path}", response_class=Response, responses={200: EVENTS})
@router.post(
    "/api/w/{workspace}/jobs/run_and_stream/f/{path:path}",
    response_class=Response,
    responses={200: EVENTS},
    openapi_extra=ANY_BODY,
)
async def run_flow_by_path_and_stream(
    parts: InParts, caller: Caller, request: Request, path: str, query: InQuery, wanted: InShape
) -> Response:
    """Run the newest version of a flow and follow it as a stream of events."""
    submitted = await run_flow(parts, caller, request, path, query=query, wanted=wanted)
    return followed(parts, caller, request, submitted)


@router.get("/api/w/{workspace}/jobs/run_and_stream/fv/{version}", response_class=Response, responses={200: EVENTS})
@router.post(
    "/api/w/{workspace}/jobs/run_and_stream/fv/{version}",
    response_class=Response,
    responses={200: EVENTS},
    openapi_extra=ANY_BODY,
)
async def run_flow_by_version_and_stream(
    parts: InParts, caller: Caller, request: Request, version: InVersion, query: InQuery, wanted: InShape
) -> Response:
    """Run one version of a flow and follow it as a stream of events."""
    submitted = await run_flow(parts, caller, request, parse_version(version), query=query, wanted=wanted)
    return followed(parts, caller, request, submitted)
