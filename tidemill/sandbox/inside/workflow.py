"""One round of a workflow in code: the client library runs it up to what its checkpoint does not hold."""

from __future__ import annotations

from .bootstrap import Suspended, prepared
from .results import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

STEP_COMPLETE = "step_complete"


def run_round(module: ModuleType, name: str, args: dict[str, Any], checkpoint: dict[str, Any]) -> object:
    """What the workflow returns, or `Suspended`. In the job of a task: what the task returns."""
    import wmill.client

    client: Any = wmill.client  # what it is run with is no part of its typed face
    function, positional, taken = prepared(module, name, args)
    last: dict[str, Any] = {}

    async def watched(**given: Any) -> object:
        try:
            result = function(*positional, **given)
            return await result if hasattr(result, "__await__") else result
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
