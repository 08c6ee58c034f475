"""The S3 endpoint below the address of the API, where Windmill's clients look for it; public links lead here too."""

from typing import Final

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tidemill.engine.object_link import is_link
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import BadRequest, TidemillError
from tidemill.model.object_address import Address, named
from tidemill.server.errors import answer
from tidemill.server.parts import Parts
from tidemill.server.s3.gateway import Gateway
from tidemill.server.s3.request import decode_path

METHODS: Final = ("GET", "PUT", "POST", "DELETE")


class S3Proxy:
    """An ASGI app: buckets are below `/api/w/<workspace>/s3_proxy/`. Each request authenticates itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        workspace = scope["path_params"]["workspace"]
        below = f"/api/w/{workspace}/s3_proxy/"
        if scope["method"] in {"GET", "HEAD"} and is_link(QueryParams(scope["query_string"])):
            answer = await _follow(Request(scope), workspace, below=below)
            await answer(scope, receive, send)
            return
        gateway: Gateway = scope["app"].state.gateway
        await gateway.serve(scope, receive, send, below=below, workspace=workspace)


async def _follow(request: Request, workspace: str, *, below: str) -> Response:
    """What a public link leads to. The key is decoded once, as the gateway does it: it is what was signed."""
    parts: Parts = request.app.state.parts
    try:
        bucket, _, key = decode_path(request.scope["raw_path"]).removeprefix(below).partition("/")
        at = Address(named(bucket), key)
        head = request.method == "HEAD"
        return await parts.links.follow(workspace, at, query=request.query_params, headers=request.headers, head=head)
    except S3Fault as error:
        return answer(BadRequest(str(error)))
    except TidemillError as error:
        return answer(error)


_PATH: Final = "/api/w/{workspace}/s3_proxy"

router = APIRouter(
    routes=[Route(_PATH, S3Proxy(), methods=METHODS), Route(f"{_PATH}/{{key:path}}", S3Proxy(), methods=METHODS)]
)
