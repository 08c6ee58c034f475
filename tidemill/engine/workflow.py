"""Workflows in code: what a round of one says, and what the next one is given.

A workflow is a script that runs from its start in every round. What it has come to stands in its checkpoint, by the
keys that the client library gives out; at the first thing that is not there it ends the round, and says what it waits
for.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Raw

from tidemill.engine.flow.approval import Rules
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest
from tidemill.model.path import check_name

MOST_STARTED: Final = 500
"""So many tasks one round starts; the rest is asked for again when these have ended."""
MOST_STEPS: Final = 10_000
"""A workflow comes to so many steps: all of them are given to each round."""
MOST_STEP_BYTES: Final = 16 * 1024 * 1024
"""What one step gives, as JSON."""
_MOST_KEY_CHARS: Final = 500
_MOST_EXTRA_BYTES: Final = 64 * 1024
_BOUND: Final = 1 << 47
_NULL: Final = b"null"
_MOST_SECONDS: Final = 2**32 - 1

Seconds = Annotated[float, msgspec.Meta(ge=0, le=10 * 366 * 86400)]


class TaskCall(msgspec.Struct, frozen=True, kw_only=True):
    """A task that is to be started. `inline`: a function of the workflow itself, unless `script` is a path."""

    key: str
    name: str = ""
    script: str = ""
    args: Raw = Raw(b"{}")
    dispatch_type: Literal["inline", "script", "flow"] = "inline"
    timeout: Seconds | None = None
    tag: str | None = None
    cache_ttl: Seconds | None = None
    priority: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    concurrent_limit: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] | None = None
    concurrency_key: str | None = None
    concurrency_time_window_s: Seconds | None = None

    @property
    def is_own(self) -> bool:
        """Whether it is a function of the workflow itself."""
        return self.dispatch_type == "inline" and "/" not in self.script


class Tasks(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="dispatch"):
    """The workflow waits for tasks."""

    steps: list[TaskCall]


class StepDone(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="inline_checkpoint"):
    """A step has given something, which is to be kept before the workflow goes on."""

    key: str
    result: Raw = Raw(_NULL)
    started_at: datetime | None = None
    duration_ms: int | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="approval"):
    """The workflow waits for an answer."""

    key: str
    timeout: Seconds | None = None
    form: Raw = Raw(_NULL)
    skin: str | None = None
    description: Raw = Raw(_NULL)
    self_approval_disabled: bool = False


class Sleep(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="sleep"):
    """The workflow waits for a time."""

    key: str
    seconds: float


Suspension = Tasks | StepDone | Approval | Sleep
_SUSPENSION: Final = msgspec.json.Decoder(Suspension)


class Asks(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an approval asks, as it is kept."""

    form: Raw = Raw(_NULL)
    skin: str | None = None
    description: Raw = Raw(_NULL)
    self_approval: bool = True

    def rules(self, *, starter: str) -> Rules:
        """Who may answer."""
        return Rules(no_self_approval=not self.self_approval, starter=starter)


@dataclass(frozen=True, slots=True)
class Task:
    """One task that a job is to run, of those that a round of a workflow has started."""

    key: str
    round: int


def read_suspension(raw: bytes) -> Suspension:
    """What a round of a workflow says that it waits for.

    Raises:
        BadRequest: it cannot be understood, or something in it is too large.
    """
    try:
        found: Suspension = _SUSPENSION.decode(raw)
    except msgspec.DecodeError as error:
        raise BadRequest(f"What the workflow waits for cannot be understood: {error}") from error
    for key in [call.key for call in found.steps] if isinstance(found, Tasks) else [found.key]:
        check_key(key)
    if isinstance(found, Tasks) and not found.steps:
        raise BadRequest("The workflow waits for tasks, and names none.")
    for call in found.steps if isinstance(found, Tasks) else []:
        if call.tag:
            check_name("tag", call.tag)
    if isinstance(found, Sleep) and not 0 <= found.seconds <= _MOST_SECONDS:
        raise BadRequest(f"A workflow sleeps for 0 to {_MOST_SECONDS} seconds.")
    return found


