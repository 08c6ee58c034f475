"""The one place that decides who may do what: (principal, action, target) -> decision.

How a route uses it: load the row by workspace and path; where there is none raise `not_found(target)`; then
`require(principal, action, target)`. What the caller may not know of raises the very same error as what is not there.
Lists ask `require(..., Action.LIST, Listing(...))`, narrow the SQL by `readable_owners`, and pass each row to `decide`.

Who may do what with an item at a path:

| action | who |
| --- | --- |
| read | owner of the path, reader of the folder, anybody named in `extra_perms`, admins |
| read a value (variable, resource) | the same, but operators only from inside of a job |
| run (script, flow, app) | the same as read |
| write, delete | owner, writer of the folder, named in `extra_perms` with true, admins |
| create | owner of `u/<user>`, writer of the folder, admins |
| move, share | owner of the path (the user, or an owner of the folder), admins; never a job |

Operators change nothing that runs; variables and resources they change only from inside of a job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from tidemill.engine import scopes
from tidemill.engine.credential import JOB_SUBJECTS, refusal_of, scope_reason
from tidemill.engine.rights import FolderRow, Readable, folder_rights, member_keys, readable_owners
from tidemill.engine.target import (
    NO_SHARES,
    READS,
    AccountTarget,
    Action,
    Folder,
    Group,
    InstanceTarget,
    Item,
    ItemKind,
    JobTarget,
    Listing,
    Need,
    Target,
    WorkspaceTarget,
    not_found,
)
from tidemill.model.errors import Denied
from tidemill.model.identity import FolderRight, Principal, Role
from tidemill.model.path import Path

__all__ = [
    "DEPLOYERS",
    "JOB_SUBJECTS",
    "AccountTarget",
    "Action",
    "Decision",
    "Folder",
    "FolderRow",
    "Group",
    "InstanceTarget",
    "Item",
    "ItemKind",
    "JobTarget",
    "Listing",
    "Need",
    "Readable",
    "Target",
    "WorkspaceTarget",
    "decide",
    "folder_rights",
    "member_keys",
    "not_found",
    "readable_owners",
    "require",
    "require_scope",
    "sees_runs_at",
]

DEPLOYERS: Final = "wm_deployers"
"""The group whose members may deploy what runs as somebody else."""
_ON_PATHS: Final = READS | {Action.RUN, Action.CREATE, Action.WRITE, Action.DELETE, Action.MOVE, Action.SHARE}


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, whether the caller may know that the target is there, and why, as a sentence."""

    allowed: bool
    visible: bool
    reason: str


_YES: Final = Decision(allowed=True, visible=True, reason="")
_HIDDEN: Final = Decision(allowed=False, visible=False, reason="There is nothing that the caller may know of.")


def decide(principal: Principal, action: Action, target: Target) -> Decision:
    """Whether `principal` may do `action` to `target`. What no rule allows is refused."""
    refusal = refusal_of(principal, action, target)
    match target:
        case Item():
            decision = _item(principal, action, target)
        case JobTarget():
            decision = _job(principal, action, target)
        case Folder():
            decision = _folder(principal, action, target)
        case Group():
            decision = _group(principal, action, target)
        case Listing() | WorkspaceTarget():
            decision = _workspace(principal, action, target)
        case AccountTarget():
            decision = _account(principal, action, target)
        case InstanceTarget():
            decision = _instance(principal, action, target)
        case _:
            assert_never(target)
    if refusal == "":
        return decision
    visible = decision.visible and (action is Action.CREATE or _may_know(principal, target))
    return Decision(allowed=False, visible=visible, reason=refusal)


def require(principal: Principal, action: Action, target: Target) -> None:
    """Return when it is allowed.

    Raises:
        NotFound: the caller may not know of the target; the same error as `not_found(target)`.
        Denied: the caller may know of it, but not do this; the message says what is lacking.
    """
    decision = decide(principal, action, target)
    if decision.allowed:
        return
    if not decision.visible:
        raise not_found(target, workspace=principal.workspace)
    raise Denied(decision.reason)


