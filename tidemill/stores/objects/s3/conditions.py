"""What an S3 server makes of `If-Match` and `If-None-Match`: some ignore them, and would overwrite what they must not.

So it is tried out on a small object of our own, once for each store, and only when a condition is first asked for.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

from tidemill.model.errors import PreconditionFailed, TidemillError, Unsupported
from tidemill.stores.objects.port import Condition, Part
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.headers import read_etag
from tidemill.stores.objects.remote.xml import parse
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.xml import completion

PROBES: Final = ".tidemill/probe-"
"""Keys of objects that are made to try something out, and removed at once."""
OTHER: Final = "0" * 32
"""An ETag that no object has."""


class Style(Enum):
    """How `If-Match` names an ETag on a put; NONE: conditions are ignored or refused."""

    QUOTED = '"{}"'
    BARE = "{}"  # Ceph 16 compares the text with its own, which has no quotes
    NONE = ""


@dataclass(slots=True)
class Learned:
    """What is known so far; None: not tried yet."""

    style: Style | None = None
    on_complete: bool | None = None
    on_delete: Style | None = None


class Conditions:
    """Decides which headers stand for a condition."""

    def __init__(self, client: S3Client, learned: Learned) -> None:
        self._client = client
        self.learned = learned
        self._trying = asyncio.Lock()

    async def for_put(self, condition: Condition) -> dict[str, str]:
        """Headers that make a put conditional.

        Raises:
            Unsupported: the server does not decide conditions.
        """
        if not condition.create and not condition.etag:
            return {}
        async with self._trying:
            if self.learned.style is None:
                self.learned.style = await self._try_put()
        if self.learned.style is Style.NONE:
            raise Unsupported(
                f"{self._client.config.host} ignores If-Match and If-None-Match, so nothing can be written there on a "
                "condition; a newer version of the server may help."
            )
        return self._headers(condition)

    async def for_complete(self, condition: Condition) -> dict[str, str]:
        """Headers that make the completion of an upload conditional.

        Raises:
            Unsupported: the server does not decide conditions there.
        """
        headers = await self.for_put(condition)
        if headers and not await self.on_complete():
            raise Unsupported(
                f"{self._client.config.host} decides conditions when an object is put, but not when a multipart upload "
                "is completed."
            )
        return headers

    async def for_delete(self, etag: str) -> dict[str, str]:
        """Headers that make a delete conditional; none for the etag "".

        Raises:
            Unsupported: the server deletes whatever is there.
        """
        if not etag:
            return {}
        async with self._trying:
            if self.learned.on_delete is None:
                self.learned.on_delete = await self._try_delete()
        if self.learned.on_delete is Style.NONE:
            raise Unsupported(
                f"{self._client.config.host} ignores If-Match when it deletes, so nothing can be deleted there on a "
                "condition; a newer version of the server may help."
            )
        return {"if-match": self.learned.on_delete.value.format(etag)}

    async def on_complete(self) -> bool:
        """Whether the completion of a multipart upload can be conditional."""
        async with self._trying:
            if self.learned.on_complete is None:
                self.learned.on_complete = await self._try_complete()
            return self.learned.on_complete

    def _headers(self, condition: Condition) -> dict[str, str]:
        assert self.learned.style is not None
        if condition.create:
            return {"if-none-match": "*"}
        return {"if-match": self.learned.style.value.format(condition.etag)}

    async def _try_put(self) -> Style:
        async with self._probe() as key:
            if not await self._is_refused(key, {"if-none-match": "*"}):
                return Style.NONE
            for style in (Style.QUOTED, Style.BARE):
                if not await self._is_refused(key, {"if-match": style.value.format(OTHER)}):
                    return Style.NONE
                etag = read_etag((await self._client.call("HEAD", key, what="try a condition out")).headers)
                if not await self._is_refused(key, {"if-match": style.value.format(etag)}):
                    return style
        return Style.NONE

    async def _is_refused(self, key: str, headers: dict[str, str]) -> bool:
        try:
            await self._client.call(
                "PUT", key, what="try a condition out", headers=headers, body=Held([b"2"]), once=True
            )
        except PreconditionFailed:
            return True
        except Unsupported:
            return False
        return False

    async def _try_delete(self) -> Style:
        """A server that compares an ETag refuses another one, and takes the right one as it wants it written."""
        async with self._probe() as key:
            what = "try a conditional delete out"
            etag = read_etag((await self._client.call("HEAD", key, what=what)).headers)
            for style in (Style.QUOTED, Style.BARE):
                if await self._is_deleted(key, style.value.format(OTHER)):
                    return Style.NONE
                if await self._is_deleted(key, style.value.format(etag)):
                    return style
        return Style.NONE

    async def _is_deleted(self, key: str, etag: str) -> bool:
        try:
            await self._client.call(
                "DELETE", key, what="try a conditional delete out", headers={"if-match": etag}, once=True
            )
        except (PreconditionFailed, Unsupported):
            return False
        return True

    async def _try_complete(self) -> bool:
        async with self._probe() as key:
            what = "try a conditional upload out"
            begun = await self._client.call("POST", key, what=what, query=[("uploads", "")])
            upload = ("uploadId", parse(begun.body).findtext("UploadId", ""))
            sent = await self._client.call(
                "PUT", key, what=what, query=[("partNumber", "1"), upload], body=Held([b"part"])
            )
            body = Held([completion([Part(number=1, size_bytes=4, etag=read_etag(sent.headers))])])
            try:
                await self._client.call_slow(
                    "POST", key, what=what, query=[upload], headers={"if-none-match": "*"}, body=body, once=True
                )
            except (PreconditionFailed, Unsupported) as error:
                await self._client.call("DELETE", key, what=what, query=[upload])
                return isinstance(error, PreconditionFailed)
            return False

    @asynccontextmanager
    async def _probe(self) -> AsyncIterator[str]:
        """The key of a small object, which is removed again."""
        key = PROBES + secrets.token_hex(8)
        what = "put a small object to try conditions out"
        await self._client.call("PUT", key, what=what, body=Held([b"1"]))
        try:
            yield key
        finally:
            with suppress(TidemillError):  # keys may write but not delete: what was learned is good all the same
                await self._client.call("DELETE", key, what="remove it again")
