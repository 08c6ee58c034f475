"""What asks for an answer, as the wire has it."""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tidemill.db.approvals import Given
from tidemill.engine.flow.approval import Rules
from tidemill.model import writtenjson
from tidemill.model.writtenjson import JsonValue
from tidemill.server.job_wire import QueuedJob


class ResumeUrls(msgspec.Struct, rename={"approval_page": "approvalPage"}):
    """Where somebody answers: the page for people, and the addresses that it calls."""

    approval_page: str
    resume: str
    cancel: str


class ApproverOut(msgspec.Struct):
    """Who has approved."""

    resume_id: int
    approver: str


class SuspendedFlow(msgspec.Struct):
    """A flow that waits, and who has approved so far."""

    job: QueuedJob
    approvers: list[ApproverOut]


class Conditions(msgspec.Struct):
    """Who may answer."""

    user_auth_required: bool
    user_groups_required: list[str]
    self_approval_disabled: bool


class ApprovalInfo(msgspec.Struct, kw_only=True):
    """What asks for an answer. `required` is how many are wanted; `reason` tells why the caller may not answer."""

    flow_id: str
    can_approve: bool
    user_auth_required: bool
    approval_conditions: Conditions
    skin: Literal["detailed", "minimal"] = "detailed"
    approvers: list[ApproverOut]
    required: int
    hide_cancel: bool = False
    form_schema: Raw | UnsetType = UNSET
    description: Raw | UnsetType = UNSET
    step_summary: str | UnsetType = UNSET
    flow_summary: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Resume(msgspec.Struct, kw_only=True):
    """An answer. Without `approval_token` it is that of the member who is signed in."""

    payload: Raw = msgspec.field(default_factory=lambda: Raw(b"null"))
    approval_token: str = ""
    approved: bool = True


def conditions(rules: Rules) -> Conditions:
    """The rules, as the wire has them."""
    return Conditions(rules.needs_account, list(rules.groups or ()), rules.no_self_approval)


def approvers(given: Sequence[Given]) -> list[ApproverOut]:
    """Those who approved."""
    return [ApproverOut(each.resume_id, each.approver) for each in given if each.approved]


def form_of(schema: bytes, result: bytes) -> tuple[Raw | UnsetType, Raw | UnsetType]:
    """The form and the description of a request.

    What the step gives may fill in the form (`default_args`), offer choices (`enums`), and describe what is asked.
    """
    form, told = writtenjson.loads(schema), writtenjson.loads(result)
    if not isinstance(told, dict):
        told = {}
    if isinstance(form, dict) and isinstance(fields := form.get("properties"), dict):
        form["properties"] = {name: _filled_in(field, name, told) for name, field in fields.items()}
    shown = UNSET if form is None else Raw(writtenjson.dumps(form))
    return shown, Raw(writtenjson.dumps(told["description"])) if "description" in told else UNSET


def _filled_in(field: JsonValue, name: str, told: dict[str, JsonValue]) -> JsonValue:
    if not isinstance(field, dict):
        return field
    filled = dict(field)
    for member, key in (("default_args", "default"), ("enums", "enum")):
        given = told.get(member)
        if isinstance(given, dict) and name in given:
            filled[key] = given[name]
    return filled
