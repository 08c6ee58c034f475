"""What a backend checks before it acts, where its vendor does not: keys, ranges, conditions, lengths, parts."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import md5
from itertools import pairwise

from tidemill.model.errors import BadRequest, InvalidKey, NotFound, PreconditionFailed, RangeUnsatisfiable
from tidemill.stores.objects.port import MAX_KEY_BYTES, MAX_PARTS, PAGE, Condition, Part


def check_key(key: str) -> None:
    """Raises InvalidKey unless `key` is one at all: 1 to 1024 bytes of UTF-8 without NUL."""
    if not key:
        raise InvalidKey("The key of an object is empty.")
    size = len(check_text(key))
    if size > MAX_KEY_BYTES:
        raise InvalidKey(f"The key {key[:80]!r}… has {size} bytes; the most is {MAX_KEY_BYTES}.")


def check_text(text: str) -> bytes:
    """The UTF-8 of a key, a prefix or a place in a listing; raises InvalidKey where there is none, and for NUL."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidKey(f"{text[:80]!r} holds half of a surrogate pair, which is no character.") from error
    if b"\0" in encoded:
        raise InvalidKey(f"{text[:80]!r} holds the character NUL, which no key may have.")
    return encoded


def check_limit(limit: int) -> None:
    """Raises BadRequest unless a page may have so many entries."""
    if not 1 <= limit <= PAGE:
        raise BadRequest(f"A page of a listing has 1 to {PAGE} entries, not {limit}.")


@contextmanager
def fine_if_missing(key: str, etag: str) -> Iterator[None]:
    """Around a delete: that there is none is fine, unless it must have had this etag."""
    try:
        yield
    except NotFound as error:
        if etag:
            raise PreconditionFailed(f"The object {key!r} is not there, so it has not the ETag {etag}.") from error


def check_batch(keys: Sequence[str]) -> None:
    """Raises BadRequest where these are more than one call deletes."""
    if len(keys) > PAGE:
        raise BadRequest(f"At most {PAGE} objects are deleted at once, not {len(keys)}.")


def resolve_range(size_bytes: int, start: int, end: int | None) -> tuple[int, int]:
    """First byte and the one behind the last, both inside of an object of this size; see `ObjectStore.get`."""
    first = max(0, size_bytes + start) if start < 0 else start
    if end is not None and end <= first:
        raise RangeUnsatisfiable(f"The bytes from {first} up to {end} are none; the object has {size_bytes}.")
    if first >= size_bytes > 0:
        raise RangeUnsatisfiable(f"There is no byte {first} in an object of {size_bytes}.")
    return min(first, size_bytes), size_bytes if end is None else min(end, size_bytes)


def check_condition(key: str, etag: str | None, condition: Condition) -> None:
    """Raises PreconditionFailed unless `condition` holds for an object with this `etag`, None where there is none."""
    if condition.create and etag is not None:
        raise PreconditionFailed(f"The object {key!r} is there already.")
    if condition.etag and etag != condition.etag:
        is_now = f"has the ETag {etag}" if etag is not None else "is not there"
        raise PreconditionFailed(f"The object {key!r} {is_now}, not {condition.etag}.")


async def measured(body: AsyncIterable[bytes], size_bytes: int | None) -> AsyncIterator[bytes]:
    """`body` as it is; raises BadRequest as soon as it turns out to have another length than `size_bytes`."""
    size = 0
    async for piece in body:
        size += len(piece)
        if size_bytes is not None and size > size_bytes:
            raise BadRequest(f"The body is longer than the {size_bytes} bytes that were announced.")
        yield piece
    if size_bytes is not None and size < size_bytes:
        raise BadRequest(f"The body ended after {size} of {size_bytes} bytes.")


def check_part_number(number: int) -> None:
    """Raises BadRequest unless a part may have this number."""
    if not 1 <= number <= MAX_PARTS:
        raise BadRequest(f"A part has a number from 1 to {MAX_PARTS}, not {number}.")


def check_parts(parts: Sequence[Part], stored: Mapping[int, str]) -> None:
    """Raises BadRequest unless these are parts that are there, by growing numbers; `stored` gives the etag of each."""
    if not parts:
        raise BadRequest("A multipart upload is completed with at least one part.")
    numbers = [part.number for part in parts]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise BadRequest("The parts of a multipart upload are named in the order of their numbers, each once.")
    for part in parts:
        if part.number not in stored:
            raise BadRequest(f"Part {part.number} has not been uploaded.")
        if stored[part.number] != part.etag:
            raise BadRequest(f"Part {part.number} has the ETag {stored[part.number]}, not {part.etag}.")


def multipart_etag(digests: Sequence[str]) -> str:
    """As S3 makes it: the MD5 of the MD5s (given in hex) of the parts, and how many there are."""
    whole = md5(bytes.fromhex("".join(digests)), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"
