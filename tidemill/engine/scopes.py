"""Scopes of tokens, `domain:action[:path,...]`: what may be written in one, and what it permits."""

from collections.abc import Iterable, Sequence
from typing import Final

from tidemill.model.errors import BadRequest
from tidemill.model.identity import Scope

_PLAIN: Final = frozenset({"read", "write"})
DOMAINS: Final = {
    "acls": _PLAIN,
    "apps": _PLAIN | {"run"},
    "audit": frozenset({"read"}),
    "capture": _PLAIN,
    "concurrency_groups": _PLAIN,
    "configs": _PLAIN,
    "drafts": _PLAIN,
    "favorites": _PLAIN,
    "flows": _PLAIN,
    "folders": _PLAIN,
    "groups": _PLAIN,
    "http_triggers": _PLAIN,
    "inputs": _PLAIN,
    "job_helpers": _PLAIN,
    "jobs": _PLAIN | {"run"},
    "oauth": _PLAIN,
    "oidc": frozenset({"write"}),
    "raw_apps": _PLAIN,
    "resources": _PLAIN,
    "schedules": _PLAIN,
    "scripts": _PLAIN,
    "settings": _PLAIN,
    "states": _PLAIN,
    "users": _PLAIN,
    "variables": _PLAIN,
    "workers": _PLAIN,
    "workspaces": _PLAIN,
}
"""Domain -> its actions."""

WITH_PATHS: Final = frozenset(
    {"acls", "apps", "flows", "folders", "jobs", "resources", "schedules", "scripts", "variables"}
)
"""Domains of what lies at paths. In the others a scope that is limited to some covers nothing."""

RUN_KINDS: Final = frozenset({"scripts", "flows"})
"""What `jobs:run:<kind>` may be narrowed to."""

MAX_SCOPES: Final = 200
_WILDCARD: Final = "*"


def parse(text: str) -> Scope:
    """The scope in `text`: `domain:action[:path,...]`, or `jobs:run:scripts[:path,...]` (the same with `flows`).

    A path is matched segment by segment. `*` stands for one whole segment, at the end for one or more.

    Raises:
        BadRequest: the domain or action is unknown (the message lists the known ones), or a path pattern is malformed.
    """
    domain, _, rest = text.partition(":")
    action, _, rest = rest.partition(":")
    if domain not in DOMAINS:
        raise BadRequest(f"{text[:80]!r} is not a scope: the domain must be one of {_listed(DOMAINS)}.")
    if action not in DOMAINS[domain]:
        raise BadRequest(f"{text[:80]!r} is not a scope: {domain!r} has the actions {_listed(DOMAINS[domain])}.")
    kind = ""
    if (domain, action) == ("jobs", "run"):
        head, _, tail = rest.partition(":")
        if head in RUN_KINDS:
            kind, rest = head, tail
    if text != ":".join(part for part in (domain, action, kind, rest) if part):
        raise BadRequest(f"{text[:80]!r} is not a scope: write it as 'domain:action' or 'domain:action:path,path'.")
    return Scope(domain=domain, action=action, kind=kind, paths=_patterns(text, rest) if rest else None)


def parse_all(texts: Iterable[str]) -> tuple[Scope, ...]:
    """The scopes in `texts`, in their order; at most 200. An empty iterable is a token that may do nothing."""
    scopes = tuple(parse(text) for text in texts)
    if len(scopes) > MAX_SCOPES:
        raise BadRequest(f"A token may have at most {MAX_SCOPES} scopes, not {len(scopes)}: use '*' in their paths.")
    return scopes


def parse_wanted(texts: Iterable[str]) -> tuple[Scope, ...]:
    """As `parse_all`, of what somebody wants a new token to have.

    Raises:
        BadRequest: one is limited to paths in a domain that has none, and would cover nothing.
    """
    scopes = parse_all(texts)
    for each in scopes:
        if each.paths is not None and each.domain not in WITH_PATHS:
            raise BadRequest(f"{str(each)[:80]!r} covers nothing: only {_listed(WITH_PATHS)} are limited to paths.")
    return scopes


def permits(
    scopes: Sequence[Scope] | None, domain: str, action: str, *, path: str | None = None, kind: str = ""
) -> bool:
    """Whether one of `scopes` (None: unrestricted) covers a call of `domain:action` on `path`.

    A call without a path (a preview, a setting, something found by id whose path is not known) is covered only by
    scopes that are not limited to paths. A call without a `kind` is covered only by scopes without one. `write` and
    `run` do not hold `read`.
    """
    if scopes is None:
        return True
    return any(
        scope.domain == domain
        and scope.action == action
        and scope.kind in {"", kind}
        and (scope.paths is None or (path is not None and any(matches(each, path) for each in scope.paths)))
        for scope in scopes
    )


def permits_some(scopes: Sequence[Scope] | None, domain: str, action: str) -> bool:
    """Whether `scopes` cover the call for some path: enough to ask for a list whose rows are checked one by one."""
    return scopes is None or any(
        scope.domain == domain and scope.action == action and (scope.paths is None or domain in WITH_PATHS)
        for scope in scopes
    )


def matches(pattern: str, path: str) -> bool:
    """Whether `path` fits `pattern`, whole segment by whole segment (`f/a/b` fits neither `f/a/b2` nor `f/a/b/c`)."""
    wanted, given = pattern.split("/"), path.split("/")
    if wanted[-1] == _WILDCARD and len(given) > len(wanted):
        given = given[: len(wanted)]
    return len(wanted) == len(given) and all(
        part != "" and each in {_WILDCARD, part} for each, part in zip(wanted, given, strict=True)
    )


def _patterns(text: str, rest: str) -> tuple[str, ...]:
    patterns = tuple(rest.split(","))
    for pattern in patterns:
        segments = pattern.split("/")
        if ":" in pattern or segments[0] not in {"u", "f", _WILDCARD}:
            raise BadRequest(f"{text[:80]!r} is not a scope: {pattern[:80]!r} is not a path such as 'f/folder/name'.")
        if any(each in {"", ".", ".."} or each != each.strip() for each in segments):
            raise BadRequest(f"{text[:80]!r} is not a scope: {pattern[:80]!r} has an empty or relative segment.")
        if any(_WILDCARD in each and each != _WILDCARD for each in segments):
            raise BadRequest(f"{text[:80]!r} is not a scope: '*' stands for whole segments only, as in 'f/folder/*'.")
    return patterns


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
