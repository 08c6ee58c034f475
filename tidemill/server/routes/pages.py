"""The start page: plain files of the package, served so that nothing else can run in it or frame it."""

import hashlib
from importlib import resources
from typing import Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tidemill.model.errors import NotFound

router = APIRouter(tags=["pages"], include_in_schema=False)

_KINDS: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_YEAR: Final = "public, max-age=31536000, immutable"


class Page:
    """A file as it is sent: its bytes, its media type, and a digest that changes with them."""

    def __init__(self, name: str, body: bytes) -> None:
        self.body = body
        self.media_type = _KINDS[name[name.rindex(".") :]]
        self.digest = hashlib.sha256(body).hexdigest()[:16]


def _load() -> dict[str, Page]:
    """All files by name. The HTML names the others by their digests, so that browsers may keep those for ever."""
    folder = resources.files("tidemill.server") / "static"
    found = {each.name: each.read_bytes() for each in folder.iterdir() if each.name[each.name.rfind(".") :] in _KINDS}
    pages = {name: Page(name, body) for name, body in found.items() if not name.endswith(".html")}
    html = found["index.html"].decode()
    for name, page in pages.items():
        html = html.replace(f"/static/{name}", f"/static/{page.digest}/{name}")
    return pages | {"index.html": Page("index.html", html.encode())}


PAGES: Final = _load()


@router.get("/", response_class=Response)
async def start_page(request: Request) -> Response:
    """The page itself; browsers ask each time whether it has changed."""
    return _answer(request, PAGES["index.html"], caching="no-cache")


@router.get("/static/{digest}/{name}", response_class=Response)
async def static_file(request: Request, digest: str, name: str) -> Response:
    """What the page is made of. Under a digest of another release it is sent as well, but not to be kept."""
    page = PAGES.get(name)
    if page is None or page.media_type == "text/html":
        raise NotFound(f"There is nothing at {request.url.path[:200]!r}.")
    return _answer(request, page, caching=_YEAR if digest == page.digest else "no-cache")


def _answer(request: Request, page: Page, *, caching: str) -> Response:
    etag = f'"{page.digest}"'
    headers = {"ETag": etag, "Cache-Control": caching, "Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known:
        return Response(status_code=304, headers=headers)
    return Response(page.body, headers=headers, media_type=page.media_type)