def require_scope(principal: Principal, domain: str, action: str, *, path: str | None = None, kind: str = "") -> None:
    """Check the scopes of the token before anything is looked up, so that the answer tells nothing of what is there.

    Raises:
        Denied: the token has scopes and none covers the call; the message names the one that would.
    """
    if not scopes.permits(principal.credential.scopes, domain, action, path=path, kind=kind):
        raise Denied(scope_reason(domain, action, path, kind))


def _item(principal: Principal, action: Action, item: Item) -> Decision:
    right = _path_right(principal, item.path, item.extra_perms)
    if action is Action.CREATE:
        # The path was named by the caller, so a refusal tells nothing; the item's own shares do not exist yet.
        right = _path_right(principal, item.path, NO_SHARES)
        if principal.role is None and not principal.is_admin:
            return _HIDDEN
    elif right is None:
        return _HIDDEN
    if action not in _ON_PATHS:
        return _no(f"Nobody may {action} a {item.kind}.")
    if action is Action.RUN and item.kind not in {ItemKind.SCRIPT, ItemKind.FLOW, ItemKind.APP}:
        return _no(f"A {item.kind} cannot be run.")
    if (refusal := _operator_refusal(principal, action, item.kind)) != "":
        return _no(refusal)
    return _YES if action in READS or action is Action.RUN else _item_change(action, item, right)


def _item_change(action: Action, item: Item, right: FolderRight | None) -> Decision:
    if action in {Action.MOVE, Action.SHARE}:
        return _YES if right is FolderRight.OWNER else _no(f"Only owners of {item.path.owner_key} may {action} it.")
    if right in {FolderRight.WRITE, FolderRight.OWNER}:
        return _YES
    return _no(f"You may not {action} a {item.kind} at '{item.path}': ask an owner of {item.path.owner_key}.")


def _path_right(principal: Principal, path: Path, extra_perms: Mapping[str, bool]) -> FolderRight | None:
    """The right on a path and on what it holds: by ownership, by folder, by share, the greatest of them."""
    if principal.is_admin:
        return FolderRight.OWNER
    if principal.role is None:
        return None
    by_owner: FolderRight | None
    if path.kind == "u":
        by_owner = FolderRight.OWNER if principal.username != "" and path.owner == principal.username else None
    else:
        by_owner = principal.folders.get(path.owner)
    if by_owner in {FolderRight.OWNER, FolderRight.WRITE}:
        return by_owner
    shares = [extra_perms[key] for key in principal.keys if key in extra_perms]
    if any(share is True for share in shares):
        return FolderRight.WRITE
    return FolderRight.READ if shares else by_owner


def _operator_refusal(principal: Principal, action: Action, kind: ItemKind) -> str:
    if principal.role is not Role.OPERATOR or principal.is_admin:
        return ""
    if action in {Action.LIST, Action.READ, Action.RUN}:
        return ""
    if kind.is_runnable:
        return f"Operators may not {action} a {kind}."
    if not principal.is_job:
        return f"Operators may {action} a {kind} only from inside of a job."
    return ""


def sees_runs_at(principal: Principal, path: Path) -> bool:
    """Whether it may see what others run at a path, unless they hide it: shares of what lies there do not count."""
    return _path_right(principal, path, NO_SHARES) is not None


def _job(principal: Principal, action: Action, job: JobTarget) -> Decision:
    by_path = None if job.path is None else _path_right(principal, job.path, NO_SHARES)
    own = _is_own(principal, job)
    sees = principal.is_admin or own or (job.visible_to_owner and by_path is not None)
    if not sees:
        return _HIDDEN
    if action in {Action.LIST, Action.READ, Action.READ_VALUE}:
        return _YES
    if action is Action.CANCEL:
        writer = by_path in {FolderRight.WRITE, FolderRight.OWNER} and principal.role is not Role.OPERATOR
        allowed = principal.is_admin or own or writer
        return _YES if allowed else _no("Only who started the job, and who may change its script, may cancel it.")
    if action in {Action.DELETE, Action.WRITE, Action.MANAGE}:
        # Deleting erases arguments, result and logs, which are evidence: not for who ran it.
        return _YES if principal.is_admin else _no(f"Only admins of the workspace may {action} a job.")
    return _no(f"Nobody may {action} a job.")


