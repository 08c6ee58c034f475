"""What a credential does not reach, whoever shows it: read-only tokens, other workspaces, tokens of jobs, scopes."""

from typing import Final, assert_never

from tidemill.engine import scopes
from tidemill.engine.target import (
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
    Target,
    WorkspaceTarget,
)
from tidemill.model.identity import CredentialKind, Principal

JOB_SUBJECTS: Final = frozenset({"version", "whoami", "email"})
"""All that a job token may ask of the instance."""

WHOAMI: Final = "whoami"
"""The domain of `WorkspaceTarget` for what a caller may ask about itself whatever its scopes."""

ACCOUNT_BOUND: Final = frozenset({"acls", "groups", "users", "workspaces", "settings"})
"""The domains that decide on rights: a job may look but not touch, whoever it runs as."""


def refusal_of(principal: Principal, action: Action, target: Target) -> str:
    """Why the credential does not reach this far; "" when it does."""
    credential = principal.credential
    if credential.read_only and action not in READS:
        return f"This token is read-only: it may not {action} anything."
    on_instance = isinstance(target, AccountTarget | InstanceTarget)
    if not on_instance and credential.workspace not in {None, principal.workspace}:
        return "This token belongs to another workspace."
    if principal.is_job and (refusal := _by_job(principal, action, target)):
        return refusal
    if isinstance(target, AccountTarget) and action not in READS and not _may_hand_out(principal):
        return "Only a person who logged in, or a token without scopes and workspace, may change an account's tokens."
    if (
        isinstance(target, InstanceTarget)
        and target.subject not in JOB_SUBJECTS
        and credential.workspace not in {None, ""}
    ):
        return "This token belongs to one workspace: it may not reach the instance."
    return _by_scope(principal, action, target)


def _by_job(principal: Principal, action: Action, target: Target) -> str:
    if isinstance(target, AccountTarget | InstanceTarget):
        open_to_jobs = isinstance(target, InstanceTarget) and target.subject in JOB_SUBJECTS and action in READS
        return "" if open_to_jobs else "The token of a job may not reach the instance."
    if principal.credential.workspace != principal.workspace:
        return "The token of a job is good for the workspace of the job only."
    if action is Action.SHARE or (isinstance(target, Group) and action not in READS):
        return "The token of a job may not change who has which right."
    if isinstance(target, WorkspaceTarget) and action not in READS and target.domain in ACCOUNT_BOUND:
        return "The token of a job may not change members, rights or settings."
    return ""


def _may_hand_out(principal: Principal) -> bool:
    """Whether it may make tokens and the like: they would outlive and outreach a narrow or borrowed credential."""
    credential = principal.credential
    return (
        credential.kind in {CredentialKind.PERSONAL, CredentialKind.SESSION}
        and credential.scopes is None
        and credential.workspace is None
        and credential.impersonated_by is None
    )


def _by_scope(principal: Principal, action: Action, target: Target) -> str:
    granted = principal.credential.scopes
    if granted is None or _is_about_itself(action, target):
        return ""
    domain, verb, path, kind = _needed_scope(action, target)
    if isinstance(target, Listing):
        permitted = scopes.permits_some(granted, domain, verb)
    else:
        permitted = scopes.permits(granted, domain, verb, path=path, kind=kind)
    return "" if permitted else scope_reason(domain, verb, path, kind)


def _is_about_itself(action: Action, target: Target) -> bool:
    """Whether the caller only asks who it is: no scope is needed for that."""
    if action not in READS:
        return False
    if isinstance(target, InstanceTarget):
        return target.subject in JOB_SUBJECTS
    return isinstance(target, WorkspaceTarget) and target.domain == WHOAMI


def _needed_scope(action: Action, target: Target) -> tuple[str, str, str | None, str]:
    """(domain, action, path, kind) of the scope that covers `action` on `target`."""
    verb = "read" if action in READS else "write"
    match target:
        case Item() if action is Action.SHARE:
            return "acls", "write", target.path.text, ""
        case Item() if action is Action.RUN:
            path, runs = target.path.text, target.kind.domain
            return ("apps", "run", path, "") if target.kind is ItemKind.APP else ("jobs", "run", path, runs)
        case Item():
            return target.kind.domain, verb, target.path.text, ""
        case JobTarget():
            return "jobs", verb, None if target.path is None else target.path.text, ""
        case Folder():
            return ("acls" if action is Action.SHARE else "folders"), verb, f"f/{target.name}", ""
        case Group():
            return "groups", verb, None, ""
        case AccountTarget():
            return "users", verb, None, ""
        case Listing() | WorkspaceTarget() | InstanceTarget():
            running = action in {Action.RUN, Action.PREVIEW}
            return target.domain, "run" if running else verb, None, ""
        case _:
            assert_never(target)


def scope_reason(domain: str, action: str, path: str | None, kind: str) -> str:
    needed = ":".join(part for part in (domain, action, kind, path or "") if part)
    return f"This token's scopes do not cover the call: it needs {needed!r}."
