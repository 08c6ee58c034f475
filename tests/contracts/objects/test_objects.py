"""Single objects: they are put whole or not at all, and come back as they were put."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.contracts.objects.bytes_of import (
    MIB,
    all_keys,
    body,
    broken_body,
    content_of,
    endless_body,
    md5,
    noise,
    put,
    read,
)
from tidemill.model.errors import (
    BadRequest,
    NotFound,
    PreconditionFailed,
    RangeUnsatisfiable,
    TidemillError,
    Unsupported,
)
from tidemill.stores.objects.port import CREATE, Attributes, Condition, ObjectStore

SIZES = (0, 1, 65_535, 65_536, 65_537, MIB, MIB + 1, 3 * MIB + 7)


@pytest.mark.parametrize("size", SIZES)
async def test_what_was_put_comes_back(store: ObjectStore, size: int) -> None:
    content = noise(size)
    before = datetime.now(UTC)
    written = await put(store, "a", content)
    found = await store.head("a")
    assert (found.key, found.size_bytes, found.etag) == ("a", size, written.etag)
    assert abs(found.modified_at - before) < timedelta(minutes=1)
    assert found.modified_at.utcoffset() == timedelta(0)
    reading = await store.get("a")
    assert (reading.info.etag, reading.info.size_bytes, reading.start, reading.end) == (written.etag, size, 0, size)
    assert md5(await content_of(reading)) == md5(content)


async def test_a_body_may_come_in_pieces_of_any_size_and_without_its_length(store: ObjectStore) -> None:
    content = noise(200_000)
    pieces = [content[:1], b"", content[1:70_000], content[70_000:70_001], b"", content[70_001:]]
    info = await store.put("a", body(*pieces))
    assert info.size_bytes == len(content)
    assert await read(store, "a") == content


async def test_what_is_not_there_is_not_found(store: ObjectStore) -> None:
    for call in (store.head("a"), store.get("a"), store.copy("a", "b")):
        with pytest.raises(NotFound):
            await call
    await store.delete("a")


async def test_an_object_is_overwritten_and_deleted(store: ObjectStore) -> None:
    first = await put(store, "a", b"one")
    second = await put(store, "a", b"two")
    assert first.etag != second.etag
    assert await read(store, "a") == b"two"
    await store.delete("a")
    with pytest.raises(NotFound):
        await store.head("a")
    assert await store.scan("") == []


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (0, None, 0, 100_000),
        (0, 1, 0, 1),
        (99_999, None, 99_999, 100_000),
        (99_999, 10**12, 99_999, 100_000),
        (65_530, 65_540, 65_530, 65_540),
        (10, 100_000, 10, 100_000),
        (-5, None, 99_995, 100_000),
        (-100_000, None, 0, 100_000),
        (-(10**12), None, 0, 100_000),
    ],
)
async def test_a_range_is_read(store: ObjectStore, start: int, end: int | None, first: int, last: int) -> None:
    content = noise(100_000)
    await put(store, "a", content)
    reading = await store.get("a", start=start, end=end)
    assert (reading.start, reading.end, reading.info.size_bytes) == (first, last, 100_000)
    assert await content_of(reading) == content[first:last]


@pytest.mark.parametrize(("start", "end"), [(10, None), (11, 20), (5, 5), (5, 4), (0, 0)])
async def test_a_range_that_holds_nothing_is_refused(store: ObjectStore, start: int, end: int | None) -> None:
    await put(store, "a", b"0123456789")
    with pytest.raises(RangeUnsatisfiable):
        await store.get("a", start=start, end=end)


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 10), (-5, None)])
async def test_an_empty_object_is_read_as_nothing(store: ObjectStore, start: int, end: int | None) -> None:
    await put(store, "a", b"")
    reading = await store.get("a", start=start, end=end)
    assert (reading.start, reading.end, await content_of(reading)) == (0, 0, b"")


async def test_attributes_are_kept(store: ObjectStore) -> None:
    attributes = Attributes(
        content_type="text/csv; charset=utf-8",
        content_disposition='attachment; filename="a b.csv"',
        content_encoding="gzip",
        content_language="de",
        cache_control="max-age=60",
        metadata={"owner": "ann", "x-y": "1 2"} if store.can.metadata else {},
    )
    await put(store, "a", b"1", attributes=attributes)
    assert (await store.head("a")).attributes == attributes
    reading = await store.get("a")
    assert reading.info.attributes == attributes
    assert await content_of(reading) == b"1"
    await put(store, "a", b"1", attributes=Attributes(content_type="text/plain"))
    assert (await store.head("a")).attributes == Attributes(content_type="text/plain")


async def test_metadata_that_cannot_be_kept_is_refused(store: ObjectStore) -> None:
    if store.can.metadata:
        pytest.skip("this store keeps metadata")
    with pytest.raises(Unsupported):
        await put(store, "a", b"1", attributes=Attributes(metadata={"owner": "ann"}))
    assert await all_keys(store) == []


async def test_a_copy_keeps_bytes_and_attributes_or_takes_others(store: ObjectStore) -> None:
    content = noise(100_000)
    await put(store, "a", content, attributes=Attributes(content_type="text/csv"))
    same = await store.copy("a", "b")
    other = await store.copy("a", "c", attributes=Attributes(content_type="text/plain"))
    await store.delete("a")
    assert (same.size_bytes, other.size_bytes) == (100_000, 100_000)
    assert await read(store, "b") == await read(store, "c") == content
    types = [
        info.attributes and info.attributes.content_type for info in (await store.head("b"), await store.head("c"))
    ]
    assert types == ["text/csv", "text/plain"]


async def test_a_copy_onto_itself_changes_the_attributes(store: ObjectStore) -> None:
    content = noise(100_000)
    await put(store, "a", content)
    await store.copy("a", "a", attributes=Attributes(content_type="text/plain"))
    assert (await store.head("a")).attributes == Attributes(content_type="text/plain")
    assert await read(store, "a") == content


async def test_a_copy_replaces_its_target_or_leaves_it(store: ObjectStore) -> None:
    await put(store, "a", noise(100_000, 1))
    await put(store, "b", noise(100_000, 2))
    if store.can.conditional:
        with pytest.raises(PreconditionFailed):
            await store.copy("a", "b", condition=CREATE)
        assert await read(store, "b") == noise(100_000, 2)
    await store.copy("a", "b")
    assert await read(store, "b") == noise(100_000, 1)


@pytest.mark.parametrize("size", [10, 3 * MIB])
async def test_a_put_whose_body_fails_changes_nothing(store: ObjectStore, size: int) -> None:
    await put(store, "a", b"old")
    with pytest.raises(ConnectionResetError):
        await store.put("a", broken_body(noise(size)))
    with pytest.raises(ConnectionResetError):
        await store.put("new", broken_body(noise(size)), size_bytes=10 * size)
    assert await read(store, "a") == b"old"
    assert await all_keys(store) == ["a"]


@pytest.mark.parametrize("size", [10, 3 * MIB])
@pytest.mark.parametrize("difference", [-1, 1])
async def test_a_body_of_another_length_changes_nothing(store: ObjectStore, size: int, difference: int) -> None:
    await put(store, "a", b"old")
    for key in ("a", "new"):
        with pytest.raises(BadRequest):
            await store.put(key, body(noise(size)), size_bytes=size + difference)
    assert await read(store, "a") == b"old"
    assert await all_keys(store) == ["a"]


async def test_a_canceled_put_changes_nothing(store: ObjectStore) -> None:
    await put(store, "a", b"old")
    gone = asyncio.Event()
    putting = asyncio.create_task(store.put("a", endless_body(gone)))
    await gone.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await read(store, "a") == b"old"


async def test_a_reading_is_of_one_version(store: ObjectStore) -> None:
    """Whatever is written meanwhile, the bytes are those of the version that was opened, or there is an error."""
    old, new = noise(9 * MIB, 1), noise(9 * MIB, 2)
    written = await put(store, "a", old)
    for change in (lambda: put(store, "a", new), lambda: store.delete("a")):
        reading = await store.get("a")
        head = await anext(aiter(reading.body))
        await change()
        expected = old if reading.info.etag == written.etag else new
        try:
            content = head + await content_of(reading)
        except TidemillError:
            continue
        assert content == expected


async def test_a_reading_may_be_given_up(store: ObjectStore) -> None:
    await put(store, "a", noise(3 * MIB))
    unread = await store.get("a")
    begun = await store.get("a")
    await anext(aiter(begun.body))
    for reading in (unread, begun):
        await reading.body.aclose()  # type: ignore[attr-defined]
    assert await read(store, "a", start=-1) == noise(3 * MIB)[-1:]


async def test_an_object_is_read_under_its_etag(store: ObjectStore) -> None:
    old = await put(store, "a", b"one")
    if not old.etag:
        pytest.skip("this store has no etags")
    assert await content_of(await store.get("a", etag=old.etag)) == b"one"
    await put(store, "a", b"two")
    with pytest.raises(PreconditionFailed):
        await store.get("a", etag=old.etag)


async def test_many_puts_and_gets_at_once_do_not_mix(store: ObjectStore) -> None:
    contents = {f"k{number}": noise(50_000 + 1000 * number, number) for number in range(40)}
    await asyncio.gather(*(put(store, key, content) for key, content in contents.items()))
    assert await asyncio.gather(*(read(store, key) for key in contents)) == list(contents.values())


async def test_overwriting_at_once_leaves_one_of_them_whole(store: ObjectStore) -> None:
    contents = [noise(300_000, number) for number in range(8)]
    infos = await asyncio.gather(*(put(store, "a", content) for content in contents))
    left = await read(store, "a")
    assert left in contents
    assert (await store.head("a")).etag == infos[contents.index(left)].etag


async def test_many_are_deleted_and_missing_ones_do_not_matter(store: ObjectStore) -> None:
    for key in ("a", "b", "c"):
        await put(store, key)
    assert await store.delete_many(["a", "nothing", "c"]) == {}
    assert await all_keys(store) == ["b"]
    assert await store.delete_many([]) == {}
    with pytest.raises(BadRequest):
        await store.delete_many([f"k{number}" for number in range(1001)])


async def test_an_address_is_signed_or_refused(store: ObjectStore) -> None:
    if store.can.signed_urls:
        assert (await store.sign("GET", "a", expires_s=60)).startswith("http")
        return
    with pytest.raises(Unsupported):
        await store.sign("GET", "a", expires_s=60)


async def test_what_was_written_is_there_for_another_store_object(store: ObjectStore, reopen, open_store) -> None:
    """One that is open at the same time sees it at once; one that is opened later as well."""
    other = open_store()
    await put(store, "a", b"one")
    assert await read(other, "a") == b"one"
    await put(other, "a", b"two")
    assert await read(store, "a") == b"two"
    again = await reopen(store)
    assert await read(again, "a") == b"two"


async def test_a_condition_on_an_etag(store: ObjectStore) -> None:
    if not store.can.conditional:
        pytest.skip("this store decides no conditions")
    first = await put(store, "a", b"one")
    second = await store.put("a", body(b"two"), condition=Condition(etag=first.etag))
    for condition in (Condition(etag=first.etag), CREATE):
        with pytest.raises(PreconditionFailed):
            await store.put("a", body(b"three"), condition=condition)
    with pytest.raises(PreconditionFailed):
        await store.put("nothing", body(b"three"), condition=Condition(etag=second.etag))
    assert await read(store, "a") == b"two"
    assert await all_keys(store) == ["a"]


async def test_a_delete_on_a_condition(store: ObjectStore) -> None:
    first = await put(store, "a", b"one")
    if not store.can.conditional_deletes:
        with pytest.raises(Unsupported):
            await store.delete("a", etag=first.etag)
        assert await read(store, "a") == b"one"
        return
    second = await put(store, "a", b"two")
    for key, etag in (("a", first.etag), ("a", "0" * 32), ("nothing", second.etag)):
        with pytest.raises(PreconditionFailed):
            await store.delete(key, etag=etag)
    assert await read(store, "a") == b"two"
    await store.delete("a", etag=second.etag)
    assert await all_keys(store) == []


@pytest.mark.parametrize("size", [10, 100_000])
async def test_of_sixteen_that_create_one_wins(store: ObjectStore, size: int) -> None:
    if not store.can.conditional:
        pytest.skip("this store decides no conditions")
    contents = [noise(size, number) for number in range(16)]
    ends = await asyncio.gather(
        *(store.put("a", body(content), condition=CREATE) for content in contents), return_exceptions=True
    )
    winners = [number for number, end in enumerate(ends) if not isinstance(end, BaseException)]
    assert {type(end) for end in ends if isinstance(end, BaseException)} == {PreconditionFailed}
    assert len(winners) == 1
    assert await read(store, "a") == contents[winners[0]]


async def test_of_sixteen_that_change_one_version_one_wins(store: ObjectStore) -> None:
    if not store.can.conditional:
        pytest.skip("this store decides no conditions")
    first = await put(store, "a", b"first")
    condition = Condition(etag=first.etag)
    ends = await asyncio.gather(
        *(store.put("a", body(bytes([number])), condition=condition) for number in range(16)), return_exceptions=True
    )
    winners = [number for number, end in enumerate(ends) if not isinstance(end, BaseException)]
    assert len(winners) == 1
    assert await read(store, "a") == bytes(winners)


async def test_a_condition_that_cannot_be_decided_is_refused(store: ObjectStore) -> None:
    if store.can.conditional:
        pytest.skip("this store decides conditions")
    with pytest.raises(Unsupported):
        await store.put("a", body(b"1"), condition=CREATE)
