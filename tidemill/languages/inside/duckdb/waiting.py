"""What a statement writes to workspace storage becomes objects once it has succeeded.

DuckDB by itself completes its uploads when it gives up, too, and leaves no object where it had nothing to write.
"""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from duckdb import DuckDBPyConnection

from .engine import storage_secret
from .faults import NotStored

_TIMEOUT_S: Final = 3600.0
_ATTEMPTS: Final = 6
_PAUSE_S: Final = 0.1
_OF_SERVER: Final = 500


@contextmanager
def whole(engine: DuckDBPyConnection, *, line: int) -> Iterator[None]:
    """Objects that the statement in this line writes within the block are there behind it, or none of them is."""
    statement = str(uuid.uuid4())
    secret = "".join(storage_secret(statement))
    if not secret:
        yield
        return
    engine.execute(secret)
    try:
        yield
    except BaseException:
        with suppress(NotStored):  # then it goes by itself
            _settle(statement, keep=False, line=line)
        raise
    _settle(statement, keep=True, line=line)
    engine.execute("".join(storage_secret()))


def _settle(statement: str, *, keep: bool, line: int) -> None:
    """Asked again where the answer is lost: what is settled already does not wait any more.

    Raises:
        NotStored: the server refuses it.
    """
    api, workspace = os.environ["BASE_INTERNAL_URL"], os.environ.get("WM_WORKSPACE", "")
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{api}/api/w/{workspace}/object_uploads/settle/{statement}?keep={'true' if keep else 'false'}",
        data=b"",
        headers={"Authorization": f"Bearer {os.environ['WM_TOKEN']}"},
    )
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                json.load(answer)
                return
        except urllib.error.HTTPError as error:
            if error.code < _OF_SERVER or attempt == _ATTEMPTS:
                told = error.read().decode(errors="replace")[:1000]
                raise NotStored(f"Line {line}: {told}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if attempt == _ATTEMPTS:
                raise NotStored(f"Line {line}: the server does not take what was written: {error}") from error
        time.sleep(_PAUSE_S * 2**attempt)
