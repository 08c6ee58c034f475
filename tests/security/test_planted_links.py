"""C05: who can write into the folder of a storage, as a job that is not isolated can, leads the server nowhere else.

Links and devices are planted in the place of each thing that lies there; what they lead to is neither read, nor
written, nor removed.
"""

import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import body, noise, put, read
from tidemill.model.errors import ContentDamaged, StorageMisconfigured, TidemillError
from tidemill.stores.objects.local.store import LocalConfig, LocalStore

SECRET = b"root-key-of-the-outside" * 1000
LARGE = noise(300_000)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with a file `secret`, which nobody is to touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(SECRET)
    return folder


@pytest.fixture
async def store(tmp_path: Path, outside: Path) -> AsyncIterator[LocalStore]:
    opened = LocalStore(LocalConfig(tmp_path / "storage"))
    await put(opened, "a", LARGE)
    yield opened
    await opened.close()
    assert {file.name: file.read_bytes() for file in outside.iterdir()} == {"secret": SECRET}


def only_blob(store: LocalStore) -> Path:
    ((name, _),) = store._folder.blobs()
    return store._folder.blob(name)


def plant(place: Path, target: Path) -> None:
    """In the place of what was there, which is moved away."""
    place.rename(place.with_name(f"{place.name}.before"))
    place.symlink_to(target)


@pytest.mark.parametrize("what", ["link", "device", "pipe", "directory"])
async def test_a_blob_that_is_no_file_is_not_read(store: LocalStore, outside: Path, what: str) -> None:
    blob = only_blob(store)
    blob.unlink()
    plants: dict[str, Callable[[], object]] = {
        "link": lambda: blob.symlink_to(outside / "secret"),
        "device": lambda: blob.symlink_to("/dev/zero"),
        "pipe": lambda: os.mkfifo(blob),
        "directory": blob.mkdir,
    }
    plants[what]()
    with pytest.raises(StorageMisconfigured, match="links are not followed"):
        await read(store, "a")
    assert [finding.problem async for finding in store.scrub()] == ["something else lies where its file was"]
    if what == "directory":
        blob.rmdir()
    await store.delete("a")
    await put(store, "a", LARGE)
    assert await read(store, "a") == LARGE


@pytest.mark.parametrize("level", ["blobs", "directory"])
async def test_no_directory_is_followed(
    store: LocalStore, outside: Path, level: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = only_blob(store)
    monkeypatch.setattr("secrets.token_hex", lambda size: blob.parent.name + os.urandom(size - 1).hex())
    place = blob.parent if level == "directory" else blob.parent.parent
    below = outside if level == "directory" else outside / blob.parent.name
    below.mkdir(exist_ok=True)
    os.link(outside / "secret", below / blob.name)
    plant(place, outside)
    with pytest.raises(StorageMisconfigured, match="links are not followed"):
        await read(store, "a")
    os.utime(below / blob.name, (0, 0))
    await store.delete("a")
    with pytest.raises(TidemillError):
        await put(store, "new", noise(66_000))
    if level == "directory":
        await store.collect_garbage(age_s=0)
    assert (below / blob.name).read_bytes() == SECRET
    (below / blob.name).unlink()
    if below != outside:
        assert not list(below.iterdir())
        below.rmdir()


async def test_an_index_that_names_files_elsewhere_is_damaged(store: LocalStore, outside: Path) -> None:
    far = "aa/../../../outside/secret"
    with sqlite3.connect(store._folder.index) as index:
        index.execute("pragma ignore_check_constraints = on")
        index.execute("update segment set blob = ?", (far,))
    with pytest.raises(ContentDamaged, match="no file of its own"):
        await read(store, "a")


@pytest.mark.parametrize("name", ["spare", "index.sqlite3"])
async def test_what_is_beside_the_blobs_is_not_followed(tmp_path: Path, outside: Path, name: str) -> None:
    """The spare room is written with zeros, and emptied when the disk is full."""
    first = LocalStore(LocalConfig(tmp_path / "other"))
    await put(first, "a", LARGE)
    await first.close()
    plant(tmp_path / "other" / name, outside / "secret")
    second = LocalStore(LocalConfig(tmp_path / "other"))
    if name == "spare":
        assert await read(second, "a") == LARGE
        assert not second._folder.use_spare()
    else:
        with pytest.raises(StorageMisconfigured):
            await read(second, "a")
    await second.close()
    assert (outside / "secret").read_bytes() == SECRET


async def test_a_part_that_was_replaced_by_a_link_is_not_taken(store: LocalStore, outside: Path) -> None:
    before = {name for name, _ in store._folder.blobs()}
    upload = await store.start_upload("b")
    part = await store.put_part("b", upload, 1, body(LARGE))
    (name,) = {name for name, _ in store._folder.blobs()} - before
    plant(store._folder.blob(name), outside / "secret")
    await store.complete_upload("b", upload, [part])
    with pytest.raises(StorageMisconfigured, match="links are not followed"):
        await read(store, "b")
