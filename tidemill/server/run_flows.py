"""Running flows: finds the version that a request names, decides, and submits its job."""

from dataclasses import replace

import msgspec
from msgspec import Raw
from starlette.requests import Request

from tidemill.db.flows import FlowVersion
from tidemill.engine import permit
from tidemill.engine.flow.job_settings import FLOW_TAG, job_settings
from tidemill.engine.flow.single_step import around_step, single_step
from tidemill.engine.permit import Action, Item, ItemKind, Need, WorkspaceTarget
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest
from tidemill.model.flow import Flow
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.model.job import JobKind
from tidemill.model.path import parse_path
from tidemill.server.arguments import Shape, arguments, require_object, webhook
from tidemill.server.enqueue import Runnable, RunQuery, Submitted, is_webhook, preprocessed, retry_policy, submit
from tidemill.server.flow_deploy import checked_flow
from tidemill.server.flows_seen import flow_version, latest_flow
from tidemill.server.local_refs import options_for
from tidemill.server.objects.form_files import FormFiles
from tidemill.server.parts import Parts
from tidemill.server.wire import decode, read_json


class FlowPreview(msgspec.Struct, kw_only=True):
    """A flow that is run without being deployed."""

    value: Raw
    path: str | None = None
    args: Raw = msgspec.field(default_factory=lambda: Raw(b"{}"))
    tag: str | None = None
    temp_script_refs: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))


async def run_flow(
    parts: Parts,
    caller: Principal,
    request: Request,
    named: str | int,
    *,
    query: RunQuery,
    wanted: Shape,
) -> Submitted:
    """Put a job of a flow into the queue: of the path `named`, or of the version.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        Denied: the caller may not run it.
        BadRequest: the arguments cannot be read.
    """
    if isinstance(named, str):
        path = parse_path(named)
        permit.require_scope(caller, "jobs", "run", path=path.text, kind="flows")
        flow = await latest_flow(parts, caller, named, action=Action.RUN)
        if flow.archived:
            raise permit.not_found(Item(ItemKind.FLOW, path))
    else:
        if query.retry is not None:
            raise BadRequest("retry repeats the newest version of a flow: run it by its path.")
        flow = await flow_version(parts, caller, named, action=Action.RUN)
        permit.require_scope(caller, "jobs", "run", path=flow.path, kind="flows")
    max_bytes = parts.values.max_bytes
    async with FormFiles(parts.objects, caller) as files:
        found = read_flow(flow.value)
        runnable = of_flow(flow, found)
        if found.preprocessor is not None and is_webhook(caller, query):
            if query.retry is not None:
                raise BadRequest("retry repeats a flow with its input: leave it out, or send skip_preprocessor=true.")
            runnable = preprocessed(runnable)
            args, sent = await webhook(request, wanted, max_bytes=max_bytes, keep_file=files.put)
        else:
            args = sent = await arguments(request, wanted, schema=flow.schema, max_bytes=max_bytes, keep_file=files.put)
        if query.retry is not None:
            runnable, query = _repeated(runnable, args, query), replace(query, retry=None)
        submitted = await submit(
            parts, caller, request, runnable, args=args, query=query, identity=files.identity_of(sent)
        )
        if not submitted.is_repeat:
            files.keep()
    return submitted


def _repeated(flow: Runnable, args: bytes, query: RunQuery) -> Runnable:
    """The newest version of a flow, repeated as a whole as the query says."""
    policy = retry_policy(query.retry, flow.on_worker_loss)
    if policy is None or flow.path is None:
        return flow
    content = single_step(flow.path, arguments=jsontext.object_fields(args), retry=policy.raw)
    kind = JobKind.SINGLE_STEP_FLOW
    settings = around_step(flow.settings)
    return replace(flow, kind=kind, script_hash=None, content=content.decode(), early_return=None, settings=settings)


def of_flow(flow: FlowVersion, found: Flow | None = None) -> Runnable:
    """One version of a flow; `found` is what it says, where that was read already."""
    found = found or read_flow(flow.value)
    return Runnable(
        kind="flow",
        language=None,
        path=flow.path,
        script_hash=flow.id,
        tag=flow.tag or FLOW_TAG,
        settings={**flow.settings, **job_settings(found)},
        labels=flow.labels,
        early_return=found.early_return,
    )


async def submit_flow_preview(parts: Parts, caller: Principal, request: Request, query: RunQuery) -> Submitted:
    """Put a job of a flow that is not deployed into the queue.

    Raises:
        BadRequest, Denied: something about it does not fit; the message says what.
    """
    permit.require(caller, Action.PREVIEW, WorkspaceTarget("jobs", Need.DEVELOPER))
    if query.retry is not None:
        raise BadRequest("retry repeats a flow that is deployed: give a policy to the steps of a preview.")
    preview = decode(await read_json(request, max_bytes=parts.values.max_bytes), FlowPreview)
    raw = bytes(preview.value)
    flow = await checked_flow(raw)
    runnable = Runnable(
        kind="flowpreview",
        language=None,
        path=parse_path(preview.path).text if preview.path else None,
        content=raw.decode(),
        tag=preview.tag or FLOW_TAG,
        settings=job_settings(flow),
        options=await options_for(parts, caller, preview.temp_script_refs),
        early_return=flow.early_return,
    )
    args = bytes(preview.args)
    args = b"{}" if args == b"null" else require_object(args, what="args")
    return await submit(parts, caller, request, runnable, args=args, query=query)
