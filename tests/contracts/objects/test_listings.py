"""Listings: by prefix and by folder, in byte order, page by page, and seen at once."""

import asyncio

import pytest

from tests.contracts.objects.bytes_of import all_keys, keys_of, put, remove_all
from tidemill.model.errors import BadRequest
from tidemill.stores.objects.folding import folder_of
from tidemill.stores.objects.port import Folder, ObjectInfo, ObjectStore

TREE = ("a", "a-b", "a/1", "a/2", "a/b/1", "a0", "b/1", "b/c/d/1", "foo", "foo/bar", "foobar", "é/1", "\uff5a", "🦀")
"""In byte order. `a-b` < `a/1` < `a0`; the crab is behind the wide `z` in UTF-8, though before it in UTF-16."""


async def plant(store: ObjectStore, keys: tuple[str, ...] = TREE) -> None:
    for place in range(0, len(keys), 50):
        await asyncio.gather(*(put(store, key, key.encode()) for key in reversed(keys[place : place + 50])))


async def test_a_listing_is_in_byte_order_and_tells_of_each_object(store: ObjectStore) -> None:
    await plant(store)
    page = await store.scan("")
    assert keys_of(page) == list(TREE)
    for info in page:
        found = await store.head(info.key)
        assert info.attributes is None
        assert (info.size_bytes, info.etag) == (found.size_bytes, found.etag)
        assert abs((info.modified_at - found.modified_at).total_seconds()) <= 1


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("foo", ["foo", "foo/bar", "foobar"]),
        ("foo/", ["foo/bar"]),
        ("a/", ["a/1", "a/2", "a/b/1"]),
        ("a/b", ["a/b/1"]),
        ("b/c/d/1", ["b/c/d/1"]),
        ("b/c/d/12", []),
        ("🦀", ["🦀"]),
        ("nothing", []),
    ],
)
async def test_a_prefix_is_of_characters_and_not_of_folders(
    store: ObjectStore, prefix: str, expected: list[str]
) -> None:
    await plant(store)
    assert keys_of(await store.scan(prefix)) == expected


async def test_pages_of_any_size_add_up_to_the_whole(store: ObjectStore) -> None:
    await plant(store)
    for limit in (1, 2, 3, len(TREE) - 1, len(TREE), len(TREE) + 1):
        found: list[str] = []
        while True:
            page = keys_of(await store.scan("", after=found[-1] if found else "", limit=limit))
            assert len(page) <= limit
            found += page
            if len(page) < limit:
                break
        assert found == list(TREE)


async def test_after_need_not_be_a_key_nor_lie_below_the_prefix(store: ObjectStore) -> None:
    await plant(store)
    assert keys_of(await store.scan("", after="fon")) == list(TREE[TREE.index("foo") :])
    assert keys_of(await store.scan("foo", after="a")) == ["foo", "foo/bar", "foobar"]
    assert keys_of(await store.scan("foo", after="foo")) == ["foo/bar", "foobar"]
    assert keys_of(await store.scan("foo", after="zzz")) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", ["a", "a-b", "a/", "a0", "b/", "foo", "foo/", "foobar", "é/", "\uff5a", "🦀"]),
        ("a", ["a", "a-b", "a/", "a0"]),
        ("a/", ["a/1", "a/2", "a/b/"]),
        ("b/", ["b/1", "b/c/"]),
        ("b/c", ["b/c/"]),
        ("foo", ["foo", "foo/", "foobar"]),
        ("nothing/", []),
    ],
)
async def test_a_folder_lists_what_is_directly_below(store: ObjectStore, prefix: str, expected: list[str]) -> None:
    await plant(store)
    page = await store.scan_folder(prefix)
    assert keys_of(page) == expected
    for entry in page:
        assert isinstance(entry, Folder) == entry_is_folder(entry)
        assert isinstance(entry, Folder) or entry.attributes is None


def entry_is_folder(entry: ObjectInfo | Folder) -> bool:
    return keys_of([entry])[0].endswith("/")


async def test_pages_of_a_folder_add_up_to_the_whole(store: ObjectStore) -> None:
    await plant(store)
    for prefix in ("", "a", "a/", "b/", "foo"):
        whole = await store.scan_folder(prefix)
        for limit in (1, 2, 3):
            found: list[str] = []
            while True:
                page = keys_of(await store.scan_folder(prefix, after=found[-1] if found else "", limit=limit))
                found += page
                if len(page) < limit:
                    break
            assert found == keys_of(whole)


async def test_other_delimiters_fold_as_well(store: ObjectStore) -> None:
    await plant(store, ("a", "a--b", "a--c", "a-d", "b"))
    assert keys_of(await store.scan_folder("", delimiter="-")) == ["a", "a-", "b"]
    assert keys_of(await store.scan_folder("a-", delimiter="-")) == ["a--", "a-d"]


async def test_keys_that_end_with_the_delimiter_are_objects_of_their_folder(store: ObjectStore) -> None:
    if not store.can.any_key:
        pytest.skip("this store keeps no such keys")
    await plant(store, ("a/", "a//", "a//b", "a/b", "b//"))
    assert keys_of(await store.scan_folder("")) == ["a/", "b/"]
    page = await store.scan_folder("a/")
    assert keys_of(page) == ["a/", "a//", "a/b"]
    assert [isinstance(entry, Folder) for entry in page] == [False, True, False]
    assert keys_of(await store.scan_folder("a/", after="a/")) == ["a//", "a/b"]
    assert keys_of(await store.scan_folder("a//")) == ["a//", "a//b"]


async def test_more_objects_than_a_page_holds(store: ObjectStore) -> None:
    keys = [f"{'abc'[number % 3]}/{number:04}" for number in range(1205)]
    await plant(store, tuple(keys))
    first = await store.scan("")
    assert len(first) == 1000
    assert await all_keys(store) == sorted(keys)
    assert keys_of(await store.scan_folder("")) == ["a/", "b/", "c/"]
    assert keys_of(await store.scan_folder("", after="a/", limit=1)) == ["b/"]
    assert len(await store.scan_folder("b/")) == 402
    await remove_all(store, keys)
    assert await store.scan("") == []
    assert await store.scan_folder("") == []


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_of_no_or_too_many_entries_is_refused(store: ObjectStore, limit: int) -> None:
    with pytest.raises(BadRequest):
        await store.scan("", limit=limit)
    with pytest.raises(BadRequest):
        await store.scan_folder("", limit=limit)


def test_the_folder_of_a_key_begins_behind_the_prefix() -> None:
    assert folder_of("a/b/c", "", "/") == "a/"
    assert folder_of("a/b/c", "a/", "/") == "a/b/"
    assert folder_of("a/b/c", "a/b/", "/") is None
    assert folder_of("a/b", "b", "/") is None
    assert folder_of("a/b", "", "") is None
