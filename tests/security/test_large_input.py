"""JSON of 100 MB, and of a million keys (C02): refused or kept, within bounds, and others are served meanwhile.

The full form of what `test_bad_input.py` tries with small bodies; `make soak` runs it.
"""

import asyncio
import contextlib
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.api.conftest import MIB, Api, no_lifespan
from tests.security.bad_input import W, send
from tidemill.db.values import Values
from tidemill.server.app import make_app
from tidemill.stores.objects.content import open_folder

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif("TIDEMILL_SOAK" not in os.environ, reason="it takes minutes; make soak runs it"),
]

SIZE = 100 * MIB
HELD_UP_S = 1.0
"""So long others may wait at most while a body of 100 MB is looked at."""


def filled(unit: bytes, *, first: bytes = b"[", last: bytes = b"null]") -> bytes:
    return first + unit * (SIZE // len(unit)) + last


ROW = b'{"id":123,"name":"Ann","ok":true,"v":1.5,"t":null},'
KEPT: dict[str, Callable[[], bytes]] = {
    "rows": lambda: filled(ROW),
    "numbers": lambda: filled(b"1,"),
    "texts": lambda: filled(b'"\\u00e9\\ud83d\\ude00 lorem ipsum",'),
    "one text": lambda: b'"' + b"x" * SIZE + b'"',
    "10^6 keys": lambda: b"{" + b",".join(b'"%d":0' % each for each in range(10**6)) + b"}",
}
REFUSED: dict[str, Callable[[], bytes]] = {
    "never closed": lambda: b"[" * SIZE,
    "deep": lambda: b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "NaN at the end": lambda: filled(ROW, last=b"NaN]"),
    "half a pair at the end": lambda: filled(b'"abc",', last=b'"\\ud800"]'),
    "a key twice at the end": lambda: filled(ROW, last=b'{"a":1,"a":2}]'),
    "arrays without end": lambda: filled(b"[],"),
    "not UTF-8 at the end": lambda: filled(ROW, last=b'"\xff"]'),
    "one integer": lambda: b"9" * SIZE,
}


@pytest.fixture
def roomy(api: Api, tmp_path: Path) -> Api:
    """The server with the bound of values that it has unless it is told otherwise."""
    content = open_folder(tmp_path / "large")
    values = Values(api.parts.database, content, inline_bytes=256 * 1024, max_bytes=128 * MIB)
    options = replace(api.parts.options, max_value_bytes=128 * MIB)
    return replace(api, app=make_app(replace(api.parts, values=values, options=options), no_lifespan))


@asynccontextmanager
async def longest_wait(waits: list[float]) -> AsyncIterator[None]:
    """Adds how long the loop was held up at most during the block, in processor time of ours: others do not count."""

    async def tick() -> None:
        last = time.process_time()
        while True:
            await asyncio.sleep(0.005)
            now = time.process_time()
            waits[0], last = max(waits[0], now - last), now

    ticking = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking


@pytest.mark.parametrize("kind", [*KEPT, *REFUSED])
async def test_a_body_of_100_mb_is_kept_or_refused_and_holds_up_nobody(roomy: Api, kind: str) -> None:
    value = (KEPT | REFUSED)[kind]()
    body = b'{"language": "bash", "content": "echo", "args": {"a": ' + value + b"}}"
    token = await roomy.token("dev@x.org")
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    before, waits = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, [0.0]
    async with longest_wait(waits):
        answer = await send(roomy.app, "POST", f"{W}/jobs/run/preview", query="", headers=headers, body=body)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    if kind in REFUSED:
        assert answer.status in {400, 413}, answer
        assert grown < 8 * SIZE
    else:
        assert answer.status == 201, answer
        job = answer.body.decode()
        kept = await send(roomy.app, "GET", f"{W}/jobs_u/get_args/{job}", query="", headers=headers, body=b"")
        assert kept.body == b'{"a": ' + value + b"}"
    print(f"{kind}: held up {max(waits):.2f} s")
    assert max(waits) < HELD_UP_S
