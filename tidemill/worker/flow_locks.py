"""Locks the scripts that stand in a flow, so that it runs with the same dependencies for ever."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tidemill.db.queue import ClaimedJob
from tidemill.languages import QUERY_LANGUAGES
from tidemill.model import writtenjson
from tidemill.model.errors import BadRequest, LockFailed
from tidemill.model.flow import InlineScript, Step, all_steps
from tidemill.model.flow_reading import read_flow
from tidemill.model.writtenjson import JsonValue

Resolve = Callable[[ClaimedJob], Awaitable[str]]
"""Gives the lock of a job's source."""


async def locked_flow(job: ClaimedJob, resolve: Resolve) -> bytes:
    """The value of the flow that `job` holds as its content, with a lock for each script that stands in it.

    Of a version that is deployed, locks that it came with stay; where it is not deployed, all are made anew.

    Raises:
        LockFailed: the dependencies of one cannot be resolved; the message names the step.
    """
    raw = (job.content or "").encode()
    value = writtenjson.loads(raw)
    for step in all_steps(read_flow(raw)):
        if not isinstance(step.kind, InlineScript) or step.kind.language in QUERY_LANGUAGES:
            continue
        if job.script_hash is None or step.kind.lock is None:
            _put(value, f"{step.place}/value/lock", await _lock_of(job, step, step.kind, resolve))
    return writtenjson.dumps(value)


async def _lock_of(job: ClaimedJob, step: Step, script: InlineScript, resolve: Resolve) -> str:
    path = script.path or f"{job.script_path or 'flow'}/{step.id}"
    one = replace(job, language=script.language, content=script.content, script_path=path, script_hash=None)
    try:
        return await resolve(one)
    except (LockFailed, BadRequest) as error:
        raise LockFailed(f"{step.place} (step '{step.id}'): {error}") from error


def _put(value: JsonValue, place: str, text: str) -> None:
    """Set the member at a JSON pointer."""
    *way, last = place.split("/")[1:]
    for key in way:
        value = value[int(key)] if isinstance(value, list) else value[key]  # type: ignore[index]
    assert isinstance(value, dict)
    value[last] = text
