"""Who may answer a request for approvals, and what follows from the answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from tidemill.engine.flow.commands import Answered, Names
from tidemill.engine.flow.progress import Progress, error_json, place_in
from tidemill.engine.flow.state import Verdict
from tidemill.model import jsontext
from tidemill.model.errors import ExpressionFailed
from tidemill.model.flow import Static, Suspend

ANONYMOUS: Final = "anonymous"
_NULL: Final = b"null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer. `payload` is the JSON text that was sent with it; `email` is "" where nobody was signed in."""

    id: int
    approved: bool
    payload: bytes = _NULL
    approver: str = ANONYMOUS
    email: str = ""
    groups: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Who may answer. `groups`: members of one of these, None: anybody; `starter`: whom the flow runs as."""

    needs_account: bool = False
    groups: tuple[str, ...] | None = None
    no_self_approval: bool = False
    starter: str = ""

    def refusal(self, *, email: str, groups: frozenset[str]) -> str:
        """Why somebody may not answer, as a sentence; "" when they may. `email` is "" for who is not signed in."""
        if not email and (self.needs_account or self.groups or self.no_self_approval):
            return (
                "Only members of the workspace who are signed in may answer this: open the approval page and sign in."
            )
        if self.groups and not groups & set(self.groups):
            return f"Only members of these groups may answer this: {', '.join(self.groups)}."
        if self.no_self_approval and email == self.starter:
            return "Whoever started the flow may not answer this."
        return ""


def rules_of(suspend: Suspend, *, groups: tuple[str, ...] | None, starter: str) -> Rules:
    """The rules of a step that is waited after; `groups` as its transform gave them."""
    return Rules(
        needs_account=suspend.needs_account,
        groups=groups or None,
        no_self_approval=suspend.no_self_approval,
        starter=starter,
    )


def groups_of(run: Progress, suspend: Suspend, names: Names) -> tuple[str, ...] | None:
    """The groups whose members may answer; None: everybody may.

    Raises:
        ExpressionFailed: what the transform gives is no list of names.
    """
    if suspend.groups is None:
        return None
    place = place_in(run.step, "/suspend/user_groups_required")
    return group_names(run.value(suspend.groups, names, place), place)


def static_groups(suspend: Suspend) -> tuple[str, ...] | None:
    """As `groups_of`, before the step has ended.

    Raises:
        ExpressionFailed: they are not known before, or are no list of names.
    """
    if suspend.groups is None:
        return None
    if not isinstance(suspend.groups, Static):
        raise ExpressionFailed("Who may answer is known once the step has ended.")
    return group_names(suspend.groups.value, "user_groups_required")


def group_names(raw: bytes, place: str) -> tuple[str, ...] | None:
    """A list of names, with or without `g/` before each; None for null."""
    try:
        found = msgspec.json.decode(raw, type=list[str] | None)
    except msgspec.DecodeError as error:
        shown = raw[:60].decode(errors="replace")
        raise ExpressionFailed(f"{place} must give a list of the names of groups; it gave {shown}.") from error
    if found is not None and any("\0" in name for name in found):
        raise ExpressionFailed(f"{place} must give a list of the names of groups; one holds the character NUL.")
    return None if found is None else tuple(name.removeprefix("g/") for name in found)


def tally(answers: Sequence[Answer], rules: Rules, *, step: str, is_late: bool) -> tuple[Answered, tuple[Answer, ...]]:
    """What the answers come to, and those that count: an answer that was given before the step ended may not."""
    counted = tuple(each for each in answers if not rules.refusal(email=each.email, groups=each.groups))
    refused_by = next((each.approver for each in counted if not each.approved), None)
    approvals = sum(each.approved for each in counted)
    return Answered(step=step, approvals=approvals, refused_by=refused_by, is_late=is_late), counted


def verdict_of(event: Answered, *, required: int) -> Verdict | None:
    """How waiting ends; None: it does not yet. One who disapproves decides."""
    if event.refused_by is not None:
        return Verdict.DISAPPROVED
    if event.approvals >= required:
        return Verdict.APPROVED
    return Verdict.TIMED_OUT if event.is_late else None


def error_of(verdict: Verdict, *, step: str, by: str | None) -> bytes:
    """The error that a level fails with, and that `resume` is where the flow goes on all the same."""
    if verdict is Verdict.TIMED_OUT:
        return error_json("ApprovalTimeout", f"Nobody approved in time after step '{step}'.")
    return error_json("Disapproved", f"What step '{step}' asked for was disapproved by {by or ANONYMOUS}.")


def value_of(name: str, verdict: Verdict, answers: Sequence[Answer], *, step: str) -> bytes:
    """What an expression sees under `resume`, `resumes` or `approvers` after the wait, as JSON text."""
    approvals = [each for each in answers if each.approved]
    if name == "approvers":
        return jsontext.dumps([each.approver for each in approvals])
    if name == "resumes":
        return b"[%s]" % b",".join(each.payload for each in approvals)
    if verdict is Verdict.APPROVED:
        return approvals[-1].payload if approvals else _NULL
    by = next((each.approver for each in answers if not each.approved), None)
    return error_of(verdict, step=step, by=by)
