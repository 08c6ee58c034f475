"""The connection of a command to a server: which one, as whom, and what its errors say."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

import typer

from tidemill.model.errors import BadRequest, Denied, NotFound, TidemillError, Unauthenticated, Unavailable
from tidemill.wiring.login_file import Login, read_login, read_server_url

Url = Annotated[str | None, typer.Option(envvar=["BASE_URL", "WM_BASE_URL"], help="URL of the server.")]
Token = Annotated[str | None, typer.Option(envvar="WM_TOKEN", help="Token for it.", show_envvar=True)]
Workspace = Annotated[str | None, typer.Option(envvar="WM_WORKSPACE", help="Workspace to work in.")]

DATA_DIR: Final = Path(".tidemill")
_TIMEOUT_S: Final = 60.0
_MOST_SAID: Final = 4000
_CANNOT: Final = 500
_KINDS: Final[dict[int, type[TidemillError]]] = {401: Unauthenticated, 403: Denied, 404: NotFound}
_SILENCE_S: Final = 45.0
"""A stream of events that says nothing for longer than this is dead: the server pings every 15 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to send requests, and as whom."""

    url: str
    token: str
    workspace: str


def find_server(*, url: str | None, token: str | None, workspace: str | None, data_dir: Path | None) -> Server:
    """The server that options and environment name, or the `tidemill up` of `data_dir` (default: `.tidemill` here).

    The login of that `up` is only ever sent to its own URL.

    Raises:
        NotFound: no server is named, and none was started here.
        Unauthenticated: there is no token for it.
    """
    folder = data_dir or DATA_DIR
    own_url = read_server_url(folder)
    chosen = (url or own_url).rstrip("/")
    if not chosen:
        raise NotFound(
            f"There is no server in {folder.absolute()}: start `tidemill up` here, or say "
            "--url, --token and --workspace."
        )
    if not chosen.startswith(("http://", "https://")):
        raise BadRequest(f"{chosen!r} is not a URL such as http://localhost:8000.")
    kept = read_login(folder) if chosen == own_url else None
    login = Login() if kept is None else kept.login
    found = Server(url=chosen, token=token or login.token, workspace=workspace or login.workspace)
    if not found.token:
        raise Unauthenticated(f"There is no token for {chosen}: say --token, or set WM_TOKEN.")
    if not found.workspace:
        raise BadRequest("Say which --workspace, or set WM_WORKSPACE.")
    return found


class Connection:
    """Requests to one workspace of one server. Redirects are not followed: they could take the token elsewhere."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._opener = OpenerDirector()
        for handler in (ProxyHandler(), HTTPHandler(), HTTPSHandler(), HTTPErrorProcessor(), HTTPDefaultErrorHandler()):
            self._opener.add_handler(handler)

    def get(self, path: str) -> bytes:
        """The body of the answer; raises as `post`."""
        return self._send(path, None, _TIMEOUT_S)

    def post(self, path: str, body: bytes, *, timeout_s: float = _TIMEOUT_S) -> bytes:
        """The body of the answer, which must begin within the time.

        Raises:
            Unavailable: the server does not answer, or cannot now.
            BadRequest: it says no.
        """
        return self._send(path, body, timeout_s)

    def events(self, path: str, *, last_id: str) -> Iterator[tuple[str, str]]:
        """Server-sent events as (id, data), those behind `last_id`, until the server ends the stream.

        Raises:
            Unavailable: the connection was lost, or stays silent.
            BadRequest: the server says no.
        """
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        with self._translated_errors(), self._open(path, None, headers=headers, timeout_s=_SILENCE_S) as answer:
            event_id = ""
            for raw in answer:
                line = raw.decode().rstrip("\n")
                if line.startswith("id: "):
                    event_id = line[4:]
                elif line.startswith("data: "):
                    yield event_id, line[6:]

    def _send(self, path: str, body: bytes | None, timeout_s: float) -> bytes:
        with self._translated_errors(), self._open(path, body, headers={}, timeout_s=timeout_s) as answer:
            found: bytes = answer.read()
            return found

    def _open(self, path: str, body: bytes | None, *, headers: dict[str, str], timeout_s: float) -> Any:
        headers = {"Authorization": f"Bearer {self._server.token}", "User-Agent": "tidemill"} | headers
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self._server.url}/api/w/{quote(self._server.workspace)}/{path}"
        return self._opener.open(Request(url, body, headers), timeout=timeout_s)  # noqa: S310  # http(s), was checked

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except HTTPError as error:
            with error:
                said = error.read(_MOST_SAID).decode(errors="replace").strip() or error.reason
            kind = _KINDS.get(error.code, Unavailable if error.code >= _CANNOT else BadRequest)
            raise kind(f"The server says: {said} ({error.code})") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise Unavailable(f"{self._server.url} does not answer ({reason}). Does `tidemill up` run?") from error
