"""What routes work with: made once by `wiring.py`, handed to every handler as `parts`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Final, cast

from fastapi import Depends
from starlette.requests import Request

from tidemill.db.keys import Keyring
from tidemill.db.logs import Logs
from tidemill.db.pool import Actor, Database, Transaction
from tidemill.db.values import Values
from tidemill.engine.egress import Egress
from tidemill.evaluators.evaluators import Evaluators
from tidemill.model.identity import Principal
from tidemill.previews.readers import Readers
from tidemill.queries.runners import Runners
from tidemill.server.gate import Gate
from tidemill.server.issuer import Issuer
from tidemill.server.known_resources import KnownResources
from tidemill.server.known_scripts import KnownScripts
from tidemill.server.objects.access_log import AccessLog
from tidemill.server.objects.links import Links
from tidemill.server.objects.service import Objects
from tidemill.server.updates import Updates

Readmit = Callable[[], Awaitable[Principal]]
MOST_EXPORTS: Final = 2
"""Of whole workspaces, at a time; who comes then waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """The settings that routes need; units are in the names."""

    base_url: str
    origins: frozenset[str] = field(default_factory=frozenset)
    inline_value_bytes: int
    max_value_bytes: int
    wait_result_timeout_s: int
    session_days: int
    egress: Egress = field(default_factory=Egress)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The live objects of one server. `s3_url`: its S3 endpoint on a port of its own, "" for none."""

    options: ServerOptions
    database: Database
    job_secret: bytes
    s3_secret: bytes
    approval_secret: bytes
    s3_url: str
    keyring: Keyring
    issuer: Issuer
    values: Values
    logs: Logs
    make_workspace_key: Callable[[Transaction, str], Awaitable[None]]
    updates: Updates
    objects: Objects
    readers: Readers
    queries: Runners
    evaluators: Evaluators
    access_log: AccessLog
    known_resources: KnownResources
    inline_gate: Gate
    links: Links
    known_scripts: KnownScripts = field(default_factory=KnownScripts)
    exports: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_EXPORTS))
    """Held while a workspace is exported, which keeps a connection to the database for as long as it takes."""


# These two, and other dependencies of hot routes, are `async` though they wait for nothing: FastAPI calls plain
# functions in a thread, and that hop costs more than what they do.
async def parts_of(request: Request) -> Parts:
    """The parts of the server that the request came to."""
    return cast("Parts", request.app.state.parts)


async def principal_of(request: Request) -> Principal:
    """Who is calling; set by the guard in front of every route."""
    return cast("Principal", request.state.principal)


async def readmission_of(request: Request) -> Readmit:
    """Asks the guard once more who is calling; for answers that go on for longer than rights may be believed in."""
    return cast("Readmit", request.state.readmit)


def actor_of(principal: Principal) -> Actor:
    """How changes that `principal` makes are signed in the history."""
    return Actor(name=principal.actor, email=principal.email, job=principal.credential.job_id)


InParts = Annotated[Parts, Depends(parts_of)]
Caller = Annotated[Principal, Depends(principal_of)]
Readmission = Annotated[Readmit, Depends(readmission_of)]
