"""Keys are opaque: each is kept exactly as it is, or refused; none is ever kept as another."""

import pytest

from tests.contracts.objects.bytes_of import all_keys, body, put, read
from tidemill.model.errors import InvalidKey, NotFound
from tidemill.stores.objects.port import ObjectStore

PLAIN = (
    "a",
    "a b",
    "a+b",
    "a%2Fb",
    "a%20b",
    "a?b=c&d",
    "a#b",
    "a'b",
    'a"b',
    "a<b>&amp;c",
    "a:b",
    "a*b",
    "~",
    "-",
    "folder/a",
    "Größe/Maß.csv",
    "データ/表.parquet",
    "🦀/crab",
    "e\u0301",  # NFD: e, accent
    "\u00e9",  # NFC: the same to the eye
    "A",
    "\uff41",  # full width
    "x" * 200,
    "/".join("x" * 100 for _ in range(10)),
    "…hidden",
    "con",
    "a.",
    "trailing space ",
    " leading space",
)
"""Fine everywhere."""

ODD = (
    "a//b",
    "a/../b",
    "a/./b",
    "a/",
    "/a",
    "/",
    "//",
    ".",
    "..",
    "../../../etc/passwd",
    "a/..",
    "a\\b",
    "a\nb",
    "a\tb",
    "a\rb",
    "\x01",
    "a\x7fb",
    "x" * 1024,
    "é" * 512,
)
"""Kept where `can.any_key`, and otherwise kept or refused."""

NOT_KEYS = ("", "a\0b", "\0", "x" * 1025, "é" * 513, "\ud800")


@pytest.mark.parametrize("keys", [PLAIN, ODD], ids=["plain", "odd"])
async def test_keys_are_kept_apart_and_as_they_are(store: ObjectStore, keys: tuple[str, ...]) -> None:
    kept: list[str] = []
    for key in keys:
        try:
            await put(store, key, repr(key).encode())
            kept.append(key)
        except InvalidKey:
            assert keys is ODD, key
            assert not store.can.any_key, key
    assert await all_keys(store) == sorted(kept)
    for key in kept:
        assert (await store.head(key)).key == key
        assert await read(store, key) == repr(key).encode()
        await store.copy(key, "copy")
        assert await read(store, "copy") == repr(key).encode()
    for key in kept:
        await store.delete(key)
        with pytest.raises(NotFound):
            await store.head(key)
    assert await all_keys(store) == ["copy"]


async def test_a_key_that_cannot_be_kept_is_refused_by_every_call(store: ObjectStore) -> None:
    if store.can.any_key:
        pytest.skip("this store keeps every key")
    for key in ("a//b", "a/../b", "a/", "/a", "a\nb"):
        try:
            await put(store, key)
        except InvalidKey:
            for call in calls_on(store, key):
                with pytest.raises(InvalidKey):
                    await call
        else:
            assert await all_keys(store) == [key]
            await store.delete(key)


@pytest.mark.parametrize("key", NOT_KEYS, ids=[repr(key[:9]) for key in NOT_KEYS])
async def test_what_is_no_key_is_refused_by_every_call(store: ObjectStore, key: str) -> None:
    await put(store, "a")
    for call in calls_on(store, key):
        with pytest.raises(InvalidKey):
            await call
    failed = await store.delete_many(["a", key])
    assert [(each, type(error)) for each, error in failed.items()] == [(key, InvalidKey)]
    assert await all_keys(store) == []


def calls_on(store: ObjectStore, key: str):
    yield store.head(key)
    yield store.get(key)
    yield store.put(key, body(b"x"))
    yield store.delete(key)
    yield store.copy("a", key)
    yield store.copy(key, "b")
    yield store.start_upload(key)


@pytest.mark.parametrize("text", ["\ud800", "a\0"])
async def test_listings_of_what_is_no_text_are_refused(store: ObjectStore, text: str) -> None:
    for call in (store.scan(text), store.scan("", after=text), store.scan_folder(text)):
        with pytest.raises(InvalidKey):
            await call
