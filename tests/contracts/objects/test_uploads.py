"""Multipart uploads: parts in any order, replaced, listed at the end, and good after a restart."""

import asyncio
from dataclasses import replace

import pytest

from tests.contracts.objects.bytes_of import (
    PART_BYTES,
    all_keys,
    body,
    broken_body,
    endless_body,
    md5,
    noise,
    put,
    read,
)
from tidemill.model.errors import BadRequest, NotFound, PreconditionFailed
from tidemill.stores.objects.port import CREATE, Attributes, Condition, ObjectStore, Part

FIRST, SECOND, LAST = noise(PART_BYTES, 1), noise(PART_BYTES, 2), noise(1000, 3)
NO_UPLOAD = "00000000000000000000000000000000"


async def part(store: ObjectStore, upload: str, number: int, content: bytes, key: str = "a") -> Part:
    stored = await store.put_part(key, upload, number, body(content), size_bytes=len(content))
    assert (stored.number, stored.size_bytes) == (number, len(content))
    return stored


async def test_parts_become_one_object_in_their_order(store: ObjectStore) -> None:
    attributes = Attributes(content_type="text/csv", metadata={"owner": "ann"} if store.can.metadata else {})
    upload = await store.start_upload("a", attributes=attributes)
    last, first, second = [
        await part(store, upload, number, content) for number, content in ((9, LAST), (2, FIRST), (5, SECOND))
    ]
    assert await all_keys(store) == []
    info = await store.complete_upload("a", upload, [first, second, last], attributes=attributes)
    content = FIRST + SECOND + LAST
    found = await store.head("a")
    assert (found.size_bytes, found.etag, found.attributes) == (len(content), info.etag, attributes)
    assert md5(await read(store, "a")) == md5(content)
    for start, end in ((PART_BYTES - 3, PART_BYTES + 3), (5, 2 * PART_BYTES + 5), (2 * PART_BYTES, None), (-7, None)):
        assert await read(store, "a", start=start, end=end) == content[start:end]
    assert await all_keys(store) == ["a"]


