"""What a script in a query language may ask of us. A module of its own: to import aiohttp takes a while."""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, Self

import aiohttp

from tidemill.db.queue import ClaimedJob
from tidemill.model.errors import Unavailable, error_of
from tidemill.queries.arguments import Pointer, read_pointer, written_pointer
from tidemill.queries.port import Opened
from tidemill.worker.context import WorkerParts
from tidemill.worker.output import Output

_CHUNK: Final = 256 * 1024
_CODE_HEADER: Final = "X-Tidemill-Error"


class JobHost:
    """The `Host` of a job: acts through the API with the job's token, and notes what it reads before it gets it."""

    def __init__(
        self, parts: WorkerParts, job: ClaimedJob, output: Output, *, token: str, client: aiohttp.ClientSession
    ) -> None:
        self.identity = f"{job.workspace_id}/{job.permissioned_as}"
        self._parts = parts
        self._job = job
        self._output = output
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        network = parts.options.network
        self._api = f"http://{network.api_host}:{network.api_host_port}/api/w/{job.workspace_id}"

    @classmethod
    @asynccontextmanager
    async def connected(cls, parts: WorkerParts, job: ClaimedJob, output: Output, *, token: str) -> AsyncIterator[Self]:
        """The host of a job, with connections of its own to the server."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=900)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as client:
            yield cls(parts, job, output, token=token, client=client)

    async def resource(self, path: str) -> Opened:
        """See `Host.resource`."""
        opened, secrets = await self._parts.data.resource(self._job, path.removeprefix("$res:"))
        self._output.remember(secrets)
        return opened

    async def upload(self, chunks: AsyncIterable[bytes], *, key: str, storage: str, content_type: str) -> bytes:
        """See `Host.upload`."""
        body = _Body(chunks)
        query = {"file_key": key, "storage": storage, "content_type": content_type}
        url = f"{self._api}/job_helpers/upload_s3_file"
        try:
            async with self._client.post(url, params=_given(query), data=body, headers=self._headers) as answer:
                await _check(answer)
        except aiohttp.ClientError as error:
            if body.error is not None:
                raise body.error from error
            raise Unavailable(f"The server does not take the object {key}: {error}") from error
        return written_pointer(Pointer(key, storage))

    async def download(self, pointer: bytes) -> AsyncIterator[bytes]:
        """See `Host.download`."""
        at = read_pointer(pointer)
        query = {"file_key": at.key, "storage": at.storage}
        url = f"{self._api}/job_helpers/download_s3_file"
        try:
            async with self._client.get(url, params=_given(query), headers=self._headers) as answer:
                await _check(answer)
                async for chunk in answer.content.iter_chunked(_CHUNK):
                    yield chunk
        except aiohttp.ClientError as error:
            raise Unavailable(f"The server does not give the object {at.key}: {error}") from error

    async def log(self, text: str) -> None:
        """See `Host.log`."""
        await self._output.take(text.encode())

    async def touched(self, kind: str, address: str, *, is_write: bool) -> None:
        """See `Host.touched`."""
        await self._parts.data.touched(self._job, kind, address, is_write=is_write)


class _Body:
    """Passes chunks on, and remembers the error that ended them: the client library would tell its own instead."""

    def __init__(self, chunks: AsyncIterable[bytes]) -> None:
        self._chunks = chunks
        self.error: BaseException | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except BaseException as error:
            self.error = error
            raise


def _given(query: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if value}


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status >= 400:
        raise error_of(answer.headers.get(_CODE_HEADER, ""), await answer.text())
