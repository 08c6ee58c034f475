"""Inline queries: scripts of query languages that the server runs while the request waits, without a job."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from starlette.responses import Response

from tidemill.db import references
from tidemill.engine.environment import JobContext, job_environment
from tidemill.model.errors import TidemillError, Unavailable, WaitTimeout
from tidemill.model.identity import Credential, CredentialKind, Principal
from tidemill.model.object_address import Address, named
from tidemill.queries.arguments import Pointer, named_database, read_pointer, written_pointer
from tidemill.queries.port import Opened, Query
from tidemill.server.errors import CODE_HEADER
from tidemill.server.objects.fencing import require_lease
from tidemill.server.parts import Parts
from tidemill.server.wire import raw_answer
from tidemill.stores.objects.port import Attributes

_PREFIX = "Internal: "
"""What Windmill's clients expect before the message of a failed query, and leave out when they show it."""


async def answer_inline(
    parts: Parts, caller: Principal, *, language: str, content: str, path: str, args: bytes
) -> Response:
    """The result of the script, or 500 with the database's own words as text.

    It runs under the rights of `caller`, as a job of it would: what limits its token counts for the request alone.

    Raises:
        LeaseLost: the caller is a job that was given to another attempt.
        Unavailable: our own database does not answer.
    """
    await require_lease(parts.database, caller)
    acting = replace(caller, credential=_of_job(caller))
    try:
        result = await _run(parts, acting, language=language, content=content, path=path, args=args)
    except Unavailable:
        raise
    except TidemillError as error:
        headers = {CODE_HEADER: error.code}
        return Response(f"{_PREFIX}{error}", HTTPStatus.INTERNAL_SERVER_ERROR, headers, media_type="text/plain")
    return raw_answer(result)


def _of_job(caller: Principal) -> Credential:
    """What a job that `caller` started would show; the same job where the caller is one."""
    own = caller.credential
    return Credential(
        kind=CredentialKind.JOB, label="inline", job_id=own.job_id, attempt=own.attempt, workspace=caller.workspace
    )


async def _run(parts: Parts, acting: Principal, *, language: str, content: str, path: str, args: bytes) -> bytes:
    resolved, _ = await references.resolve(parts.database, parts.keyring, acting, args)
    limit_s = parts.options.wait_result_timeout_s
    query = Query(
        language=language,
        content=content,
        path=path,
        args=resolved,
        database=named_database(args),
        contextual=_contextual(parts, acting, path) if "%%WM_" in content else {},
        timeout_s=float(limit_s),
        max_result_bytes=parts.values.max_bytes,
    )
    try:
        async with asyncio.timeout(limit_s):
            return await parts.queries.run(query, InlineHost(parts, acting))
    except TimeoutError as error:
        raise WaitTimeout(f"The query was ended after {limit_s} s: run it as a job, which may take longer.") from error


def _contextual(parts: Parts, acting: Principal, path: str) -> dict[str, str]:
    """The variables of a job, as far as there are some without one."""
    context = JobContext(
        workspace=acting.workspace,
        token="",
        email=acting.email,
        username=acting.username,
        permissioned_as=acting.actor,
        base_url=parts.options.base_url,
        base_internal_url=parts.options.base_url,
        job_id=acting.credential.job_id or UUID(int=0),
        attempt=acting.credential.attempt,
        scheduled_for=datetime.now(UTC),
        script_path=path,
    )
    return {name: value for name, value in job_environment(context).items() if value}


class InlineHost:
    """The `Host` of an inline query: the server's own services, under the rights of whoever asks."""

    def __init__(self, parts: Parts, acting: Principal) -> None:
        self.identity = f"{acting.workspace}/{acting.actor}"
        self._parts = parts
        self._acting = acting

    async def resource(self, path: str) -> Opened:
        """See `Host.resource`."""
        plain = path.removeprefix("$res:")
        found = await references.open_resource(self._parts.database, self._parts.keyring, self._acting, plain)
        return Opened(resource_type=found.resource_type, value=found.value)

    async def upload(self, chunks: AsyncIterable[bytes], *, key: str, storage: str, content_type: str) -> bytes:
        """See `Host.upload`."""
        at = Address(named(storage), key)
        await self._parts.objects.put(self._acting, at, chunks, attributes=Attributes(content_type=content_type))
        return written_pointer(Pointer(key, storage))

    async def download(self, pointer: bytes) -> AsyncIterator[bytes]:
        """See `Host.download`."""
        at = read_pointer(pointer)
        reading = await self._parts.objects.get(self._acting, Address(at.storage, at.key))
        async for chunk in reading.body:
            yield chunk

    async def log(self, text: str) -> None:
        """Nothing: an inline query has no log."""

    async def touched(self, kind: str, address: str, *, is_write: bool) -> None:
        """See `Host.touched`."""
        self._parts.access_log.note_other(self._acting, kind, address, "write" if is_write else "read")
