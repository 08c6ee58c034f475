"""One file a resource, each listed once here. Every route also has a line in `server/policy.py`."""

from typing import Final

from fastapi import APIRouter

from tidemill.server.routes import (
    accounts,
    acls,
    audit,
    folders,
    groups,
    health,
    history,
    leases,
    members,
    resource_types,
    resources,
    sessions,
    settings,
    tokens,
    variables,
    workers,
    workspaces,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    accounts.router,
    acls.router,
    audit.router,
    folders.router,
    groups.router,
    health.router,
    history.router,
    leases.router,
    members.router,
    resource_types.router,
    resources.router,
    sessions.router,
    settings.router,
    tokens.router,
    variables.router,
    workers.router,
    workspaces.router,
)
