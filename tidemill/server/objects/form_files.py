"""Files that come with a form: they go to workspace storage, and pointers to them into the arguments of the job."""

import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Final, Self

import structlog

from tidemill.model import jsontext
from tidemill.model.errors import TidemillError
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address
from tidemill.server.multipart import Part
from tidemill.server.objects.answers import attachment
from tidemill.server.objects.incoming import UPLOADS, is_header, made_key
from tidemill.server.objects.service import Objects
from tidemill.stores.objects.port import Attributes

log = structlog.get_logger(__name__)

_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,20}")
_MOST_NAME_CHARS: Final = 200
_KEY: Final = re.compile(rb"(?<=\")" + UPLOADS.encode() + rb"upload_[A-Za-z0-9.-]+(?=\")")


class FormFiles:
    """Use it as `async with`: what was put is removed again at its end, unless `keep` was called.

    So nothing stays of a request that is refused, or whose client goes away.
    """

    def __init__(self, objects: Objects, caller: Principal) -> None:
        self._objects = objects
        self._caller = caller
        self._digests: dict[bytes, bytes] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for key in self._digests:
            try:
                await self._objects.delete(self._caller, Address("", key.decode()))
            except TidemillError as error:
                log.warning("a file of a refused form stays", key=key.decode(), error=str(error))

    def keep(self) -> None:
        """The files have got their job."""
        self._digests.clear()

    async def put(self, part: Part, body: AsyncIterator[bytes]) -> bytes:
        """Put a file into the default storage; the JSON text of its `S3Object`.

        Raises:
            Denied, StorageFull, Unavailable: as `Objects.put`.
        """
        name = PurePosixPath((part.filename or "").replace("\\", "/")).name[-_MOST_NAME_CHARS:]
        extension = PurePosixPath(name).suffix
        key = made_key(extension if _EXTENSION.fullmatch(extension) else "")
        digest = hashlib.sha256()

        async def digested() -> AsyncIterator[bytes]:
            async for piece in body:
                digest.update(piece)
                yield piece

        attributes = Attributes(
            content_type=part.content_type if is_header(part.content_type) else "",
            content_disposition=attachment(name) if name else "",
        )
        await self._objects.put(self._caller, Address("", key), digested(), attributes=attributes)
        self._digests[key.encode()] = digest.digest()
        named = {"filename": jsontext.dumps(name)} if name else {}
        return jsontext.build_object({"s3": jsontext.dumps(key), **named})

    def identity_of(self, args: bytes) -> bytes:
        """`args` with the digests of the files in place of their keys, which are others when a request is repeated."""
        return _KEY.sub(lambda found: self._digests.get(found[0], found[0]), args) if self._digests else args
