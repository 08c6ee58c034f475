"""One round of a workflow in code: the client library runs it up to what its checkpoint does not hold."""

from __future__ import annotations

import asyncio
import contextlib

from .bootstrap import Suspended, prepared
from .results import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import ModuleType
    from typing import Any

STEP_COMPLETE = "step_complete"
_SIGNALS = ("_StepSuspend", "_StepFailure")


def run_round(module: ModuleType, name: str, args: dict[str, Any], checkpoint: dict[str, Any]) -> object:
    """What the workflow returns, or `Suspended`. In the job of a task: what the task returns."""
    import wmill.client

    client: Any = wmill.client  # what it is run with is no part of its typed face
    function, positional, taken = prepared(module, name, args)
    last: dict[str, Any] = {}

    async def called(**given: Any) -> object:
        result = function(*positional, **given)
        return await result if hasattr(result, "__await__") else result

    async def watched(**given: Any) -> object:
        try:
            return await _up_to_a_signal(client, called(**given))
        except client._StepSuspend as suspended:
            last.update(suspended.dispatch_info)
            raise

    told = client._run_workflow(watched, checkpoint, taken)
    executing = checkpoint.get("_executing_key")
    if executing is not None and last.get("mode") != STEP_COMPLETE:
        raise Refused(
            f"The workflow did not come to its task {executing!r} again: given the same results, it must call the same "
            "tasks in the same order. What changes from run to run belongs into a step()."
        )
    if told["type"] == "complete":
        return told["result"]
    if last.get("self_approval_disabled"):
        told = {**told, "self_approval_disabled": True}
    return Suspended(told)


async def _up_to_a_signal(client: Any, body: Coroutine[Any, Any, object]) -> object:
    """What `body` returns, or the first signal of the client that it comes to, which ends the round whatever becomes of
    it: code that keeps exceptions (`gather` with `return_exceptions`) would take it for the result of a task."""
    signal: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
    for kind in filter(None, (getattr(client, name, None) for name in _SIGNALS)):
        kind.__init__ = _noted(kind.__init__, signal)
    running = asyncio.ensure_future(body)
    ends: set[asyncio.Future[Any]] = {running, signal}
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    if not signal.done():
        return running.result()
    running.cancel()
    with contextlib.suppress(BaseException):
        await running
    raise signal.result()


def _noted(init: Any, signal: asyncio.Future[BaseException]) -> Any:
    def noting(self: BaseException, *args: Any) -> None:
        init(self, *args)
        if not signal.done():
            signal.set_result(self)

    return noting