async def test_one_small_part_is_enough(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    await store.complete_upload("a", upload, [await part(store, upload, 1, b"x")])
    assert await read(store, "a") == b"x"


async def test_a_part_is_replaced(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    old = await part(store, upload, 1, FIRST)
    new = await part(store, upload, 1, SECOND)
    last = await part(store, upload, 2, LAST)
    if old.etag != new.etag:
        with pytest.raises(BadRequest):
            await store.complete_upload("a", upload, [replace(new, etag=old.etag), last])
    await store.complete_upload("a", upload, [new, last])
    assert await read(store, "a") == SECOND + LAST


async def test_parts_that_are_not_named_are_dropped(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    first = await part(store, upload, 1, FIRST)
    await part(store, upload, 2, SECOND)
    last = await part(store, upload, 3, LAST)
    await store.complete_upload("a", upload, [first, last])
    assert await read(store, "a") == FIRST + LAST


async def test_a_missing_part_or_a_wrong_order_is_refused_and_can_be_mended(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    first, last = await part(store, upload, 1, FIRST), await part(store, upload, 3, LAST)
    missing = Part(number=2, size_bytes=PART_BYTES, etag=md5(SECOND), receipt=first.receipt)
    for wrong in ([first, missing, last], [last, first], [first, first], []):
        with pytest.raises(BadRequest):
            await store.complete_upload("a", upload, wrong)
    second = await part(store, upload, 2, SECOND)
    await store.complete_upload("a", upload, [first, second, last])
    assert await read(store, "a") == FIRST + SECOND + LAST


async def test_an_aborted_upload_is_gone(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    first = await part(store, upload, 1, LAST)
    await store.abort_upload("a", upload)
    await store.abort_upload("a", upload)
    with pytest.raises(NotFound):
        await part(store, upload, 2, LAST)
    with pytest.raises(NotFound):
        await store.complete_upload("a", upload, [first])
    assert await all_keys(store) == []


async def test_an_upload_is_completed_once(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    parts = [await part(store, upload, 1, LAST)]
    await store.complete_upload("a", upload, parts)
    with pytest.raises(NotFound):
        await store.complete_upload("a", upload, parts)
    assert await read(store, "a") == LAST


async def test_an_upload_belongs_to_its_key(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    parts = [await part(store, upload, 1, LAST)]
    with pytest.raises(NotFound):
        await part(store, upload, 2, LAST, key="b")
    with pytest.raises(NotFound):
        await store.complete_upload("b", upload, parts)
    await store.abort_upload("b", upload)
    await store.complete_upload("a", upload, parts)
    assert await all_keys(store) == ["a"]


async def test_two_uploads_of_one_key_do_not_mix(store: ObjectStore) -> None:
    one, other = await store.start_upload("a"), await store.start_upload("a")
    assert one != other
    parts = [await part(store, one, 1, FIRST), await part(store, one, 2, LAST)]
    await part(store, other, 1, SECOND)
    await store.complete_upload("a", one, parts)
    await store.abort_upload("a", other)
    assert await read(store, "a") == FIRST + LAST


async def test_an_upload_that_nobody_began_is_not_found(store: ObjectStore) -> None:
    with pytest.raises(NotFound):
        await part(store, NO_UPLOAD, 1, LAST)
    await store.abort_upload("a", NO_UPLOAD)


@pytest.mark.parametrize("number", [0, -1, 10_001])
async def test_a_part_has_a_number_up_to_ten_thousand(store: ObjectStore, number: int) -> None:
    upload = await store.start_upload("a")
    with pytest.raises(BadRequest):
        await part(store, upload, number, LAST)


async def test_conditions_are_decided_at_the_end(store: ObjectStore) -> None:
    if not store.can.conditional_uploads:
        pytest.skip("this store decides no conditions when an upload is completed")
    upload = await store.start_upload("a")
    parts = [await part(store, upload, 1, LAST)]
    present = await put(store, "a", b"meanwhile")
    for condition in (CREATE, Condition(etag=md5(b"another"))):
        with pytest.raises(PreconditionFailed):
            await store.complete_upload("a", upload, parts, condition=condition)
    assert await read(store, "a") == b"meanwhile"
    await store.complete_upload("a", upload, parts, condition=Condition(etag=present.etag))
    assert await read(store, "a") == LAST


async def test_of_eight_uploads_that_create_one_wins(store: ObjectStore) -> None:
    if not store.can.conditional_uploads:
        pytest.skip("this store decides no conditions when an upload is completed")
    uploads = [await store.start_upload("a") for _ in range(8)]
    parts = [[await part(store, upload, 1, noise(1000, number))] for number, upload in enumerate(uploads)]
    ends = await asyncio.gather(
        *(
            store.complete_upload("a", upload, each, condition=CREATE)
            for upload, each in zip(uploads, parts, strict=True)
        ),
        return_exceptions=True,
    )
    winners = [number for number, end in enumerate(ends) if not isinstance(end, BaseException)]
    assert len(winners) == 1
    assert await read(store, "a") == noise(1000, winners[0])
    for upload in uploads:
        await store.abort_upload("a", upload)


async def test_an_upload_goes_on_after_a_restart(store: ObjectStore, reopen) -> None:
    attributes = Attributes(content_type="text/csv")
    upload = await store.start_upload("a", attributes=attributes)
    first = await part(store, upload, 1, FIRST)
    store = await reopen(store)
    last = await part(store, upload, 2, LAST)
    store = await reopen(store)
    await store.complete_upload("a", upload, [first, last], attributes=attributes)
    assert await read(store, "a") == FIRST + LAST
    found = (await store.head("a")).attributes
    assert found is not None
    assert found.content_type == "text/csv"


async def test_a_part_whose_body_fails_is_not_there(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    first = await part(store, upload, 1, FIRST)
    with pytest.raises(ConnectionResetError):
        await store.put_part("a", upload, 1, broken_body(SECOND))
    for size in (999, 1001):
        with pytest.raises(BadRequest):
            await store.put_part("a", upload, 1, body(LAST), size_bytes=size)
    gone = asyncio.Event()
    putting = asyncio.create_task(store.put_part("a", upload, 1, endless_body(gone)))
    await gone.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    await store.complete_upload("a", upload, [first])
    assert await read(store, "a") == FIRST


async def test_what_was_made_of_parts_is_copied_overwritten_and_deleted(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    parts = [await part(store, upload, 1, FIRST), await part(store, upload, 2, LAST)]
    await store.complete_upload("a", upload, parts)
    await store.copy("a", "b")
    await put(store, "a", b"new")
    assert await read(store, "b") == FIRST + LAST
    assert await read(store, "a") == b"new"
    await store.delete("b")
    assert await all_keys(store) == ["a"]


async def test_parts_may_come_at_once(store: ObjectStore) -> None:
    upload = await store.start_upload("a")
    contents = [FIRST, SECOND, FIRST, LAST]
    parts = await asyncio.gather(
        *(part(store, upload, number, content) for number, content in enumerate(contents, start=1))
    )
    await store.complete_upload("a", upload, parts)
    assert md5(await read(store, "a")) == md5(b"".join(contents))
