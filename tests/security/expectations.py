"""What every route must answer to every kind of caller, worked out from its policy and not from the guard.

`expected` gives the outcome of one call, `outcome` says which one an answer is. `ABOUT` tells of each route that names
one thing what it names, so that a route that nobody thought of fails.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

from tidemill.engine.scopes import DOMAINS
from tidemill.server.policy import Policy, Who

IN_WORKSPACE: Final = "/api/w/{workspace}/"
ALL_SCOPES: Final = frozenset(f"{domain}:{action}" for domain, actions in DOMAINS.items() for action in actions)

ENDS_THE_CALLER: Final = {
    "POST /api/w/{workspace}/workspaces/archive",
    "POST /api/w/{workspace}/workspaces/leave",
    "POST /api/auth/logout",
}
"""Calls after which the caller or the workspace is not there any more: they go last."""


class Outcome(StrEnum):
    """How a call ends at the gate."""

    UNKNOWN = "401: who is it?"
    HIDDEN = "404: there is no such workspace"
    DENIED = "403: not for this caller"
    LET_IN = "let in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A kind of caller. `standing` is its part in the workspace of the matrix; None: it has none."""

    standing: Who | None
    is_known: bool = True
    superadmin: bool = False
    is_job: bool = False
    read_only: bool = False
    lacks_scope: bool = False
    is_bound: bool = False


CALLERS: Final[Mapping[str, Traits]] = {
    "anonymous": Traits(standing=None, is_known=False),
    "disabled account": Traits(standing=None, is_known=False),
    "disabled member": Traits(standing=None),
    "outsider": Traits(standing=None),
    "admin of the other workspace": Traits(standing=None),
    "operator": Traits(standing=Who.MEMBER),
    "developer": Traits(standing=Who.DEVELOPER),
    "admin": Traits(standing=Who.ADMIN),
    "superadmin": Traits(standing=None, superadmin=True),
    "job of the developer": Traits(standing=Who.DEVELOPER, is_job=True),
    "job of the superadmin": Traits(standing=Who.ADMIN, is_job=True),
    "job of the other workspace": Traits(standing=None, is_job=True),
    "read-only token": Traits(standing=Who.ADMIN, read_only=True),
    "near-miss scope": Traits(standing=Who.ADMIN, lacks_scope=True),
    "token of the workspace": Traits(standing=None, superadmin=True, is_bound=True),
    "token of the other workspace": Traits(standing=None, is_bound=True),
}


def expected(caller: Traits, policy: Policy, *, in_workspace: bool) -> Outcome:
    """The outcome of a call by such a caller of a route with such a policy."""
    if policy.who is Who.PUBLIC:
        return Outcome.LET_IN
    if not caller.is_known:
        return Outcome.UNKNOWN
    if in_workspace and caller.standing is None and not caller.superadmin:
        return Outcome.HIDDEN
    standing = Who.ACCOUNT if caller.standing is None or not in_workspace else caller.standing
    standing = Who.SUPERADMIN if caller.superadmin else standing
    lacking = (
        standing < policy.who
        or (caller.is_job and not policy.jobs)
        or (caller.read_only and policy.writes)
        or (caller.lacks_scope and policy.scope != "")
        or (caller.is_bound and not in_workspace and policy.scope != "" and not policy.jobs)
    )
    return Outcome.DENIED if lacking else Outcome.LET_IN


def outcome(answer: httpx.Response, policy: Policy, *, workspace: str) -> Outcome:
    """Which outcome an answer shows. What a handler refuses for reasons of its own was let in."""
    if answer.status_code == 401:
        return Outcome.UNKNOWN
    if answer.status_code == 404 and answer.text == f"There is no workspace '{workspace}'.":
        return Outcome.HIDDEN
    if answer.status_code == 403 and (
        re.fullmatch(r"Only [a-z ]+ may call this\.", answer.text)
        or answer.text in {"This token is read-only.", "The token of a job may not call this.", policy.no_jobs}
        or answer.text == "This token belongs to one workspace: it may not reach the instance."
        or answer.text == f"This token's scopes do not cover the call: it needs '{policy.scope}'."
    ):
        return Outcome.DENIED
    return Outcome.LET_IN


