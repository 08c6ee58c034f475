"""States and resources that are changed by a function, safely while others change them too."""

import copy
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import httpx

from tidemill_client.errors import TidemillClientError, VersionMismatch
from tidemill_client.server import Server, current_version, version_of

FIRST_WAIT_S: Final = 0.005
LONGEST_WAIT_S: Final = 0.5
STEP_WAIT_S: Final = 0.1
STEP_PATIENCE_S: Final = 60.0
"""A step of another flow may hold a state for as long as it runs."""

_RESOURCE_PATH: Final = re.compile(r"[uf]/[^/]+/.+")
_mocking: Final = threading.Lock()


class Versioned(NamedTuple):
    """A value and its version: 1 or more, and 0 (with the value None) where there is none yet."""

    value: Any
    version: int


def get_state_versioned(path: str | None = None) -> Versioned:
    """The state at `path` (default: this script's own) as it was written, and its version.

    Unlike `wmill.get_state`, a read that fails is an error and never looks like "no state yet", and `$var:` and `$res:`
    in it are not replaced.

    Raises:
        TidemillClientError: the server refused, or cannot be reached.
    """
    return _read(Server(), path or _state_path())


def update_state(fn: Callable[[Any], Any], path: str | None = None, *, default: Any = None, attempts: int = 50) -> Any:
    """Sets the state to `fn(state)` and gives the new state, however many others do so at the same time.

    `fn` gets the state (a copy of `default` where there is none) and must return the new one. It is called again when
    somebody else wrote in between, so it should do nothing but compute. To set null, use `wmill.set_state(None)`.

    In a step of a flow the new state counts when the step ends well, together with its result. Until then the step
    itself sees it, and other steps that want to change it wait here for up to a minute.

    Raises:
        VersionMismatch: others were faster `attempts` times.
        TidemillClientError: the server refused or cannot be reached; nothing was written, unless the code is
            `outcome_unknown`.
    """
    return _update(fn, path or _state_path(), default=default, attempts=attempts, create_as="state")


def update_resource(path: str, fn: Callable[[Any], Any], *, attempts: int = 50) -> Any:
    """Sets the value of the resource at `path` to `fn(value)` and gives the new value; see `update_state`.

    `fn` sees the value as it was written: `$var:` and `$res:` in it are not replaced, so no secret is written back.

    Raises:
        VersionMismatch: others were faster `attempts` times.
        TidemillClientError: `not_found` where there is no such resource; else as `update_state`.
    """
    return _update(fn, path, default=None, attempts=attempts, create_as=None)


def increment(key_or_path: str, by: float = 1) -> Any:
    """Adds `by` to a number and gives the sum; what is not there counts as 0 and is made.

    A key means a number in this script's state, which is an object. A path (`u/…/…`, `f/…/…`) means a resource whose
    whole value is the number.

    Raises:
        TidemillClientError: `not_a_number` where something else is there; else as `update_state`.
    """
    if _RESOURCE_PATH.fullmatch(key_or_path):
        return _update(
            lambda old: _sum(old, by, where=key_or_path), key_or_path, default=0, attempts=50, create_as="any"
        )

    def add(state: Any) -> Any:
        if not isinstance(state, dict):
            raise TidemillClientError(
                f"The state is no object, so it has no key {key_or_path!r} to count in.", code="not_a_number"
            )
        return state | {key_or_path: _sum(state.get(key_or_path, 0), by, where=key_or_path)}

    return update_state(add, default={})[key_or_path]


def _sum(old: Any, by: float, *, where: str) -> Any:
    if isinstance(old, bool) or not isinstance(old, int | float):
        raise TidemillClientError(f"{where} holds no number, so nothing can be added to it.", code="not_a_number")
    return old + by


def _state_path() -> str:
    path = os.environ.get("WM_STATE_PATH_NEW") or os.environ.get("WM_STATE_PATH")
    if not path:
        raise TidemillClientError(
            "This is no job, so there is no state of its own; give the path of one.", code="no_state_path"
        )
    return path


def _update(fn: Callable[[Any], Any], path: str, *, default: Any, attempts: int, create_as: str | None) -> Any:
    if attempts < 1:
        raise ValueError("attempts must be at least 1")
    server = Server()
    if server.mocked_resources is not None:
        return _update_mocked(fn, path, server=server, default=default, create_as=create_as)
    current, told = 0, ""
    waits_until = time.monotonic() + STEP_PATIENCE_S
    for _ in _paced(attempts):
        new, answer = _try(server, fn, path, default=default, create_as=create_as)
        while answer.headers.get("x-tidemill-error") == "write_pending" and time.monotonic() < waits_until:
            time.sleep(random.uniform(0, STEP_WAIT_S))  # noqa: S311 - spreads load, keeps no secret
            new, answer = _try(server, fn, path, default=default, create_as=create_as)
        if answer.is_success:
            return new
        current, told = current_version(answer), answer.text[:500]
    raise VersionMismatch(
        f"{path} was changed by others each of the {attempts} times that it was tried. The server said: {told}",
        current=current,
    )


def _try(
    server: Server, fn: Callable[[Any], Any], path: str, *, default: Any, create_as: str | None
) -> tuple[Any, httpx.Response]:
    """What `fn` gives for what is there now, and the answer to writing it."""
    old = _read(server, path)
    new = _next(fn, old, path, default=default, create_as=create_as)
    return new, _write(server, path, new, version=old.version, create_as=create_as)


def _next(fn: Callable[[Any], Any], old: Versioned, path: str, *, default: Any, create_as: str | None) -> Any:
    if old.version == 0 and create_as is None:
        raise TidemillClientError(f"There is no resource at {path}, or you may not see it.", code="not_found")
    # A copy each time: a function that changes its argument would else change the default of the next attempt.
    given = copy.deepcopy(default) if old.version == 0 else old.value
    new = fn(copy.deepcopy(given))
    if new is None and given is not None:
        raise TidemillClientError(
            f"The function returned None, which would erase {path}. Return the new value; a `dict.update` or "
            "`list.append` as the last expression returns None.",
            code="no_value",
        )
    return new


def _read(server: Server, path: str) -> Versioned:
    mocked = server.mocked_resources
    if mocked is not None and path in mocked:
        return Versioned(mocked[path], 1)
    # The raw value: writing back an interpolated one would put secrets in the clear.
    answer = server.read("resources/get_value", path)
    return Versioned(None, 0) if answer.status_code == 404 else Versioned(answer.json(), version_of(answer))


def _write(server: Server, path: str, value: Any, *, version: int, create_as: str | None) -> httpx.Response:
    if version:
        tag = {"If-Match": f'"{version}"'}
        return server.write("resources/update_value", path, body={"value": value}, headers=tag)
    body = {"path": path, "value": value, "resource_type": create_as}
    return server.write("resources/create", "", body=body, headers={"If-None-Match": "*"})


def _update_mocked(fn: Callable[[Any], Any], path: str, *, server: Server, default: Any, create_as: str | None) -> Any:
    """As `wmill` does it with a mocked API: reads fall through to the server, writes stay in memory."""
    with _mocking:
        new = _next(fn, _read(server, path), path, default=default, create_as=create_as)
        assert server.mocked_resources is not None
        server.mocked_resources[path] = new
        return new


def _paced(attempts: int) -> Iterator[int]:
    """Counts attempts, with a random and growing wait between them, so that writers do not march in step."""
    wait_s = FIRST_WAIT_S
    for attempt in range(attempts):
        if attempt:
            time.sleep(random.uniform(0, wait_s))  # noqa: S311 - spreads load, keeps no secret
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)
        yield attempt
