"""The one table of who may call which route. The server refuses to start with a route that is not in it.

A policy is the outer gate: who must be calling at all, and with what kind of credential. What they may do with the
thing that the path names is decided by `engine/permit.py` inside of the handler.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class Who(IntEnum):
    """The least that a caller must be. Higher ones hold the lower ones."""

    PUBLIC = 0
    ACCOUNT = 1
    MEMBER = 2
    DEVELOPER = 3
    ADMIN = 4
    SUPERADMIN = 5


@dataclass(frozen=True, slots=True)
class Policy:
    """What a route asks of its caller.

    Attributes:
        who: the least that it must be, in the workspace of the URL or (below `/api/w/`) on instance level.
        scope: `domain:action` that a token with scopes must have for at least one path; "" where scopes do not matter.
        writes: whether it changes or runs something: closed to read-only tokens, and checked against forged requests.
        jobs: whether the token of a running job may call it.
        no_jobs: what a job is told where it may not; "" for the usual sentence.
    """

    who: Who
    scope: str = ""
    writes: bool = False
    jobs: bool = True
    no_jobs: str = ""


def public() -> Policy:
    """Open to everybody, signed in or not."""
    return Policy(Who.PUBLIC)


def account(scope: str, *, writes: bool = False, jobs: bool = False, no_jobs: str = "") -> Policy:
    """Open to every account, on instance level."""
    return Policy(Who.ACCOUNT, scope, writes, jobs, no_jobs)


def superadmin(scope: str, *, writes: bool = False) -> Policy:
    """Open to superadmins, never to jobs."""
    return Policy(Who.SUPERADMIN, scope, writes, jobs=False)


def member(scope: str, *, writes: bool = False, jobs: bool = True) -> Policy:
    """Open to every member of the workspace, operators included."""
    return Policy(Who.MEMBER, scope, writes, jobs)


def developer(scope: str, *, writes: bool = True, jobs: bool = True) -> Policy:
    """Open to developers and admins of the workspace."""
    return Policy(Who.DEVELOPER, scope, writes, jobs)


def admin(scope: str, *, writes: bool = True, jobs: bool = False) -> Policy:
    """Open to admins of the workspace."""
    return Policy(Who.ADMIN, scope, writes, jobs)


POLICIES: Final[dict[str, Policy]] = {
    # pages and probes
    "GET /": public(),
    "GET /api/version": public(),
    "GET /api/health/status": public(),
    "GET /health": public(),
    "GET /ready": public(),
    "GET /api/openapi.json": public(),
    "GET /api/uptodate": public(),
}
"""`METHOD /path/{template}` -> its policy."""
