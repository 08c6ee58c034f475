"""What only the local store does: its folder, several processes in it, garbage, and the search for damage."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import MIB, body, content_of, keys_of, md5, noise, put, read
from tests.contracts.objects.in_folder import check_folder
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import ContentDamaged, StorageDenied, StorageMisconfigured, Unavailable
from tidemill.stores.objects import open_store
from tidemill.stores.objects.local.folder import file_system
from tidemill.stores.objects.local.store import LocalConfig, LocalStore
from tidemill.stores.objects.local.upkeep import Usage

LARGE = 200_000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "storage"


@pytest.fixture
async def local(root: Path) -> AsyncIterator[LocalStore]:
    store = LocalStore(LocalConfig(root))
    yield store
    await store.close()


def blob_files(root: Path) -> list[Path]:
    return [path for path in (root / "blobs").rglob("*") if path.is_file()]


async def settle(store: LocalStore, root: Path) -> LocalStore:
    """A new store object, after the old one has removed what it meant to remove."""
    await store.close()
    return LocalStore(LocalConfig(root))


async def test_nothing_of_a_key_is_on_the_disk_outside_of_the_index(local: LocalStore, root: Path) -> None:
    for number, key in enumerate(("../../escape", "/etc/passwd", "secret-name", "a/" * 100, "CON", "~root")):
        await put(local, key, noise(LARGE, number))
    files = [path for path in root.rglob("*") if path.is_file() and path.parent != root]
    assert len(files) == 6
    assert all(len(path.name) == 30 and set(path.name) <= set("0123456789abcdef") for path in files)
    assert sorted(path.name for path in root.parent.iterdir()) == ["storage"]


async def test_nobody_else_may_read_the_folder(local: LocalStore, root: Path) -> None:
    old = os.umask(0)
    try:
        await put(local, "small", b"x")
        await put(local, "large", noise(LARGE))
    finally:
        os.umask(old)
    assert root.stat().st_mode & 0o777 == 0o700
    for path in root.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


async def test_a_folder_with_other_files_is_refused_and_left_alone(root: Path, local: LocalStore) -> None:
    root.mkdir()
    (root / "thesis.txt").write_text("mine")
    for _ in range(2):
        with pytest.raises(StorageMisconfigured, match="choose an empty one"):
            await put(local, "a")
        with pytest.raises(StorageMisconfigured, match="choose an empty one"):
            await local.scan("")
    assert [path.name for path in root.iterdir()] == ["thesis.txt"]


async def test_a_newer_format_is_refused_by_name(root: Path, local: LocalStore) -> None:
    await put(local, "a")
    await local.close()
    with sqlite3.connect(root / "index.sqlite3") as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    newer = LocalStore(LocalConfig(root))
    with pytest.raises(StorageMisconfigured, match="format 99"):
        await newer.head("a")
    with pytest.raises(StorageMisconfigured, match="format 99"):
        await put(newer, "a")
    await newer.close()


@pytest.mark.parametrize(
    "value", [{}, {"root_path": ""}, {"root_path": "here"}, {"root_path": 1}, {"root_path": "/\0"}]
)
def test_a_value_without_an_absolute_path_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(StorageMisconfigured, match="root_path"):
        open_store("local", value, egress=EVERYWHERE)


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = open_store("local", {"root_path": str(tmp_path / "file" / "below")}, egress=EVERYWHERE)
    with pytest.raises((StorageMisconfigured, StorageDenied)):
        await put(store, "a")
    await store.close()


def test_file_systems_of_the_network_are_recognised(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
        "30 22 0:40 / /srv rw,relatime shared:2 master:1 - nfs4 server:/srv rw\n"
        "31 30 0:41 / /srv/with\\040space rw - tmpfs tmpfs rw\n"
    )
    found = [file_system(Path(path), table) for path in ("/", "/home/x", "/srv", "/srv/a/b", "/srv/with space/a")]
    assert found == ["ext4", "ext4", "nfs4", "nfs4", "tmpfs"]
    assert file_system(Path("/"), tmp_path / "nothing") == ""


async def test_copying_and_completing_move_no_bytes(local: LocalStore, root: Path) -> None:
    upload = await local.start_upload("a")
    parts = [await local.put_part("a", upload, number, body(noise(5 * MIB, number))) for number in (1, 2)]
    before = {path: path.stat().st_ino for path in blob_files(root)}
    info = await local.complete_upload("a", upload, parts)
    await local.copy("a", "b")
    await local.copy("b", "c")
    assert {path: path.stat().st_ino for path in blob_files(root)} == before
    assert info.etag == md5(bytes.fromhex(parts[0].etag + parts[1].etag)) + "-2"


async def test_files_go_with_their_last_object(local: LocalStore, root: Path) -> None:
    await put(local, "a", noise(LARGE))
    await local.copy("a", "b")
    await put(local, "a", noise(LARGE, 2))
    local = await settle(local, root)
    assert len(blob_files(root)) == 2
    await local.delete("b")
    await put(local, "a", b"small now")
    local = await settle(local, root)
    assert blob_files(root) == []
    await local.close()


async def test_an_empty_last_part_leaves_no_file(local: LocalStore, root: Path) -> None:
    upload = await local.start_upload("a")
    parts = [await local.put_part("a", upload, number, body(content)) for number, content in ((1, b"one"), (2, b""))]
    info = await local.complete_upload("a", upload, parts)
    assert await read(local, "a") == b"one"
    assert info.etag.endswith("-2")
    await settle(local, root)
    assert len(blob_files(root)) == 1


async def test_a_failed_or_canceled_put_leaves_no_file(local: LocalStore, root: Path) -> None:
    async def hanging(started: asyncio.Event) -> AsyncIterator[bytes]:
        for _ in range(4):
            yield noise(MIB)
        started.set()
        await asyncio.Event().wait()

    started = asyncio.Event()
    putting = asyncio.create_task(local.put("a", hanging(started)))
    await started.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert blob_files(root) == []


async def test_what_is_canceled_at_any_moment_happened_or_did_not(local: LocalStore, root: Path) -> None:
    for number in range(60):
        putting = asyncio.create_task(put(local, f"k{number}", noise(LARGE if number % 2 else 100, number)))
        for _ in range(number // 2):
            await asyncio.sleep(0)
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
    local = await settle(local, root)
    for key in keys_of(await local.scan("")):
        number = int(key.removeprefix("k"))
        assert await read(local, key) == noise(LARGE if number % 2 else 100, number)
    await local.close()
    await check_folder(root)


async def test_a_reader_of_many_parts_keeps_them_while_they_are_replaced(local: LocalStore, root: Path) -> None:
    upload = await local.start_upload("a")
    parts = [await local.put_part("a", upload, number, body(noise(MIB, number))) for number in range(1, 6)]
    await local.complete_upload("a", upload, parts)
    readings = [await local.get("a") for _ in range(3)]
    await put(local, "a", b"new")
    assert (await local.collect_garbage(age_s=0)).blobs == 0
    whole = b"".join(noise(MIB, number) for number in range(1, 6))
    assert await content_of(readings[0]) == whole
    await readings[1].body.aclose()  # type: ignore[attr-defined]
    assert await content_of(readings[2]) == whole
    await settle(local, root)
    assert blob_files(root) == []


async def test_a_reader_in_another_process_gets_an_error_and_no_wrong_end(local: LocalStore, root: Path) -> None:
    upload = await local.start_upload("a")
    parts = [await local.put_part("a", upload, number, body(noise(MIB, number))) for number in range(1, 4)]
    await local.complete_upload("a", upload, parts)
    reading = await local.get("a")
    other = LocalStore(LocalConfig(root))
    await other.delete("a")
    await other.close()
    with pytest.raises(Unavailable, match="read it again"):
        await content_of(reading)
    await reading.body.aclose()  # type: ignore[attr-defined]


WRITER = """
import asyncio, sys
from pathlib import Path
from tidemill.engine.egress import EVERYWHERE
from tidemill.model.errors import PreconditionFailed
from tidemill.stores.objects.local.store import LocalConfig, LocalStore
from tidemill.stores.objects.port import CREATE

