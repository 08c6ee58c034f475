"""Tries out step by step what an object store must be able to do, on a small object of its own."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import ClassVar, Final
from urllib.parse import urlsplit

from tidemill.engine.egress import EVERYWHERE, Egress
from tidemill.model.errors import (
    AddressClosed,
    Conflict,
    PreconditionFailed,
    StorageMisconfigured,
    TidemillError,
    Unsupported,
)
from tidemill.model.resource_type import unknown_fields
from tidemill.stores.objects import open_store
from tidemill.stores.objects.port import CREATE, ObjectStore, Part, Remote
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.connections import Connections, NotConnected
from tidemill.stores.objects.remote.http import tls_context

PROBES: Final = ".tidemill-probe-"
"""What keys of an examination begin with; each is removed at its end."""
LIMIT_S: Final = 10.0
_MOST_SKEW_S: Final = 60.0
_CONTENT: Final = b"Tidemill tries out whether it can use this storage."


class Outcome(StrEnum):
    """Of a step. UNSUPPORTED: the store lacks it, and all else works without."""

    FINE = "fine"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Step:
    """What was tried, and what came of it. `advice` says what is wrong and how to mend it, "" where nothing is."""

    name: str
    outcome: Outcome
    advice: str = ""


async def examine(store: ObjectStore, *, egress: Egress = EVERYWHERE) -> AsyncGenerator[Step]:
    """The steps as they are done, under the rule that the store obeys.

    Nothing is written where the store cannot be listed or written; nothing is left.
    """
    key = PROBES + secrets.token_hex(8)
    for name, act in store.ways() if isinstance(store, Remote) else ():
        reached = await _try(name, act)
        yield reached
        if reached.outcome is Outcome.FAILED:
            return
    yield await _try("list objects", lambda: _list(store))
    written = await _try("write an object", lambda: _write(store, key))
    if written.outcome is not Outcome.FINE:
        yield written
        return
    try:
        yield written
        yield await _try("read a range of it", lambda: _read(store, key))
        yield await _try("write on a condition", lambda: _write_on_condition(store, key))
        yield await _try("upload in parts", lambda: _upload(store, key))
        yield await _try("agree on the time", lambda: _compare_clocks(store, key))
        if store.can.signed_urls:
            yield await _try("read by a signed address", lambda: _read_signed(store, key, egress))
    finally:
        removed = await _try("delete it", lambda: _delete(store, key))
    yield removed


def passed_over(kind: str, names: Sequence[str]) -> Step:
    """The step that tells of fields of a resource of this kind that mean nothing."""
    if not names:
        return Step("understand every field", Outcome.FINE)
    shown = ", ".join(name[:60] for name in names[:10])
    advice = f"a resource of type {kind} has no such field, and passes it over: {shown}."
    return Step("understand every field", Outcome.UNSUPPORTED, advice)


async def summed_up(
    store: ObjectStore, *, egress: Egress, before: Sequence[Step] = (), limit_s: float = LIMIT_S
) -> str:
    """What came of an examination, in a sentence or some.

    Raises:
        Conflict: a step failed, or all of them took longer than `limit_s`; the message says how to mend it.
    """
    try:
        async with asyncio.timeout(limit_s):
            steps = [*before, *[step async for step in examine(store, egress=egress)]]
    except TimeoutError as error:
        raise Conflict(
            f"The storage took longer than {limit_s:g} seconds: check endPoint, port and firewalls."
        ) from error
    if failed := [step for step in steps if step.outcome is Outcome.FAILED]:
        raise Conflict(f"It cannot {failed[0].name}. {failed[0].advice}")
    lacking = [f" It cannot {step.name}: {step.advice}" for step in steps if step.outcome is Outcome.UNSUPPORTED]
    return "Objects can be listed, written, read and deleted." + "".join(lacking)


class BucketTest:
    """A `ConnectionTest` of one kind of storage.

    Attributes:
        limit_s: all steps together may take so long.
    """

    kind: ClassVar[str]
    limit_s: ClassVar[float] = LIMIT_S

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def test(self, value: Mapping[str, object]) -> str:
        """See `ConnectionTest.test`."""
        try:
            store = open_store(self.kind, value, egress=self._egress)
        except StorageMisconfigured as error:
            raise Conflict(str(error)) from error
        try:
            fields = passed_over(self.kind, unknown_fields(self.kind, value))
            return await summed_up(store, egress=self._egress, before=[fields], limit_s=self.limit_s)
        finally:
            await store.close()


class S3Test(BucketTest):
    """Of the resource type `s3`."""

    kind = "s3"


class AzureTest(BucketTest):
    """Of the resource type `azure_blob`."""

    kind = "azure_blob"


class GcsTest(BucketTest):
    """Of the resource type `gcloud_storage`."""

    kind = "gcloud_storage"


async def _try(name: str, act: Callable[[], Awaitable[None]]) -> Step:
    try:
        await act()
    except Unsupported as error:
        return Step(name, Outcome.UNSUPPORTED, str(error))
    except TidemillError as error:
        return Step(name, Outcome.FAILED, str(error))
    return Step(name, Outcome.FINE)


async def _list(store: ObjectStore) -> None:
    await store.scan("", limit=1)


async def _write(store: ObjectStore, key: str) -> None:
    await store.put(key, _body(_CONTENT), size_bytes=len(_CONTENT))


async def _read(store: ObjectStore, key: str) -> None:
    reading = await store.get(key, start=9, end=14)
    found = b"".join([piece async for piece in reading.body])
    if found != _CONTENT[9:14]:
        raise StorageMisconfigured("What was read is not what was written: is there a cache in between?")


async def _write_on_condition(store: ObjectStore, key: str) -> None:
    with suppress(PreconditionFailed):
        await store.put(key, _body(_CONTENT), size_bytes=len(_CONTENT), condition=CREATE)
        raise Unsupported("the storage overwrites what must not be there.")


async def _upload(store: ObjectStore, key: str) -> None:
    upload = await store.start_upload(key)
    try:
        part: Part = await store.put_part(key, upload, 1, _body(_CONTENT), size_bytes=len(_CONTENT))
        await store.complete_upload(key, upload, [part])
    except TidemillError:
        with suppress(TidemillError):
            await store.abort_upload(key, upload)
        raise


async def _compare_clocks(store: ObjectStore, key: str) -> None:
    """By when the store says that it wrote the object just now."""
    ahead_s = (datetime.now(UTC) - (await store.head(key)).modified_at).total_seconds()
    if abs(ahead_s) > _MOST_SKEW_S:
        way = "ahead of" if ahead_s > 0 else "behind"
        raise Unsupported(
            f"this machine's clock is {abs(ahead_s):.0f} s {way} the storage's: set it by NTP. Beyond 15 minutes most "
            "storages refuse all requests."
        )


async def _read_signed(store: ObjectStore, key: str, egress: Egress) -> None:
    """As somebody without our keys and authorities does."""
    place = urlsplit(await store.sign("GET", key, expires_s=60))
    tls = tls_context() if place.scheme == "https" else None
    connections = Connections(f"{place.scheme}://{place.netloc}", tls=tls, egress=egress)
    try:
        response = await connections.open("GET", f"{place.path}?{place.query}", {}, Held())
        with closing(response):
            found = await response.read(2 * len(_CONTENT))
    except (AddressClosed, OSError) as error:
        if isinstance(error, NotConnected) and isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise Unsupported(
                f"the certificate of {place.netloc} is only known to those who have your authority's: others cannot "
                "follow addresses that are signed for it."
            ) from error
        raise StorageMisconfigured(f"{place.netloc} is not reached by a signed address: {error}.") from error
    finally:
        connections.close()
    if found != _CONTENT:
        raise StorageMisconfigured(
            f"{place.netloc} answers a signed address with {response.status}: check region, pathStyle and clocks."
        )


async def _delete(store: ObjectStore, key: str) -> None:
    await store.delete(key)


async def _body(content: bytes) -> AsyncIterator[bytes]:
    yield content
