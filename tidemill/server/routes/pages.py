"""The web interface: one page for every address of it, and the files that the page is made of.

They are built from `web/` (`make web`) into `server/static/app`, and lie inside of the package. Nothing but they can
run in the page, and nothing can frame it.
"""

import secrets
from functools import cached_property
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
    """A file as it is sent, read when somebody first asks for it: the library of plots alone has 5 MB."""

    def __init__(self, file: Traversable, compressed: Traversable | None, media_type: str) -> None:
        self._file, self._compressed = file, compressed
        self.media_type = media_type

    @cached_property
    def body(self) -> bytes:
        """Its bytes."""
        return self._file.read_bytes()

    @cached_property
    def compressed(self) -> bytes | None:
        """The same by gzip, where that is less."""
        return None if self._compressed is None else self._compressed.read_bytes()


def _assets(folder: Traversable) -> dict[str, Asset]:
    """The built files by name; their names tell their content, so that browsers may keep them for ever."""
    if not folder.is_dir():
        return {}
    found = {each.name: each for each in folder.iterdir()}
    return {
        name: Asset(file, found.get(f"{name}.gz"), _KINDS[suffix])
        for name, file in found.items()
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
    takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
    try:
        compressed = found.compressed if takes_gzip else None
        body = found.body if compressed is None else compressed
    except FileNotFoundError:
        raise NotFound(f"{name} was built anew since this server began: restart the server.") from None
    headers = {"Cache-Control": _YEAR, "Vary": "Accept-Encoding", "Access-Control-Allow-Origin": "*"}
    if compressed is not None:
        headers["Content-Encoding"] = "gzip"
    return Response(body, headers=headers, media_type=found.media_type)
