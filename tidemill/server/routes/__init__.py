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
    members,
    sessions,
    settings,
    tokens,
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
    members.router,
    sessions.router,
    settings.router,
    tokens.router,
    workers.router,
    workspaces.router,
)
