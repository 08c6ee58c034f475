"""`s3`: the S3 endpoint of `api` on a port of its own, and clients of it.

    async def test_something(s3: S3) -> None:
        client = s3.client(await s3.credentials("ada"))
        await run(client.put_object, Bucket="_default_", Key="k", Body=b"v")

The endpoint runs in the loop of the test, so clients, which block, are called in a thread: `run`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.api.conftest import Api
from tidemill.db.identity import principal_by_name
from tidemill.model.identity import Principal
from tidemill.server import auth
from tidemill.server.s3 import credentials
from tidemill.server.s3.credentials import S3Credentials
from tidemill.server.s3.gateway import Gateway
from tidemill.wiring.listening import listening_socket
from tidemill.wiring.server import serving

BUCKET = "_default_"


@dataclass
class S3:
    """The endpoint: on a port of its own (`url`), and below the API (`proxy`, where the whole app listens)."""

    api: Api
    url: str
    proxy: str

    async def credentials(self, username: str, *, workspace: str = "main", **options: Any) -> S3Credentials:
        """Those of a new personal token of `<username>@x.org`; `options` as in `db/tokens.NewToken`."""
        token = await self.api.token(f"{username}@x.org", **options)
        return credentials.of_token(self.api.parts, auth.hash_of(token), workspace)

    async def of_job(self, username: str) -> S3Credentials:
        """Those of a job of a member of `main` that runs now."""
        job = await self.api.job(username)
        return credentials.of_job(job.headers["authorization"].removeprefix("Bearer "))

    async def caller(self, username: str) -> Principal:
        """The member of `main`, for calls of the object service itself."""
        return await principal_by_name(self.api.parts.database, f"{username}@x.org", "main")

    def client(self, keys: S3Credentials, *, url: str = "", session_token: str | None = None, **config: Any) -> Any:
        """A boto3 client."""
        return boto3.client(
            "s3",
            endpoint_url=url or self.url,
            aws_access_key_id=keys.access_key,
            aws_secret_access_key=keys.secret_key,
            aws_session_token=session_token,
            region_name="eu-anywhere-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}, **config),
        )

    async def admin(self, **config: Any) -> Any:
        """A client of `ada`, who is an admin of `main`."""
        return self.client(await self.credentials("ada"), **config)


async def run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What a call that blocks gives."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def refusal(call: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[int, str]:
    """Status and code of a call that is refused."""
    with pytest.raises(ClientError) as caught:
        await run(call, *args, **kwargs)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@asynccontextmanager
async def listening(app: Any) -> AsyncIterator[str]:
    """`app` on a free port, during the block; its URL."""
    with listening_socket("127.0.0.1", 0) as bound:
        async with serving(app, bound, trusted_proxies="", has_lifespan=False):
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
async def s3(api: Api) -> AsyncIterator[S3]:
    async with listening(Gateway(api.parts)) as url, listening(api.app) as whole:
        yield S3(api, url, f"{whole}/api/w/main/s3_proxy")
