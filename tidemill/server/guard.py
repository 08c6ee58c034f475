"""The gate in front of every route: looks up its policy, finds out who calls, and lets them in or not."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final

from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tidemill.engine import scopes
from tidemill.model.by_identity import ByIdentity
from tidemill.model.errors import ConfigurationError, Denied, NotFound, TidemillError
from tidemill.model.identity import CredentialKind, Principal, Role
from tidemill.server import auth
from tidemill.server.errors import answer
from tidemill.server.parts import Parts
from tidemill.server.policy import Policy, Who

_ANONYMOUS: Final = Principal(email="")


class Guard:
    """Wraps the app of one route. Behind it `request.state` has `parts`, and the `principal`, which fits the policy."""

    def __init__(self, app: ASGIApp, policies: dict[str, Policy], parts: Parts) -> None:
        self._app = app
        self._policies = policies
        self._parts = parts
        self._checks = {id(policy): ByIdentity(partial(_passes, policy)) for policy in policies.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state["parts"] = self._parts
        policy = self._policies.get(scope["method"])
        if policy is None or policy.signed:  # without a policy the route itself answers with 405
            await self._app(scope, receive, send)
            return
        try:
            connection = HTTPConnection(scope)
            principal = await self._admit(connection, policy, state)
        except TidemillError as error:
            await answer(error)(scope, receive, send)
            return
        state["principal"] = principal
        state["readmit"] = partial(self._admit, connection, policy)
        await self._app(scope, receive, send)

    async def _admit(
        self, connection: HTTPConnection, policy: Policy, state: dict[str, object] | None = None
    ) -> Principal:
        if policy.who is Who.PUBLIC:
            return _ANONYMOUS
        workspace = connection.path_params.get("workspace", "")
        shown = auth.shown_by(connection)
        if policy.opens and shown is not None and state is not None:
            state["foresight"] = self._parts.known_resources.foresee(workspace, shown.hash)
        principal = await auth.authenticate(self._parts.database, self._parts.job_secret, shown, workspace=workspace)
        if policy.writes and shown is not None and shown.by_cookie:
            auth.check_not_forged(connection, principal, origins=self._parts.options.origins)
        self._checks[id(policy)](principal)
        return principal


def _passes(policy: Policy, principal: Principal) -> None:
    check(principal, policy)


def check(principal: Principal, policy: Policy) -> None:
    """Whether `policy` lets `principal` in.

    Raises:
        NotFound: the workspace is not one that it may know of.
        Denied: it may know of it, and lacks the role, the scope or the kind of credential.
    """
    credential = principal.credential
    if credential.kind is CredentialKind.JOB and not policy.jobs:
        raise Denied(policy.no_jobs or "The token of a job may not call this.")
    if principal.workspace and credential.workspace not in {None, principal.workspace}:
        raise NotFound(f"There is no workspace '{principal.workspace}'.")
    if credential.workspace is not None and not principal.workspace and policy.scope and not policy.jobs:
        raise Denied("This token belongs to one workspace: it may not reach the instance.")
    if credential.read_only and policy.writes:
        raise Denied("This token is read-only.")
    if _standing(principal) < policy.who:
        raise Denied(f"Only {_NAMES[policy.who]} may call this.")
    domain, _, action = policy.scope.partition(":")
    if policy.scope and not scopes.permits_some(credential.scopes, domain, action):
        raise Denied(f"This token's scopes do not cover the call: it needs '{policy.scope}'.")


def _standing(principal: Principal) -> Who:
    if principal.superadmin and principal.credential.kind is not CredentialKind.JOB:
        return Who.SUPERADMIN
    if principal.is_admin:
        return Who.ADMIN
    match principal.role:
        case Role.ADMIN:
            return Who.ADMIN
        case Role.DEVELOPER:
            return Who.DEVELOPER
        case Role.OPERATOR:
            return Who.MEMBER
        case None:
            return Who.ACCOUNT


_NAMES: Final = {
    Who.PUBLIC: "everybody",
    Who.ACCOUNT: "accounts",
    Who.MEMBER: "members of the workspace",
    Who.DEVELOPER: "developers of the workspace",
    Who.ADMIN: "admins of the workspace",
    Who.SUPERADMIN: "superadmins",
}


def guard_routes(routes: Iterable[BaseRoute], table: Mapping[str, Policy], parts: Parts) -> list[Route]:
    """Put a guard in front of each route; the same routes again.

    Raises:
        ConfigurationError: a route or method has no policy, or a policy no route.
    """
    seen: set[str] = set()
    guarded: list[Route] = []
    for route in routes:
        if not isinstance(route, Route):
            raise ConfigurationError(f"{route!r} is not a plain route: it cannot be guarded.")
        policies: dict[str, Policy] = {}
        methods = set(route.methods or ())
        for method in sorted({"GET" if method == "HEAD" else method for method in methods}):
            key = f"{method} {route.path}"
            if key not in table:
                raise ConfigurationError(f"{key} has no policy in server/policy.py.")
            policies[method] = table[key]
            seen.add(key)
        if "GET" in policies and "HEAD" in methods:
            policies["HEAD"] = policies["GET"]
        route.app = Guard(route.app, policies, parts)
        guarded.append(route)
    if unused := sorted(set(table) - seen):
        raise ConfigurationError(f"server/policy.py has policies without a route: {', '.join(unused)}.")
    return guarded