def check_key(key: str) -> None:
    """Whether a step can be kept under `key`.

    Raises:
        BadRequest: it is too long, or holds a NUL.
    """
    if not key or len(key) > _MOST_KEY_CHARS or "\0" in key:
        raise BadRequest(f"The name of a step of a workflow has 1 to {_MOST_KEY_CHARS} characters, and no NUL.")


def asks_of(approval: Approval) -> Asks:
    """What an approval asks, without what only the waiting needs."""
    return Asks(
        form=approval.form,
        skin=approval.skin,
        description=approval.description,
        self_approval=not approval.self_approval_disabled,
    )


def checkpoint(values: Mapping[str, bytes], *, executing: str | None = None) -> bytes:
    """The checkpoint of a round, as JSON; with `executing` it is for the job of that task."""
    fields = {"completed_steps": jsontext.build_object(values)}
    if executing is not None:
        fields["_executing_key"] = jsontext.dumps(executing)
    return jsontext.build_object(fields)


def answered(*, approved: bool, approver: str | None, payload: bytes) -> bytes:
    """What a workflow is given of an approval that was answered."""
    return jsontext.build_object(
        {
            "value": payload,
            "approver": jsontext.dumps(approver),
            "approved": jsontext.dumps(approved),
        }
    )


def failed_task(key: str, result: bytes, *, job: str) -> bytes:
    """The failure of a task as a workflow is given it; `result` is that of its job."""
    return _failure(key, _error_of(result, f"Task '{key}' failed."), child=job)


def failed_step(key: str, sent: Raw | bytes) -> bytes | None:
    """The failure of a step as it is kept, from what the client sent; None where that is no failure."""
    fields = _object(bytes(sent))
    if fields is None or fields.get("__wmill_error") != b"true":
        return None
    return _failure(key, _error_of(fields.get("result", _NULL), f"Step '{key}' failed."), child=None)


def _failure(key: str, error: dict[str, bytes], *, child: str | None) -> bytes:
    fields = {
        "__wmill_error": b"true",
        "message": error["message"],
        "step_key": jsontext.dumps(key),
        "result": jsontext.build_object({"error": jsontext.build_object(error)}),
    }
    if child is not None:
        fields["child_job_id"] = jsontext.dumps(child)
    return jsontext.build_object(fields)


def _error_of(result: bytes, otherwise: str) -> dict[str, bytes]:
    """`name` and `message` of a failure and, where there are any, `stack` and `extra`."""
    found = _object(result) or {}
    error = _object(found.get("error", _NULL))
    if error is None:
        return {"name": b'"TaskFailed"', "message": jsontext.dumps(otherwise), **_extra(result)}
    kept = {
        "name": _text(error.get("name"), "Error"),
        "message": _text(error.get("message"), otherwise),
    }
    if "stack" in error:
        kept["stack"] = _text(error["stack"], "")
    return kept | _extra(error.get("extra", _NULL))


def _extra(raw: bytes) -> dict[str, bytes]:
    if raw.strip() == _NULL:
        return {}
    return {"extra": raw} if len(raw) <= _MOST_EXTRA_BYTES else {"extra_omitted": b"true"}


def _text(raw: bytes | None, otherwise: str) -> bytes:
    return raw if raw is not None and raw.startswith(b'"') else jsontext.dumps(otherwise)


def _object(raw: bytes) -> dict[str, bytes] | None:
    return jsontext.object_fields(raw) if raw.lstrip().startswith(b"{") else None


def bound_number(key: str) -> int:
    """The number of the link that answers the approval `key` of a workflow, and no other."""
    return _BOUND | int.from_bytes(hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:6]) & (_BOUND - 1)


def is_bound(number: int) -> bool:
    """Whether a link is for one approval alone; the others are for the next one that a workflow asks for."""
    return number >= _BOUND


def answers_to(key: str) -> str:
    """What the answers by the link of an approval are kept under."""
    return link_step(bound_number(key))


def link_step(number: int) -> str:
    """What the answers by a link that is bound are kept under."""
    return f"link {number}"


def starts_now(calls: Iterable[TaskCall]) -> list[TaskCall]:
    """Those tasks that one round starts."""
    return list(calls)[:MOST_STARTED]