def _is_own(principal: Principal, job: JobTarget) -> bool:
    """Whether it started the job, runs as the same identity, or is the job itself or one above it."""
    if principal.role is None and not principal.is_admin:
        return False
    mine = principal.username if principal.username != "" else principal.email
    job_id = principal.credential.job_id
    return (
        (mine != "" and job.created_by == mine)
        or job.permissioned_as in principal.keys
        or (principal.is_job and job_id is not None and (job_id == job.id or job_id in job.lineage))
    )


def _folder(principal: Principal, action: Action, folder: Folder) -> Decision:
    if principal.role is None and not principal.is_admin:
        return _HIDDEN
    right = FolderRight.OWNER if principal.is_admin else principal.folders.get(folder.name)
    if action is Action.CREATE:
        return _no("Operators may not create folders.") if _is_below(principal, Need.DEVELOPER) else _YES
    if right is None:
        return _HIDDEN
    if action in READS:
        return _YES
    if action in {Action.WRITE, Action.DELETE, Action.SHARE} and not _is_below(principal, Need.DEVELOPER):
        return _YES if right is FolderRight.OWNER else _no(f"Only owners of f/{folder.name} may {action} the folder.")
    return _no(f"You may not {action} a folder.")


def _group(principal: Principal, action: Action, group: Group) -> Decision:
    if principal.role is None and not principal.is_admin:
        return _HIDDEN
    if action in READS:
        return _YES
    if _is_below(principal, Need.DEVELOPER):
        return _no(f"Operators may not {action} groups.")
    if group.name == DEPLOYERS and not principal.is_admin:
        return _no(f"Only admins of the workspace may {action} the group {DEPLOYERS}: its members deploy for others.")
    if action is Action.CREATE:
        return _YES
    manages = any(group.extra_perms.get(key) is True for key in principal.keys)
    if action in {Action.WRITE, Action.DELETE, Action.SHARE} and (manages or principal.is_admin):
        return _YES
    return _no(f"Only admins of the workspace, and of g/{group.name}, may {action} the group.")


def _workspace(principal: Principal, action: Action, target: Listing | WorkspaceTarget) -> Decision:
    if principal.role is None and not principal.is_admin:
        return _HIDDEN
    if isinstance(target, Listing):
        return _YES if action in READS else _no("A list can only be read.")
    need = Need.DEVELOPER if action is Action.PREVIEW and target.need is Need.MEMBER else target.need
    return _no(f"Only {need} of the workspace may do this.") if _is_below(principal, need) else _YES


def _is_below(principal: Principal, need: Need) -> bool:
    if principal.is_admin:
        return False
    allowed = {
        Need.MEMBER: {Role.DEVELOPER, Role.OPERATOR},
        Need.DEVELOPER: {Role.DEVELOPER},
        Need.ADMIN: set[Role](),
    }
    return principal.role not in allowed[need]


def _account(principal: Principal, action: Action, account: AccountTarget) -> Decision:
    if principal.email == "":
        return _HIDDEN
    if principal.superadmin or principal.email == account.email:
        forbidden = action is Action.MANAGE and not principal.superadmin
        return _no("Only superadmins may do this.") if forbidden else _YES
    return _HIDDEN


def _instance(principal: Principal, action: Action, target: InstanceTarget) -> Decision:
    if principal.email == "":
        return _HIDDEN
    if target.superadmin or action is Action.MANAGE:
        return _YES if principal.superadmin else _no("Only superadmins may do this.")
    return _YES


def _no(reason: str) -> Decision:
    return Decision(allowed=False, visible=True, reason=reason)


def _may_know(principal: Principal, target: Target) -> bool:
    """Whether somebody whose credential does not cover an action may still be told that the target is there."""
    return not isinstance(target, Item | JobTarget | Folder) or refusal_of(principal, Action.READ, target) == ""
