"""The S3 endpoint below the address of the API, where Windmill's clients look for it."""

from typing import Final

from fastapi import APIRouter
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.server.s3.gateway import Gateway

METHODS: Final = ("GET", "PUT", "POST", "DELETE")


class S3Proxy:
    """An ASGI app: buckets are below `/api/w/<workspace>/s3_proxy/`. Each request authenticates itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gateway: Gateway = scope["app"].state.gateway
        workspace = scope["path_params"]["workspace"]
        await gateway.serve(scope, receive, send, below=f"/api/w/{workspace}/s3_proxy/", workspace=workspace)


_PATH: Final = "/api/w/{workspace}/s3_proxy"

router = APIRouter(
    routes=[Route(_PATH, S3Proxy(), methods=METHODS), Route(f"{_PATH}/{{key:path}}", S3Proxy(), methods=METHODS)]
)
