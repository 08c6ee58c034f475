"""Probes for load balancers and clients: is the server there, can it work, which version is it."""

from typing import Final

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from tidemill.db import health
from tidemill.model.errors import Unavailable
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import InParts
from tidemill.server.wire import ERRORS, TEXT, json_answer, returns, text_answer

WIRE_VERSION: Final = "1.850.0"
"""The release of Windmill whose wire format we speak: its clients switch features on by it."""

router = APIRouter(tags=["health"], responses=ERRORS, route_class=LazyRoute)


class Status(msgspec.Struct):
    """Whether the server can work."""

    status: str
    database_healthy: bool
    workers_alive: int
    checked_at: str


@router.get("/api/version", response_class=Response, responses={200: TEXT})
async def version() -> Response:
    """The version, in the form that Windmill's clients read."""
    return text_answer(f"Tidemill v{WIRE_VERSION}")  # the CLI takes what stands behind the first "v"


@router.get("/api/uptodate", response_class=Response, responses={200: TEXT})
async def uptodate() -> Response:
    """Whether a newer release is known. Tidemill never calls home, so it knows of none."""
    return text_answer("yes")


@router.get("/health", response_class=Response, responses={200: TEXT})
async def alive() -> Response:
    """200 as long as the process answers."""
    return text_answer("ok")


@router.get("/ready", response_class=Response, responses={200: returns(Status)})
@router.get("/api/health/status", response_class=Response, responses={200: returns(Status)})
async def ready(parts: InParts) -> Response:
    """200 when the database answers, 503 otherwise."""
    try:
        found = await health.check(parts.database)
    except Unavailable:
        return json_answer(Status("unhealthy", database_healthy=False, workers_alive=0, checked_at=""), status=503)
    checked_at = found.checked_at.isoformat()
    return json_answer(Status("healthy", database_healthy=True, workers_alive=found.workers, checked_at=checked_at))
