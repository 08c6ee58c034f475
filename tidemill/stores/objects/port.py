"""What every object store can do, in the words of S3. A backend imports this, `model`, and its vendor's library.

Keys are texts of 1 to 1024 UTF-8 bytes without NUL. They are opaque: `a//b`, `a/../b` and `a/` are three keys like any
other, and none is changed on its way. A store that cannot keep a key says so (`InvalidKey`), and never keeps another.
Byte order of the UTF-8 of the key is the order of every listing.
"""

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol, TypeVar, runtime_checkable

MAX_KEY_BYTES: Final = 1024
MAX_PARTS: Final = 10_000
MIN_PART_BYTES: Final = 5 * 1024 * 1024
"""Of every part but the last."""
PAGE: Final = 1000

ScannedT = TypeVar("ScannedT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What is kept beside the bytes of an object; "" for what was not given.

    `metadata` is the user's own; its names are in lower case.
    """

    content_type: str = ""
    content_disposition: str = ""
    content_encoding: str = ""
    content_language: str = ""
    cache_control: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectInfo:
    """An object without its bytes.

    Attributes:
        modified_at: aware, UTC.
        etag: without quotes; "" where the store has none. It changes whenever the bytes do.
        attributes: None in listings, where stores do not tell them.
    """

    key: str
    size_bytes: int
    modified_at: datetime
    etag: str
    attributes: Attributes | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """All keys that share `prefix`, which ends with the delimiter, folded into one entry of a listing."""

    prefix: str


@runtime_checkable
class Sealed(Protocol):
    """A body whose SHA-256 is known before it is read: it raises where its bytes turn out to be others."""

    @property
    def sha256(self) -> str:
        """In small hex digits; "" where nobody told it."""
        ...


class Told(list[ScannedT]):
    """A page of a listing whose store told that more follows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An object that is being read: `body` gives the bytes from `start` up to `end` (exclusive) in pieces.

    The body is of the version that `info` tells of, whatever is written meanwhile, or it raises; it never ends early
    without an error. Close it (`aclose`) when it is not read to its end.
    """

    info: ObjectInfo
    start: int
    end: int
    body: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold for a write to happen: nothing is there (`create`), or the object with this `etag` is."""

    create: bool = False
    etag: str = ""


ALWAYS: Final = Condition()
CREATE: Final = Condition(create=True)
NO_ATTRIBUTES: Final = Attributes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stored part of a multipart upload. `receipt` is what the backend needs to find it again, "" for nothing."""

    number: int
    size_bytes: int
    etag: str
    receipt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a store can do beyond the least. Asked of the store, never guessed from its kind.

    Attributes:
        signed_urls: `sign` gives addresses that reach the object without us.
        conditional: `Condition` is decided by the store itself, atomically against all other writers.
        conditional_uploads: and so it is when a multipart upload is completed.
        conditional_deletes: and so is the `etag` of a `delete`.
        any_key: every key can be kept; otherwise those with empty, `.` or `..` segments or control characters cannot.
        metadata: `Attributes.metadata` is kept; without it a put that brings some is refused.
    """

    signed_urls: bool = False
    conditional: bool = True
    conditional_uploads: bool = True
    conditional_deletes: bool = True
    any_key: bool = True
    metadata: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What lies below `prefix`; for the last level that was asked for, all deeper ones are in it."""

    prefix: str
    objects: int
    size_bytes: int


class ObjectStore(Protocol):
    """One bucket, container or folder (below one prefix, where one is set).

    Every method raises, beside what it lists:
        InvalidKey: the store cannot keep this key.
        StorageDenied: the credentials are refused, or may not do this.
        StorageMisconfigured: no such bucket, wrong region, wrong kind of endpoint: mending the settings helps.
        Unavailable: it does not answer now.
        StorageFull: there is no room.
        Unsupported: it lacks a capability that the call asks for.
    Messages tell what the store said, and never hold a credential.
    """

    @property
    def can(self) -> Capabilities:
        """What this store can do."""
        ...

    async def head(self, key: str) -> ObjectInfo:
        """The object without its bytes, with its attributes.

        Raises:
            NotFound: there is none.
        """
        ...

    async def get(self, key: str, *, start: int = 0, end: int | None = None, etag: str = "") -> Reading:
        """The bytes from `start` up to `end` (exclusive; None and anything beyond is the end of the object).

        A negative `start` counts from the end, as `bytes=-5` does (it then means at most the whole object). With `etag`
        the object must still have it.

        Raises:
            NotFound: there is none.
            RangeUnsatisfiable: `start` lies at or behind the end of a non-empty object, or `end` at or before `start`.
            PreconditionFailed: its etag is another.
        """
        ...

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        size_bytes: int | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Write the object whole: others see the old one, or all of the new one, and it survives a crash on return.

        `size_bytes` where it is known. When `body` raises or gives another number of bytes, nothing is changed. Memory
        stays bounded (some MiB) however large it is.

        Raises:
            PreconditionFailed: `condition` does not hold.
            BadRequest: `body` had another length than `size_bytes`.
        """
        ...

    async def delete(self, key: str, *, etag: str = "") -> None:
        """Remove the object; fine where there is none, unless it must have an `etag`.

        Raises:
            PreconditionFailed: its etag is another, or there is none.
        """
        ...

    async def delete_many(self, keys: Sequence[str]) -> Mapping[str, Exception]:
        """Remove up to 1000 objects; those that could not be removed, each with why."""
        ...

    async def copy(
        self, source: str, target: str, *, attributes: Attributes | None = None, condition: Condition = ALWAYS
    ) -> ObjectInfo:
        """Copy inside of the store without moving the bytes through us where it can; None keeps the attributes.

        Raises:
            NotFound: there is no source.
            PreconditionFailed: `condition` does not hold for the target.
        """
        ...

    async def scan(self, prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        """Objects whose key starts with `prefix`, in byte order of the key.

        At most `limit` (1 to 1000), all greater than `after`; fewer means that there are no more. A `Told` is returned
        where the store said that there are.
        """
        ...

    async def scan_folder(
        self, prefix: str, *, delimiter: str = "/", after: str = "", limit: int = PAGE
    ) -> list[ObjectInfo | Folder]:
        """As `scan`, but keys that hold `delimiter` behind `prefix` are folded into one `Folder`, which counts as one.

        `after` may be a key or the prefix of a folder, whose keys are then skipped.
        """
        ...

    async def start_upload(self, key: str, *, attributes: Attributes = NO_ATTRIBUTES) -> str:
        """Begin a multipart upload; its id is good until it is completed or aborted, also after a restart of ours."""
        ...

    async def put_part(
        self, key: str, upload: str, number: int, body: AsyncIterable[bytes], *, size_bytes: int | None = None
    ) -> Part:
        """Store part `number` (1 to 10,000); the same number again replaces it.

        Raises:
            NotFound: there is no such upload.
        """
        ...

    async def complete_upload(
        self,
        key: str,
        upload: str,
        parts: Sequence[Part],
        *,
        attributes: Attributes = NO_ATTRIBUTES,
        condition: Condition = ALWAYS,
    ) -> ObjectInfo:
        """Make the object of these parts, in their order; all other parts of the upload are removed.

        `attributes` are those that the upload was begun with. The etag ends with `-<number of parts>` where the store
        makes etags as S3 does.

        Raises:
            NotFound: there is no such upload.
            PreconditionFailed: `condition` does not hold; the upload is still there.
            BadRequest: a part is missing, or not the one that is there.
        """
        ...

    async def abort_upload(self, key: str, upload: str) -> None:
        """Remove an upload with its parts; fine where there is none."""
        ...

    async def sign(self, method: str, key: str, *, expires_s: int) -> str:
        """An address under which anybody may `GET` or `PUT` this object until then.

        Raises:
            Unsupported: `can.signed_urls` is False.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...


@runtime_checkable
class Remote(Protocol):
    """A store that is reached by a network."""

    def ways(self) -> Sequence[tuple[str, Callable[[], Awaitable[None]]]]:
        """What has to be right before an object can be reached: each by its name, to be tried in this order.

        Raises what is wrong, with the field to mend; `Unsupported` where it works, but should not be left so.
        """
        ...


@runtime_checkable
class Counting(Protocol):
    """A store that counts by itself what it holds, faster than by listing it."""

    async def usage(self, prefix: str = "", *, depth: int = 1, delimiter: str = "/") -> list[Usage]:
        """How many objects and bytes lie in each folder `depth` levels below `prefix`, and in none of those."""
        ...