async def main(root, name):
    store = LocalStore(LocalConfig(Path(root)))
    won = 0
    async def body(number):
        yield name.encode() * (1 + 30_000 * (number % 2))
    for number in range(40):
        try:
            await store.put(f"k{number}", body(number), condition=CREATE)
            won += 1
        except PreconditionFailed:
            pass
        await store.put("shared", body(number))
    await store.close()
    print(won)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_several_processes_share_a_folder(root: Path) -> None:
    """Made by all of them at once; of those that create a key one wins."""
    names = ("aaaa", "bbbb", "cccc")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(root), name], stdout=subprocess.PIPE, text=True)
        for name in names
    ]
    outputs = [writer.communicate()[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sum(int(output) for output in outputs) == 40
    store = LocalStore(LocalConfig(root))
    assert len(await store.scan("k")) == 40
    assert set((await read(store, "shared")).decode()) in [set(name) for name in names]
    await store.close()
    await check_folder(root)


async def test_garbage_is_what_nothing_names_and_is_old(local: LocalStore, root: Path) -> None:
    await put(local, "a", noise(LARGE))
    upload = await local.start_upload("b")
    await local.put_part("b", upload, 1, body(noise(LARGE)))
    (root / "blobs" / "00").mkdir(exist_ok=True)
    orphan = root / "blobs" / "00" / ("0" * 30)
    orphan.write_bytes(b"left by a crash")
    assert (await local.collect_garbage()).blobs == 0
    os.utime(orphan, (orphan.stat().st_atime, orphan.stat().st_mtime - 3601))
    assert [finding.blob async for finding in local.scrub()] == ["0" * 32]
    collected = await local.collect_garbage()
    assert (collected.blobs, collected.size_bytes) == (1, 15)
    assert len(blob_files(root)) == 2
    assert [finding async for finding in local.scrub()] == []


async def test_the_index_gives_room_back_to_the_disk(local: LocalStore, root: Path) -> None:
    await asyncio.gather(*(put(local, f"k{number}", noise(60_000, number)) for number in range(200)))
    await local.delete_many([f"k{number}" for number in range(200)])
    await local.collect_garbage()
    await local.close()
    assert (root / "index.sqlite3").stat().st_size < MIB


async def test_a_scrub_finds_every_kind_of_damage(local: LocalStore, root: Path) -> None:
    """Negative controls of I11."""
    for number, key in enumerate(("flipped", "short", "gone", "fine")):
        await put(local, key, noise(LARGE, number))
    await put(local, "small", b"right")
    await put(local, "counted", b"1")
    await local.close()
    with sqlite3.connect(root / "index.sqlite3") as connection:
        found = connection.execute("select o.key, s.blob from object o join segment s on s.content = o.content")
        paths = {key: root / "blobs" / blob[:2] / blob[2:] for key, blob in found}
        connection.execute("update content set bytes = x'00' where bytes = ?", (b"right",))
        connection.execute("update content set refs = 5 where bytes = ?", (b"1",))
    connection.close()
    with paths["flipped"].open("r+b") as file:
        file.seek(100_000)
        file.write(bytes([noise(LARGE)[100_000] ^ 1]))
    os.truncate(paths["short"], 100)
    paths["gone"].unlink()
    damaged = LocalStore(LocalConfig(root))
    findings = [finding async for finding in damaged.scrub()]
    assert {key for finding in findings for key in finding.keys} == {"flipped", "short", "gone", "small", "counted"}
    for key in ("short", "gone"):
        with pytest.raises(ContentDamaged):
            await read(damaged, key)
    assert await read(damaged, "fine") == noise(LARGE, 3)
    await damaged.close()


async def test_usage_is_told_by_folder(local: LocalStore) -> None:
    for key, size in (("a", 1), ("b/1", 2), ("b/2", 3), ("b/c/1", 4), ("d/e/f/g", 5)):
        await put(local, key, bytes(size))
    assert await local.usage() == [
        Usage(prefix="", objects=1, size_bytes=1),
        Usage(prefix="b/", objects=3, size_bytes=9),
        Usage(prefix="d/", objects=1, size_bytes=5),
    ]
    assert [(each.prefix, each.objects) for each in await local.usage("b/")] == [("b/", 2), ("b/c/", 1)]
    assert [(each.prefix, each.size_bytes) for each in await local.usage("", depth=0)] == [("", 15)]
    assert [each.prefix for each in await local.usage("", depth=9)] == ["", "b/", "b/c/", "d/e/f/"]


async def test_a_closed_store_says_so(local: LocalStore) -> None:
    await put(local, "a")
    await local.close()
    await local.close()
    for call in (put(local, "a"), local.head("a"), local.delete("a")):
        with pytest.raises(Unavailable, match="closed"):
            await call
