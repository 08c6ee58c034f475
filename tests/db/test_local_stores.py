"""Stores in folders that workspaces named: found by what is set, looked after, and verified."""

import os
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import body
from tidemill.db import storages
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.db.storages import LOCAL, Setting
from tidemill.stores.objects.local.store import LocalStore
from tidemill.wiring.local_stores import folder_of, keep_up, named_folders, verify

ADD_WORKSPACE = inline("insert into workspace (id, name, owner_email) values ('main', 'main', 'a@b.c')")


@pytest.fixture
async def root(database: Database, tmp_path: Path) -> Path:
    """A root below which the storages `damaged`, `lake` and `missing` are set; `elsewhere` is not below it any more."""
    root = tmp_path / "root"
    places = {"damaged": root, "elsewhere": tmp_path / "other", "lake": root, "missing": root / "missing"}
    settings = [Setting(name=name, kind=LOCAL, root_path=str(place)) for name, place in places.items()]
    async with database.system() as tx:
        await tx.execute(ADD_WORKSPACE)
        await storages.replace(tx, "main", settings, actor="u/a")
    for name in ("damaged", "elsewhere", "lake"):
        store = LocalStore.open({"root_path": str(folder_of(str(places[name]), "main", name))})
        await store.put("k", body(b"x" * 200_000))
        await store.close()
    return root


def blobs(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file() and each.stat().st_size == 200_000]


async def test_folders_that_are_there_and_allowed_are_found(database: Database, root: Path) -> None:
    assert await named_folders(database, [root]) == [root / "main" / "damaged", root / "main" / "lake"]
    assert await named_folders(database, []) == []


async def test_garbage_is_collected_although_another_store_is_damaged(database: Database, root: Path) -> None:
    index = root / "main" / "damaged" / "index.sqlite3"
    index.write_bytes(b"no index")
    (blob,) = blobs(root / "main" / "lake")
    orphan = blob.with_name("0" * len(blob.name))
    orphan.write_bytes(b"x" * 200_000)
    os.utime(orphan, (0, 0))
    await keep_up(await named_folders(database, [root]))
    assert blobs(root / "main" / "lake") == [blob]


async def test_a_byte_that_changed_is_told_with_its_place_and_key(database: Database, root: Path) -> None:
    (blob,) = blobs(root / "main" / "damaged")
    blob.chmod(0o600)
    blob.write_bytes(b"x" * 199_999 + b"y")
    (problem,) = [each async for each in verify(await named_folders(database, [root]))]
    assert "main/damaged" in problem
    assert "(of k)" in problem
