"""The web interface: one page for every address of it, and the files that the page is made of.

They are built from `web/` (`make web`) into `server/static/app`, and lie inside of the package. Nothing but they can
run in the page, and nothing can frame it.
"""

import secrets
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tidemill.model.errors import NotFound
from tidemill.server.lazy_route import LazyRoute

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=LazyRoute)

_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; font-src 'self'; connect-src 'self'; frame-src 'self' blob:; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_PLOT_FRAME: Final = "plot.html"
_PLOT_POLICY: Final = (
    "sandbox allow-scripts; default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
"""Of the frame that draws what scripts describe as plots: without an origin, it reaches no data and no server."""
_PLOT_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _PLOT_POLICY,
    "X-Frame-Options": "SAMEORIGIN",
}
_NONCE: Final = "__NONCE__"
_YEAR: Final = "public, max-age=31536000, immutable"
_STATIC: Final = resources.files("tidemill.server") / "static"


class Asset:
    """A file as it is sent: its bytes, the same compressed where that is less, its media type."""

    def __init__(self, body: bytes, compressed: bytes | None, media_type: str) -> None:
        self.body = body
        self.compressed = compressed
        self.media_type = media_type


def _assets(folder: Traversable) -> dict[str, Asset]:
    """The built files by name; their names tell their content, so that browsers may keep them for ever."""
    if not folder.is_dir():
        return {}
    found = {each.name: each.read_bytes() for each in folder.iterdir()}
    return {
        name: Asset(body, found.get(f"{name}.gz"), _KINDS[suffix])
        for name, body in found.items()
        if (suffix := name[name.rfind(".") :]) in _KINDS
    }


def _page(name: str) -> str:
    built = _STATIC / "app" / name
    return (built if built.is_file() else _STATIC / "unbuilt.html").read_text()


PAGE: Final = _page("index.html")
PLOT_FRAME: Final = _page(_PLOT_FRAME)
ASSETS: Final = _assets(_STATIC / "app" / "assets")


@router.get("/", response_class=Response)
@router.get("/sign-in", response_class=Response)
@router.get("/w/{page:path}", response_class=Response)
async def page() -> Response:
    """The page; the address tells it what to show. Style sheets that it makes itself carry the nonce of this answer."""
    nonce = secrets.token_urlsafe(16)
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": _POLICY.format(nonce=nonce),
        "X-Frame-Options": "DENY",
    }
    return Response(PAGE.replace(_NONCE, nonce), headers=headers, media_type="text/html")


@router.get("/assets/{name}", response_class=Response)
async def asset(request: Request, name: str) -> Response:
    """What the page is made of. Its frames have no origin, so that any may load it."""
    if name == _PLOT_FRAME:
        return Response(PLOT_FRAME, headers=_PLOT_HEADERS, media_type="text/html")
    found = ASSETS.get(name)
    if found is None:
        raise NotFound(f"There is nothing at {request.url.path[:200]!r}.")
    headers = {"Cache-Control": _YEAR, "Vary": "Accept-Encoding", "Access-Control-Allow-Origin": "*"}
    if found.compressed is None or "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.body, headers=headers, media_type=found.media_type)
    return Response(found.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type)
