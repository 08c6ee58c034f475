"""When a credential ends that is made with another: never later than that one."""

from datetime import datetime, timedelta

from starlette.requests import Request

from tidemill.db import tokens
from tidemill.model.errors import BadRequest
from tidemill.server import auth
from tidemill.server.parts import Parts


async def expiry_of(parts: Parts, request: Request, wanted: datetime | None) -> datetime | None:
    """When a new token ends: as wanted, but never later than the token that it is made with."""
    shown = auth.shown_by(request)
    latest = None if shown is None else await tokens.personal_expiry(parts.database.single, auth.hash_of(shown.token))
    if latest is None:
        return wanted
    if wanted is None:
        return latest
    if wanted > latest + timedelta(seconds=1):
        raise BadRequest(
            f"The new token may not outlive the one that it is made with, which ends {latest:%Y-%m-%d %T}Z."
        )
    return min(wanted, latest)
