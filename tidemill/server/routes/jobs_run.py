"""Starting jobs: of scripts by path and by hash, previews, and jobs that resolve dependencies. Also with waiting."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends, Path
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import scripts
from tidemill.engine import permit
from tidemill.engine.on_behalf import ON_BEHALF_OF_EMAIL
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.languages import QUERY_LANGUAGES, load_language
from tidemill.model.by_identity import ByIdentity
from tidemill.model.errors import BadRequest, Unsupported
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server import job_stream
from tidemill.server.arguments import Shape, require_object, shape
from tidemill.server.enqueue import Runnable, RunQuery, Submitted, of_script, run_query, submit
from tidemill.server.flow_deploy import checked_flow, flow_locking
from tidemill.server.inline import answer_inline
from tidemill.server.known_scripts import Named
from tidemill.server.lazy_route import LazyDirectRoute
from tidemill.server.local_refs import options_for
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.run_answers import ANY_BODY, FAILED, ID, RESULT, started, waited
from tidemill.server.run_scripts import by_hash, by_path, run_script, runnable_script
from tidemill.server.wire import ERRORS, EVENTS, accepts, decode, json_body, read_json

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyDirectRoute)

_NOTHING: Final = frozenset({b"null", b"{}"})
_JOB_SCOPE: Final = WorkspaceTarget("jobs", Need.DEVELOPER)
InQuery = Annotated[RunQuery, Depends(run_query)]
InHash = Annotated[str, Path(alias="hash")]
InShape = Annotated[Shape, Depends(shape)]


_NO_ARGS: Final = Raw(b"{}")
_NULL: Final = Raw(b"null")


class Preview(msgspec.Struct, kw_only=True):
    """A script that is run without being deployed."""

    language: str
    content: str
    path: str | None = None
    args: Raw = msgspec.field(default_factory=lambda: _NO_ARGS)
    lock: str | None = None
    tag: str | None = None
    kind: str | None = None
    modules: Raw = msgspec.field(default_factory=lambda: _NULL)
    temp_script_refs: Raw = msgspec.field(default_factory=lambda: _NULL)


class InlineRun(msgspec.Struct, kw_only=True):
    """The arguments of a deployed script that is run inline."""

    args: Raw = msgspec.field(default_factory=lambda: _NO_ARGS)


class RawScript(msgspec.Struct, kw_only=True):
    """A script whose dependencies are wanted."""

    raw_code: str
    language: str
    script_path: str | None = None
    path: str | None = None


class Dependencies(msgspec.Struct, kw_only=True):
    """A request to resolve the dependencies of scripts that need not be deployed."""

    raw_scripts: list[RawScript]
    entrypoint: str = ""
    raw_workspace_dependencies: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))
    temp_script_refs: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))


class FlowDependencies(msgspec.Struct, kw_only=True):
    """A request to lock the scripts of a flow that need not be deployed."""

    flow_value: Raw
    path: str = ""
    temp_script_refs: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))


@router.post(
    "/api/w/{workspace}/jobs/run/p/{path:path}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=ANY_BODY,
)
async def run_by_path(
    parts: InParts, caller: Caller, request: Request, path: str, query: InQuery, wanted: InShape
) -> Response:
    """Run the newest version of a script."""
    return started(await run_script(parts, caller, request, by_path(path), query=query, wanted=wanted))


@router.post(
    "/api/w/{workspace}/jobs/run/h/{hash}",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=ANY_BODY,
)
async def run_by_hash(
    parts: InParts,
    caller: Caller,
    request: Request,
    number: InHash,
    query: InQuery,
    wanted: InShape,
) -> Response:
    """Run one version of a script."""
    return started(await run_script(parts, caller, request, by_hash(number), query=query, wanted=wanted))


@router.post(
    "/api/w/{workspace}/jobs/run/preview",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(Preview),
)
async def run_preview(parts: InParts, caller: Caller, request: Request, query: InQuery) -> Response:
    """Run a script that is not deployed."""
    return started(await _submit_preview(parts, caller, request, query))


@router.post(
    "/api/w/{workspace}/jobs/run_wait_result/preview",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=accepts(Preview),
)
async def run_preview_and_wait(parts: InParts, caller: Caller, request: Request, query: InQuery) -> Response:
    """Run a script that is not deployed, and wait for its result. A failure is told as text."""
    submitted = await _submit_preview(parts, caller, request, query)
    return await waited(parts, caller, request, submitted, errors_as_text=True)


@router.get(
    "/api/w/{workspace}/jobs/run_wait_result/p/{path:path}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
)
@router.post(
    "/api/w/{workspace}/jobs/run_wait_result/p/{path:path}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=ANY_BODY,
)
async def run_by_path_and_wait(
    parts: InParts, caller: Caller, request: Request, path: str, query: InQuery, wanted: InShape
) -> Response:
    """Run the newest version of a script and wait for its result."""
    submitted = await run_script(parts, caller, request, by_path(path), query=query, wanted=wanted)
    return await waited(parts, caller, request, submitted)


@router.get(
    "/api/w/{workspace}/jobs/run_wait_result/h/{hash}", response_class=Response, responses={200: RESULT, 500: FAILED}
)
@router.post(
    "/api/w/{workspace}/jobs/run_wait_result/h/{hash}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=ANY_BODY,
)
async def run_by_hash_and_wait(
    parts: InParts,
    caller: Caller,
    request: Request,
    number: InHash,
    query: InQuery,
    wanted: InShape,
) -> Response:
    """Run one version of a script and wait for its result."""
    submitted = await run_script(parts, caller, request, by_hash(number), query=query, wanted=wanted)
    return await waited(parts, caller, request, submitted)


@router.get("/api/w/{workspace}/jobs/run_and_stream/p/{path:path}", response_class=Response, responses={200: EVENTS})
@router.post(
    "/api/w/{workspace}/jobs/run_and_stream/p/{path:path}",
    response_class=Response,
    responses={200: EVENTS},
    openapi_extra=ANY_BODY,
)
async def run_by_path_and_stream(
    parts: InParts, caller: Caller, request: Request, path: str, query: InQuery, wanted: InShape
) -> Response:
    """Run the newest version of a script and follow it as a stream of events."""
    submitted = await run_script(parts, caller, request, by_path(path), query=query, wanted=wanted)
    return job_stream.respond(parts, caller.workspace, submitted.id, job_stream.View(), check=request.state.readmit)


@router.get("/api/w/{workspace}/jobs/run_and_stream/h/{hash}", response_class=Response, responses={200: EVENTS})
@router.post(
    "/api/w/{workspace}/jobs/run_and_stream/h/{hash}",
    response_class=Response,
    responses={200: EVENTS},
    openapi_extra=ANY_BODY,
)
async def run_by_hash_and_stream(
    parts: InParts,
    caller: Caller,
    request: Request,
    number: InHash,
    query: InQuery,
    wanted: InShape,
) -> Response:
    """Run one version of a script and follow it as a stream of events."""
    submitted = await run_script(parts, caller, request, by_hash(number), query=query, wanted=wanted)
    return job_stream.respond(parts, caller.workspace, submitted.id, job_stream.View(), check=request.state.readmit)


@router.post(
    "/api/w/{workspace}/jobs/run_inline/preview",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=accepts(Preview),
)
async def run_inline(parts: InParts, caller: Caller, request: Request) -> Response:
    """Run a script that is not deployed, and wait for its result: for clients that were told of a server beside them.

    A query is sent to its database right here. All else runs as a job like any other preview: nothing that users wrote
    runs outside of a sandbox.
    """
    preview = await _read_preview(parts, caller, request)
    if preview.language not in QUERY_LANGUAGES:
        submitted = await _submit(parts, caller, request, preview, RunQuery())
        return await waited(parts, caller, request, submitted, errors_as_text=True)
    path = parse_path(preview.path).text if preview.path else ""
    return await answer_inline(
        parts,
        caller,
        request,
        language=preview.language,
        content=preview.content,
        path=path,
        args=_args_of(preview.args),
    )


@router.post(
    "/api/w/{workspace}/jobs/run_inline/p/{path:path}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=accepts(InlineRun),
)
async def run_inline_by_path(parts: InParts, caller: Caller, request: Request, path: str) -> Response:
    """Run the newest version of a script as `run_inline` does."""
    return await _run_inline(parts, caller, request, by_path(path))


@router.post(
    "/api/w/{workspace}/jobs/run_inline/h/{hash}",
    response_class=Response,
    responses={200: RESULT, 500: FAILED},
    openapi_extra=accepts(InlineRun),
)
async def run_inline_by_hash(parts: InParts, caller: Caller, request: Request, number: InHash) -> Response:
    """Run one version of a script as `run_inline` does."""
    return await _run_inline(parts, caller, request, by_hash(number))


@router.post(
    "/api/w/{workspace}/jobs/run/dependencies_async",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(Dependencies),
)
async def run_dependencies(
    parts: InParts,
    caller: Caller,
    request: Request,
    body: Annotated[Dependencies, Depends(json_body(Dependencies))],
) -> Response:
    """Resolve the dependencies of a script; the result of the job is `{"lock": …}`."""
    return started(await _submit_dependencies(parts, caller, request, body))


@router.post(
    "/api/w/{workspace}/jobs/run/dependencies",
    status_code=201,
    response_class=Response,
    responses={201: RESULT, 500: FAILED},
    openapi_extra=accepts(Dependencies),
)
async def run_dependencies_and_wait(
    parts: InParts,
    caller: Caller,
    request: Request,
    body: Annotated[Dependencies, Depends(json_body(Dependencies))],
) -> Response:
    """Resolve the dependencies of a script and wait for them."""
    submitted = await _submit_dependencies(parts, caller, request, body)
    answer = await waited(parts, caller, request, submitted)
    if answer.status_code == 200:
        answer.status_code = 201
    return answer


@router.post(
    "/api/w/{workspace}/jobs/run/flow_dependencies_async",
    status_code=201,
    response_class=Response,
    responses={201: ID},
    openapi_extra=accepts(FlowDependencies),
)
async def run_flow_dependencies(
    parts: InParts,
    caller: Caller,
    request: Request,
    body: Annotated[FlowDependencies, Depends(json_body(FlowDependencies))],
) -> Response:
    """Lock the scripts that stand in a flow; the result of the job is `{"updated_flow_value": …}`."""
    permit.require(caller, Action.PREVIEW, _JOB_SCOPE)
    value = bytes(body.flow_value)
    await checked_flow(value)
    options = await options_for(parts, caller, body.temp_script_refs)
    runnable = flow_locking(value, path=parse_path(body.path).text if body.path else None, options=options)
    return started(await submit(parts, caller, request, runnable, args=b"{}", query=RunQuery()))


async def _run_inline(parts: Parts, caller: Principal, request: Request, named: Named) -> Response:
    body = decode(await read_json(request, max_bytes=parts.values.max_bytes), InlineRun)
    args = _args_of(body.args)
    script = await runnable_script(parts, caller, named)
    acts_for_other = script.settings.get(ON_BEHALF_OF_EMAIL) not in {None, caller.email}
    if script.language in QUERY_LANGUAGES and not acts_for_other:
        version = await scripts.version(parts.database.single, caller.workspace, script.hash)
        content = "" if version is None else version.content
        return await answer_inline(
            parts, caller, request, language=script.language, content=content, path=script.path, args=args
        )
    submitted = await submit(parts, caller, request, of_script(script), args=args, query=RunQuery())
    return await waited(parts, caller, request, submitted, errors_as_text=True)


def _args_of(raw: Raw) -> bytes:
    text = bytes(raw)
    return b"{}" if text == b"null" else require_object(text, what="args")


async def _submit_preview(parts: Parts, caller: Principal, request: Request, query: RunQuery) -> Submitted:
    return await _submit(parts, caller, request, await _read_preview(parts, caller, request), query)


def _require_preview(caller: Principal) -> None:
    permit.require(caller, Action.PREVIEW, _JOB_SCOPE)


_MAY_PREVIEW: Final = ByIdentity(_require_preview)


async def _read_preview(parts: Parts, caller: Principal, request: Request) -> Preview:
    _MAY_PREVIEW(caller)
    preview = decode(await read_json(request, max_bytes=parts.values.max_bytes), Preview)
    if preview.language not in QUERY_LANGUAGES:
        load_language(preview.language)
    if preview.kind not in {None, "", "code"}:
        raise Unsupported(f"Previews of the kind {preview.kind[:40]!r} are not supported: send 'content'.")
    if bytes(preview.modules).strip() not in _NOTHING:
        raise Unsupported("Previews with 'modules' are not supported: deploy the other scripts first.")
    return preview


async def _submit(parts: Parts, caller: Principal, request: Request, preview: Preview, query: RunQuery) -> Submitted:
    runnable = Runnable(
        kind="preview",
        language=preview.language,
        path=parse_path(preview.path).text if preview.path else None,
        content=preview.content,
        lock=preview.lock,
        tag=preview.tag or None,
        options=await options_for(parts, caller, preview.temp_script_refs),
    )
    return await submit(parts, caller, request, runnable, args=_args_of(preview.args), query=query)


async def _submit_dependencies(parts: Parts, caller: Principal, request: Request, body: Dependencies) -> Submitted:
    permit.require(caller, Action.PREVIEW, _JOB_SCOPE)
    if len(body.raw_scripts) != 1:
        raise BadRequest("raw_scripts must hold exactly one script.")
    if bytes(body.raw_workspace_dependencies).strip() not in {b"null", b"{}", b"[]"}:
        raise Unsupported("'raw_workspace_dependencies' is not supported: put requirements into the script itself.")
    script = body.raw_scripts[0]
    load_language(script.language)
    path = script.script_path or script.path or body.entrypoint
    runnable = Runnable(
        kind="dependencies",
        language=script.language,
        path=parse_path(path).text if path else None,
        content=script.raw_code,
        tag="dependency",
        options=await options_for(parts, caller, body.temp_script_refs),
    )
    return await submit(parts, caller, request, runnable, args=b"{}", query=RunQuery())