ABOUT: Final[Mapping[str, Mapping[str, str]]] = {
    "variables": {"path:path": "variable", "id": "variable version"},
    "resources": {"path:path": "resource", "id": "resource version"},
    "leases": {"path:path": "resource"},
    "schedules": {"path:path": "schedule"},
    "scripts": {"path:path": "script", "hash": "hash", "path": "hash"},
    "flows": {"path:path": "flow", "version": "flow version"},
    "jobs": {
        "flow_job_id": "job",
        "job_id": "job",
        "path:path": "script",
        "hash": "hash",
        "id": "job",
        "version": "flow version",
    },
    "jobs_u": {"id": "job", "job_id": "job"},
    "job_metrics": {"id": "job"},
    "concurrency_groups": {"id": "job"},
    "folders": {"name": "folder"},
    "audit": {"id": "audit record"},
    "job_helpers": {"path:path": "object"},
    "acls": {"path:path": "shared"},
}
"""Area of the API -> placeholder -> what it names."""

ELSEWHERE: Final = {
    "key:path": "x", "kind": "variable", "workspace_id": "other", "email": "dev@x.org", "user": "dev@x.org",
    "username": "dev", "name": "shared", "token_prefix": "abc", "key": "x", "scheduled_for": "1", "page:path": "main",
    "access_key": "TMKX", "audience:path": "sts.amazonaws.com", "resume_id": "1", "signature": "0" * 64,
    "node_id": "a", "step_key": "approval", "function": "double",
}  # fmt: skip
"""What the placeholders are filled with that name no single thing with rights of its own."""

_NO_ID: Final = "00000000-0000-7000-8000-000000000000"
NOT_ABOUT_THINGS: Final[Mapping[str, Mapping[str, str]]] = {
    "GET /run/{id}": {"id": _NO_ID},
    "GET /api/w/{workspace}/users/is_owner/{path:path}": {"path:path": "u/dev/x"},
    "PUT /api/w/{workspace}/object_uploads/part/{id}/{number}": {"id": _NO_ID, "number": "1"},
    "GET /api/w/{workspace}/object_uploads/parts/{id}": {"id": _NO_ID},
    "POST /api/w/{workspace}/object_uploads/complete/{id}": {"id": _NO_ID},
    "DELETE /api/w/{workspace}/object_uploads/abort/{id}": {"id": _NO_ID},
    "POST /api/w/{workspace}/object_uploads/settle/{id}": {"id": _NO_ID},
    "DELETE /api/w/{workspace}/object_links/revoke/{id}": {"id": _NO_ID},
    "DELETE /api/w/{workspace}/databases/history/{id}": {"id": "1"},
}
"""Reviewed: they answer from the name alone (runs: a link to their page; uploads, links, histories: from the key or the
maker, before the id), not from what is there. Route -> what it is filled with."""


def placeholders(route: str) -> list[str]:
    """`GET /a/{b}/{c:path}` -> ["b", "c:path"], without the workspace."""
    return [name for name in re.findall(r"{([^}]+)}", route) if name != "workspace"]


def area(route: str) -> str:
    """The first word below the workspace, or below `/api/`; "" for pages."""
    path = route.partition(" ")[2]
    return path.removeprefix(IN_WORKSPACE).removeprefix("/api/").partition("/")[0]


def things(route: str) -> dict[str, str]:
    """Placeholder -> kind of thing, of a route about things; {} of the others."""
    known = dict(ABOUT.get(area(route), {}))
    if re.search(r"/jobs/run\w*/f/", route):
        known["path:path"] = "flow"
    return {name: known[name] for name in placeholders(route) if name in known}


def unknown_rows(policies: Mapping[str, Policy]) -> Iterator[str]:
    """The rows that this module has no expectation for."""
    for route, policy in policies.items():
        if policy.scope and policy.scope not in ALL_SCOPES:
            yield f"{route}: no such scope as {policy.scope}"
        if policy.who in {Who.MEMBER, Who.DEVELOPER, Who.ADMIN} and IN_WORKSPACE not in route:
            yield f"{route}: wants {policy.who.name} outside of a workspace"
        for name in placeholders(route):
            known = name in ELSEWHERE or name in ABOUT.get(area(route), {}) or route in NOT_ABOUT_THINGS
            if not known:
                yield f"{route}: what does {{{name}}} name?"


def address(route: str, names: Mapping[str, str], *, workspace: str = "main") -> str:
    """The URL of a call. `names`: placeholder or kind of thing -> name."""
    kinds = things(route)
    names = {**names, **NOT_ABOUT_THINGS.get(route, {})}

    def fill(match: re.Match[str]) -> str:
        name = match[1]
        return names[kinds.get(name, name)] if name != "workspace" else workspace

    return re.sub(r"{([^}]+)}", fill, route.partition(" ")[2])


def without_names(text: str, names: Iterable[str]) -> str:
    """`text` with each of the names replaced, so that what is left is what the answer tells."""
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, "<name>")
    return text
