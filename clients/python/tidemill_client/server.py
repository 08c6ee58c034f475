"""Requests to the server, through the connection that `wmill` has made."""

import threading
from typing import Final
from urllib.parse import quote

import httpx
import wmill

from tidemill_client.errors import TidemillClientError

JsonValue = object

_making_client: Final = threading.Lock()
_CODES: Final = {
    400: "bad_request", 401: "unauthenticated", 403: "denied", 404: "not_found", 409: "conflict",
    412: "version_mismatch", 413: "too_large", 429: "too_many_requests", 503: "unavailable",
}  # fmt: skip


class Server:
    """The server and workspace that `wmill` is configured for."""

    def __init__(self) -> None:
        with _making_client:  # threads that come here first together would each make one
            wmill.get_workspace()
            made = wmill.client._client  # noqa: SLF001 - it has no public name
        assert made is not None
        self._wmill = made
        self._workspace = str(made.workspace)

    @property
    def mocked_resources(self) -> dict[str, JsonValue] | None:
        """Resources of the file in `WM_MOCKED_API_FILE`, live; None where there is no such file."""
        mocked = self._wmill.mocked_api
        return None if mocked is None else mocked["resources"]

    def read(self, route: str, path: str) -> httpx.Response:
        """GET; 404 is an answer, every other refusal an error."""
        request = self._request("GET", route, path)
        response = self._send(request, writes=False)
        return response if response.status_code == 404 else _checked(response)

    def write(
        self,
        route: str,
        path: str,
        *,
        body: dict[str, JsonValue],
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        """POST; 409 is an answer, every other refusal an error."""
        request = self._request("POST", route, path, body=body, headers=headers, timeout_s=timeout_s)
        response = self._send(request, writes=True)
        return response if response.status_code in {409, 412} else _checked(response)

    def _request(
        self,
        method: str,
        route: str,
        path: str,
        *,
        body: dict[str, JsonValue] | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Request:
        url = f"/w/{quote(self._workspace, safe='')}/{route}" + (f"/{quote(path, safe='/')}" if path else "")
        timeout = httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s
        return self._wmill.client.build_request(method, url, json=body, headers=headers, timeout=timeout)

    def _send(self, request: httpx.Request, *, writes: bool) -> httpx.Response:
        try:
            return self._wmill.client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as e:
            raise TidemillClientError(f"The server cannot be reached: {e}", code="unavailable") from e
        except httpx.TransportError as e:
            if not writes:
                raise TidemillClientError(f"The server did not answer: {e}", code="unavailable") from e
            raise TidemillClientError(
                f"The server did not answer, and may have written or not ({e}). Read the value before you repeat it.",
                code="outcome_unknown",
            ) from e


def version_of(response: httpx.Response) -> int:
    """The number in the `ETag`.

    Raises:
        TidemillClientError: `no_version`, there is none.
    """
    tag = response.headers.get("etag", "").removeprefix("W/").strip('"')
    if tag.isascii() and tag.isdigit():
        return int(tag)
    raise TidemillClientError(
        "The server sent no version with the value, so a safe update is not possible. Is it a Tidemill server?",
        code="no_version",
        status=response.status_code,
    )


def current_version(conflict: httpx.Response) -> int:
    """The version that a 409 tells of; 0 where it tells none."""
    tag = conflict.headers.get("etag", "").removeprefix("W/").strip('"')
    return int(tag) if tag.isascii() and tag.isdigit() else 0


def fields_of(response: httpx.Response) -> dict[str, JsonValue]:
    """The JSON object in the body; empty where it is none."""
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    body = fields_of(response)
    error = body.get("error")
    told = error if isinstance(error, dict) else body
    code = told.get("code") or told.get("name") or _CODES.get(response.status_code, "internal")
    message = told.get("message") or response.text[:2000]
    where = f"{response.request.method} {response.request.url.path}"
    raise TidemillClientError(
        f"{where} answered {response.status_code}: {message}", code=str(code), status=response.status_code
    )
