"""Inline queries: scripts of query languages that the server runs while the request waits, without a job."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import references
from tidemill.engine.environment import JobContext, job_environment
from tidemill.model import jsontext
from tidemill.model.by_identity import ByIdentity
from tidemill.model.errors import TidemillError, TooManyRequests, Unavailable, WaitTimeout
from tidemill.model.identity import Credential, CredentialKind, Principal
from tidemill.model.object_address import Address, named
from tidemill.queries.arguments import DATABASE, Pointer, named_database, read_pointer, written_pointer
from tidemill.queries.port import Opened, Query
from tidemill.server.errors import CODE_HEADER
from tidemill.server.known_resources import Foresight
from tidemill.server.objects.fencing import require_lease
from tidemill.server.parts import Parts
from tidemill.server.presence import CallerGone, while_waited_for
from tidemill.server.wire import raw_answer
from tidemill.stores.objects.port import Attributes

INLINE_PREFIX: Final = "Internal: "
"""What Windmill's clients expect before the message of a failed query, and leave out when they show it."""
_NOBODY_LISTENS: Final = 499
"""As proxies log it; nobody gets it."""


async def answer_inline(
    parts: Parts, caller: Principal, request: Request, *, language: str, content: str, path: str, args: bytes
) -> Response:
    """The result of the script, or 500 with the database's own words as text.

    It runs under the rights of `caller`, as a job of it would: what limits its token counts for the request alone.

    Raises:
        LeaseLost: the caller is a job that was given to another attempt.
        TooManyRequests: the server runs as many as it may.
        Unavailable: our own database does not answer.
    """
    await require_lease(parts.database, caller)
    return await _answered(parts, _ACTING(caller), request, language=language, content=content, path=path, args=args)


async def _answered(
    parts: Parts, acting: Principal, request: Request, *, language: str, content: str, path: str, args: bytes
) -> Response:
    limit_s = parts.options.wait_result_timeout_s
    try:
        async with (
            while_waited_for(request, limit_s=limit_s),
            inline_host(parts, acting, getattr(request.state, "foresight", None)) as host,
        ):
            query = await _query(parts, acting, language=language, content=content, path=path, args=args)
            result = await parts.queries.run(query, host)
    except CallerGone:
        return Response(status_code=_NOBODY_LISTENS)
    except TimeoutError as error:
        raise WaitTimeout(f"The query was ended after {limit_s} s: run it as a job, which may take longer.") from error
    except (Unavailable, TooManyRequests):
        raise
    except TidemillError as error:
        headers = {CODE_HEADER: error.code}
        return Response(f"{INLINE_PREFIX}{error}", HTTPStatus.INTERNAL_SERVER_ERROR, headers, media_type="text/plain")
    return raw_answer(result)


def _acting(caller: Principal) -> Principal:
    """As a job that `caller` started, or the same job where the caller is one."""
    own = caller.credential
    credential = Credential(
        kind=CredentialKind.JOB,
        label="inline",
        job_id=own.job_id,
        attempt=own.attempt,
        workspace=caller.workspace,
        impersonated_by=own.impersonated_by,
    )
    return replace(caller, credential=credential)


_ACTING: Final = ByIdentity(_acting)


async def _query(parts: Parts, acting: Principal, *, language: str, content: str, path: str, args: bytes) -> Query:
    """What is to be run. The resource that `database` names is left to `Host.resource`."""
    database = named_database(args)
    resolved = await _resolved(parts, acting, args, but_database=bool(database))
    return Query(
        language=language,
        content=content,
        path=path,
        args=resolved,
        database=database,
        contextual=_contextual(parts, acting, path) if "%%WM_" in content else {},
        timeout_s=float(parts.options.wait_result_timeout_s),
        max_result_bytes=parts.values.max_bytes,
    )


async def _resolved(parts: Parts, acting: Principal, args: bytes, *, but_database: bool) -> bytes:
    """The arguments with their references replaced."""
    if not but_database:
        return (await references.resolve(parts.database, parts.keyring, acting, args))[0]
    fields = jsontext.object_fields(args)
    kept = {DATABASE: fields.pop(DATABASE)}
    rest, _ = await references.resolve(parts.database, parts.keyring, acting, jsontext.build_object(fields))
    return jsontext.build_object(kept | jsontext.object_fields(rest))


def _contextual(parts: Parts, acting: Principal, path: str) -> dict[str, str]:
    """The variables of a job but its token; without a job many of them are empty."""
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
    return {name: value for name, value in job_environment(context).items() if name != "WM_TOKEN"}


def inline_host(parts: Parts, acting: Principal, foresight: Foresight | None = None) -> "_Hosting":
    """The host of a query that the server runs. Nothing is told of it before what it has read is on record.

    Raises:
        TooManyRequests: the server runs as many as it may.
        Unavailable: that could not be recorded.
    """
    return _Hosting(parts, acting, foresight)


class _Hosting:
    """The host, as `async with`."""

    def __init__(self, parts: Parts, acting: Principal, foresight: Foresight | None) -> None:
        self._gate = parts.inline_gate
        self._host = InlineHost(parts, acting, foresight)

    async def __aenter__(self) -> "InlineHost":
        self._gate.enter()
        return self._host

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._host.settle()
        finally:
            self._gate.leave()


class InlineHost:
    """The `Host` of an inline query: the server's own services, under the rights of whoever asks."""

    def __init__(self, parts: Parts, acting: Principal, foresight: Foresight | None) -> None:
        self.identity = f"{acting.workspace}/{acting.actor}"
        self._parts = parts
        self._acting = acting
        self._foresight = foresight
        self._recording: list[asyncio.Task[None]] = []

    async def settle(self) -> None:
        """Wait until what was read is on record."""
        for recording in self._recording:
            await asyncio.shield(recording)

    async def resource(self, path: str) -> Opened:
        """See `Host.resource`."""
        plain = path.removeprefix("$res:")
        used = await self._parts.known_resources.open(self._acting, plain, self._foresight)
        if used.recorded is not None:
            self._recording.append(used.recorded)
        return Opened(resource_type=used.opened.resource_type, value=used.opened.value)

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
