"""Running jobs again: the same version (or the newest) with the same arguments, as whoever asks."""

from typing import Annotated, Final
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import jobs, scripts
from tidemill.db.jobs import WholeJob
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind, Need, WorkspaceTarget
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, Unsupported
from tidemill.model.identity import Principal
from tidemill.model.job import JobKind
from tidemill.model.path import parse_path
from tidemill.server.enqueue import KEY_HEADER, Runnable, RunQuery, of_script, preprocessed, submit, submit_all
from tidemill.server.flow_restart import runnable_flow
from tidemill.server.jobs_seen import not_there, parse_job_id
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_body, text_answer

router = APIRouter(tags=["job"], responses=ERRORS, route_class=LazyRoute)

_MOST: Final = 200
_WHOLE_FLOWS: Final = frozenset({JobKind.FLOW, JobKind.FLOW_PREVIEW})


class Transform(msgspec.Struct):
    """Where the new value of an argument comes from; only `static` values can be given."""

    type: str
    value: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))


class Options(msgspec.Struct):
    """How jobs of one script are run again."""

    input_transforms: dict[str, Transform] = {}
    use_latest_version: bool = False


class Rerun(msgspec.Struct):
    """The jobs to run again, and how, by the path of what they ran."""

    job_ids: list[str]
    script_options_by_path: dict[str, Options] = {}
    flow_options_by_path: dict[str, Options] = {}


@router.post(
    "/api/w/{workspace}/jobs/run/batch_rerun_jobs",
    response_class=Response,
    responses={200: {**TEXT, "description": "The ids of the new jobs, one a line."}},
    openapi_extra=accepts(Rerun),
)
async def rerun_jobs(
    parts: InParts, caller: Caller, request: Request, body: Annotated[Rerun, Depends(json_body(Rerun))]
) -> Response:
    """Run jobs again, each as a new job: all of them, or none."""
    if len(body.job_ids) > _MOST:
        raise BadRequest(f"At most {_MOST} jobs at a time; these are {len(body.job_ids)}.")
    if len(body.job_ids) > 1 and KEY_HEADER in request.headers:
        raise BadRequest(f"An {KEY_HEADER} stands for one job: send one job id with each.")
    prepared = [await _prepared(parts, caller, text, body) for text in body.job_ids]
    if len(prepared) == 1:
        ((runnable, args),) = prepared
        about = body.job_ids[0]
        started = [(await submit(parts, caller, request, runnable, args=args, query=RunQuery(), about=about)).id]
    else:
        started = await submit_all(parts, caller, prepared)
    return text_answer("\n".join(map(str, started)))


async def _prepared(parts: Parts, caller: Principal, text: str, body: Rerun) -> tuple[Runnable, bytes]:
    """What a job ran and its arguments, once it is clear that the caller may see and run both."""
    job_id: UUID = parse_job_id(text)
    job = await jobs.by_id(parts.database.single, caller.workspace, job_id)
    if job is None:
        raise not_there(job_id)
    permit.require(caller, Action.READ, jobs.target_of(job))
    by_path = body.flow_options_by_path if job.kind in _WHOLE_FLOWS else body.script_options_by_path
    options = by_path.get(job.script_path or "", Options())
    raw = await parts.values.fetch(job.args, job.args_object) or b"{}"
    runnable = await _runnable(parts, caller, job, options)
    if job.settings.get("preprocess"):  # its arguments are still the event
        runnable = preprocessed(runnable)
    return runnable, _with_changes(raw, options)


async def _runnable(parts: Parts, caller: Principal, job: WholeJob, options: Options) -> Runnable:
    if job.settings.get("deleted"):
        raise BadRequest(f"What job {job.id} held was erased: it cannot be run again.")
    if job.kind == "preview" and job.content is not None and job.language is not None:
        permit.require(caller, Action.PREVIEW, WorkspaceTarget("jobs", Need.DEVELOPER))
        return Runnable(
            kind="preview",
            language=job.language,
            path=job.script_path,
            content=job.content,
            lock=job.lock,
            tag=job.tag,
            on_worker_loss=job.on_worker_loss,
        )
    if job.kind in _WHOLE_FLOWS:
        return await runnable_flow(parts, caller, job, None if options.use_latest_version else job.script_hash)
    if job.kind != "script" or job.script_hash is None or job.script_path is None:
        raise Unsupported(
            f"Job {job.id} is of the kind {job.kind!r}: only scripts, flows and previews can be run again."
        )
    item = Item(ItemKind.SCRIPT, parse_path(job.script_path))
    single, workspace = parts.database.single, caller.workspace
    if options.use_latest_version:
        script = await scripts.seen_head(single, workspace, job.script_path)
    else:
        script = await scripts.seen_version(single, workspace, job.script_hash)
    if script is None or script.deleted:
        raise permit.not_found(item)
    permit.require(caller, Action.RUN, Item(ItemKind.SCRIPT, parse_path(script.path), script.shares))
    return of_script(script)


def _with_changes(raw: bytes, options: Options) -> bytes:
    if not options.input_transforms:
        return raw
    fields = jsontext.object_fields(raw)
    for name, transform in options.input_transforms.items():
        if transform.type != "static":
            raise Unsupported(f"The argument {name[:80]!r} can only be given a static value.")
        fields[name] = bytes(transform.value)
    return jsontext.build_object(fields)
