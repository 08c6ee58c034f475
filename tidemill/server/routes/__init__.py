"""One file a resource, each listed once here. Every route also has a line in `server/policy.py`."""

from typing import Final

from fastapi import APIRouter

from tidemill.server.routes import health

ROUTERS: Final[tuple[APIRouter, ...]] = (health.router,)
