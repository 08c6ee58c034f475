"""Waiting for a job, and answering with its result as its script wants it answered."""

import re
from dataclasses import replace
from http import HTTPStatus
from typing import Final
from uuid import UUID

import anyio
import msgspec
from starlette.responses import Response

from tidemill.db import jobs
from tidemill.db.jobs import Outcome
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, WaitTimeout
from tidemill.server.errors import CODE_HEADER
from tidemill.server.flow_results import step_result
from tidemill.server.jobs_seen import not_there
from tidemill.server.parts import Parts
from tidemill.server.wire import raw_answer

JOB_HEADER: Final = "X-Tidemill-Job"
FAILED: Final = "job_failed"

_CONTROLS: Final = ("windmill_status_code", "windmill_content_type", "windmill_headers")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]{1,100}")
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e\t]{0,8000}")
_OURS: Final = re.compile(
    r"set-cookie2?|content-(length|type|encoding|security-policy.*)|transfer-encoding|connection|keep-alive|upgrade|"
    r"trailer|te|date|server|x-content-type-options|x-tidemill-.*|access-control-.*|strict-transport-security|"
    r"clear-site-data|service-worker-allowed|cross-origin-.*|proxy-.*|refresh|link|sourcemap|"
    # Those speak for the whole origin: browsers would report or send elsewhere what others ask of this server.
    r"nel|report-to|reporting-endpoints|alt-svc|public-key-pins.*|expect-ct|origin-.*|accept-ch|critical-ch|"
    r"speculation-rules|permissions-policy.*|document-policy.*|(www|proxy)-authenticate|x-frame-options",
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(r"html|xml|svg", re.IGNORECASE)


async def wait_for(
    parts: Parts, workspace: str, job_id: UUID, *, timeout_s: float, early_return: str | None = None
) -> Outcome:
    """How the job ended or, of a flow, what its step `early_return` gave once that has succeeded.

    Raises:
        WaitTimeout: it has not ended within `timeout_s`; it goes on.
        NotFound: it is not there (any more).
    """
    deadline = anyio.current_time() + timeout_s
    with parts.updates.watch(job_id) as watch:
        while True:
            outcome = await jobs.outcome(parts.database.single, workspace, job_id)
            if outcome is None:
                raise not_there(job_id)
            if outcome.status is not None:
                return outcome
            if early_return is not None:
                given = await step_result(parts, workspace, job_id, early_return, succeeded=True)
                if given is not None:
                    return replace(outcome, status="success", result=given, result_object=None)
            left_s = deadline - anyio.current_time()
            if left_s <= 0:
                raise WaitTimeout(
                    f"Job {job_id} has not ended within {timeout_s:g} s; it goes on. "
                    f"Ask for its result at /api/w/{workspace}/jobs_u/completed/get_result_maybe/{job_id}."
                )
            await watch.wait(left_s)


async def answer_of(parts: Parts, outcome: Outcome, *, errors_as_text: bool = False) -> Response:
    """The answer that tells the result. A failed job is answered with 500 and its `{"error": …}`.

    A result that is an object with `windmill_status_code`, `windmill_content_type` or `windmill_headers` shapes the
    answer; its member `result` is then the body. `errors_as_text`: for clients that show the body to their users.
    """
    raw = await parts.values.fetch(outcome.result, outcome.result_object) or b"null"
    headers = {JOB_HEADER: str(outcome.id)}
    is_success = outcome.status in {"success", "skipped"}
    if not is_success:
        headers[CODE_HEADER] = FAILED
        if errors_as_text:
            return Response(_error_text(raw), HTTPStatus.INTERNAL_SERVER_ERROR, headers, media_type="text/plain")
    status = HTTPStatus.OK if is_success else HTTPStatus.INTERNAL_SERVER_ERROR
    if b'"windmill_' in raw and raw.lstrip().startswith(b"{"):
        fields = jsontext.object_fields(raw)
        if any(name in fields for name in _CONTROLS):
            return _shaped(fields, headers, status)
    return raw_answer(raw, status=status, headers=headers)


class _Error(msgspec.Struct):
    name: str = "Error"
    message: str = ""


class _Failure(msgspec.Struct):
    error: _Error


def _error_text(raw: bytes) -> str:
    try:
        error = msgspec.json.decode(raw, type=_Failure).error
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")
    return f"{error.name}: {error.message}"


def _shaped(fields: dict[str, bytes], headers: dict[str, str], status: int) -> Response:
    code = jsontext.loads(fields.get("windmill_status_code", b"null"))
    content_type = jsontext.loads(fields.get("windmill_content_type", b"null"))
    wanted = jsontext.loads(fields.get("windmill_headers", b"null"))
    if code is not None and not (isinstance(code, int) and 200 <= code <= 599):
        raise BadRequest(
            f"The script answered with windmill_status_code {code!r}: it must be a number from 200 to 599."
        )
    if content_type is not None and not (isinstance(content_type, str) and _HEADER_VALUE.fullmatch(content_type)):
        raise BadRequest("The script answered with a windmill_content_type that is no content type.")
    headers = {**headers, **_headers(wanted), "Content-Security-Policy": "sandbox"}
    body = fields.get("result", b"null")
    if content_type is None:
        return Response(body, code or status, headers, media_type="application/json")
    value = msgspec.json.decode(body) if body.lstrip().startswith(b'"') else None
    if _MARKUP.search(content_type):
        content_type = "text/plain; charset=utf-8"  # nothing that a browser runs is answered under /api
    headers["Content-Type"] = content_type
    return Response(value.encode() if isinstance(value, str) else body, code or status, headers)


def _headers(wanted: object) -> dict[str, str]:
    """The headers that the script asks for. Those that protect a reader, or frame the answer, stay ours."""
    if wanted is None:
        return {}
    if not isinstance(wanted, dict):
        raise BadRequest("The script answered with windmill_headers that are no object of texts.")
    for name, value in wanted.items():
        if not _HEADER_NAME.fullmatch(name) or not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise BadRequest(f"The script answered with the header {name[:80]!r}, which is not one.")
        if _OURS.fullmatch(name):
            raise BadRequest(f"The script answered with the header {name[:80]!r}, which only the server may set.")
    return dict(wanted)
