"""Keys of workspaces: the canary, sealing in rows, and rotation under load, interrupted and twice at once."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tidemill.db.keys import SQL, Keyring, add_workspace_key, check_root_key, check_secrets
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.db.rotation import rotate_root_key, rotate_workspace_key
from tidemill.engine.sealing import Place, new_key, open_sealed, unwrap_key
from tidemill.model.errors import SecretsUnreadable, Unavailable
from tidemill.model.failpoint import Failpoint, arm
from tidemill.model.rootkey import encode_key, key_id_of
from tidemill.stores.secrets.port import HeldKeys

WORKSPACE = "main"
MANY = 600
SOAK = pytest.mark.skipif("TIDEMILL_SOAK" not in os.environ, reason="the full form is run by `make soak`")
BATCH = 50

ADD_WORKSPACE = inline("insert into workspace (id, name, owner_email) values (:workspace, :workspace, 'a@b.c')")
NEXT_VERSION = inline("select nextval('item_version')")
ADD_SECRET = inline(
    """insert into variable (workspace_id, path, version, sealed, key_id, is_secret, created_by, edited_by)
       values (:workspace, :path, :version, :sealed, :key_id, true, 'u/a', 'u/a')"""
)
CHANGE_SECRET = inline(
    """update variable set version = :version, sealed = :sealed, key_id = :key_id
       where workspace_id = :workspace and path = :path"""
)
DELETE_SECRET = inline("delete from variable where workspace_id = :workspace and path = :path")
READ_SECRET = inline("select version, sealed from variable where workspace_id = :workspace and path = :path")
KEY_IDS = inline("select key_id from workspace_key where workspace_id = :workspace order by key_id")
USED_KEY_IDS = inline("select key_id from variable union select key_id from history order by key_id")
DAMAGE = inline("update variable set sealed = sealed || 'x'::bytea where path = :path")


@pytest.fixture
def root() -> HeldKeys:
    return HeldKeys([new_key()], holder="the test")


@pytest.fixture
async def ready(database: Database, root: HeldKeys) -> Database:
    """A database with a canary and a workspace."""
    await check_root_key(database, root)
    await add_workspace(database, root, WORKSPACE)
    return database


@pytest.fixture(autouse=True)
def _disarm() -> Iterator[None]:
    yield
    arm("")


async def add_workspace(database: Database, root: HeldKeys, workspace: str) -> None:
    async with database.transaction(workspace) as transaction:
        await transaction.execute(ADD_WORKSPACE, workspace=workspace)
        await add_workspace_key(transaction, root, workspace=workspace)


def path_of(number: int) -> str:
    return f"u/a/secret{number}"


def value_of(path: str) -> bytes:
    return f"the value of {path}".encode()


async def write(database: Database, keyring: Keyring, path: str, *, change: bool = False) -> None:
    async with database.transaction(WORKSPACE) as transaction:
        version = await transaction.fetch_value(NEXT_VERSION)
        place = Place(WORKSPACE, "variable", path, version)
        sealed, key_id = await keyring.seal(transaction, value_of(path), place=place)
        statement = CHANGE_SECRET if change else ADD_SECRET
        row = {"workspace": WORKSPACE, "path": path, "version": version, "sealed": sealed, "key_id": key_id}
        assert await transaction.execute(statement, **row) == 1


async def write_many(database: Database, keyring: Keyring, count: int) -> None:
    async with database.transaction(WORKSPACE) as transaction:
        rows = []
        for number in range(count):
            path = path_of(number)
            version = await transaction.fetch_value(NEXT_VERSION) if number == 0 else rows[-1]["version"] + 1
            place = Place(WORKSPACE, "variable", path, version)
            sealed, key_id = await keyring.seal(transaction, value_of(path), place=place)
            rows.append({"workspace": WORKSPACE, "path": path, "version": version, "sealed": sealed, "key_id": key_id})
        await transaction.execute_many(ADD_SECRET, rows)
        await transaction.fetch_value(inline("select setval('item_version', :last)"), last=rows[-1]["version"])


async def read(database: Database, keyring: Keyring, path: str) -> bytes:
    async with database.transaction(WORKSPACE) as transaction:
        row = await transaction.fetch_one(READ_SECRET, workspace=WORKSPACE, path=path)
        place = Place(WORKSPACE, "variable", path, row["version"])
        return await keyring.open(transaction, row["sealed"], place=place)


async def key_ids(database: Database, query: object = KEY_IDS) -> list[int]:
    parameters = {"workspace": WORKSPACE} if query is KEY_IDS else {}
    async with database.system() as transaction:
        return [row["key_id"] for row in await transaction.fetch_all(query, **parameters)]  # type: ignore[arg-type]


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


async def rotate(database: Database, root: HeldKeys, **options: object) -> object:
    return await rotate_workspace_key(
        database,
        root,
        workspace=WORKSPACE,
        batch=BATCH,
        pause=no_pause,
        **options,  # type: ignore[arg-type]
    )


async def assert_all_open(database: Database, root: HeldKeys, count: int) -> None:
    report = await check_secrets(database, root)
    assert report.failed == []
    assert report.opened >= 2 * count
    keyring = Keyring(root)
    for number in range(0, count, 37):
        assert await read(database, keyring, path_of(number)) == value_of(path_of(number))


async def test_the_right_root_key_passes_at_every_start(database: Database, root: HeldKeys) -> None:
    await asyncio.gather(*(check_root_key(database, root) for _ in range(4)))
    await check_root_key(database, root)


async def test_another_root_key_is_refused_with_the_way_out(ready: Database) -> None:
    with pytest.raises(SecretsUnreadable, match=r"does not belong to this database.*recovery kit"):
        await check_root_key(ready, HeldKeys([new_key()], holder="x"))


async def test_another_root_key_is_refused_on_a_database_whose_canary_is_gone(ready: Database) -> None:
    async with ready.system() as transaction:
        await transaction.execute(inline("delete from instance_canary"))
    with pytest.raises(SecretsUnreadable, match="recovery kit"):
        await check_root_key(ready, HeldKeys([new_key()], holder="x"))


async def test_two_workspaces_have_different_keys(ready: Database, root: HeldKeys) -> None:
    await add_workspace(ready, root, "other")
    keys = set()
    for workspace in (WORKSPACE, "other"):
        async with ready.transaction(workspace) as transaction:
            keys.add(await Keyring(root).current_key(transaction, workspace))
    assert len(keys) == 2
    assert {len(key) for key in keys} == {32}


async def test_a_secret_is_read_as_it_was_written_and_is_not_in_the_rows(ready: Database, root: HeldKeys) -> None:
    await write(ready, Keyring(root), "u/a/x")
    assert await read(ready, Keyring(root), "u/a/x") == value_of("u/a/x")
    async with ready.system() as transaction:
        rows = await transaction.fetch_all(inline("select v::text, h::text as old from variable v, history h"))
    for row in rows:
        assert value_of("u/a/x").hex() not in row["v"] + row["old"]


async def test_a_ciphertext_moved_to_another_path_does_not_open(ready: Database, root: HeldKeys) -> None:
    keyring = Keyring(root)
    await write(ready, keyring, "u/a/x")
    async with ready.system() as transaction:
        await transaction.execute(inline("update variable set path = 'u/b/x'"))
    with pytest.raises(SecretsUnreadable):
        await read(ready, keyring, "u/b/x")


async def test_check_names_what_does_not_open_and_never_values(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), 5)
    async with ready.system() as transaction:
        await transaction.execute(DAMAGE, path=path_of(3))
    report = await check_secrets(ready, root)
    assert report.failed == [f"{WORKSPACE} {path_of(3)}"]
    assert report.opened == 4 + 5 + 1  # variables, history, the key


async def test_check_goes_through_many_pages(ready: Database, root: HeldKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    await write_many(ready, Keyring(root), 25)
    monkeypatch.setattr("tidemill.db.keys.PAGE", 5)
    assert (await check_secrets(ready, root)).opened == 25 + 25 + 1


async def test_check_tells_of_keys_of_a_lost_root_key(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), 2)
    report = await check_secrets(ready, HeldKeys([new_key()], holder="x"))
    assert report.opened == 0
    assert f"key 1 of workspace {WORKSPACE}" in report.failed


async def test_rotation_leaves_the_new_key_only_and_every_value(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), MANY)
    await write(ready, Keyring(root), path_of(0), change=True)
    async with ready.transaction(WORKSPACE) as transaction:
        old_key = await Keyring(root).current_key(transaction, WORKSPACE)
    await rotate(ready, root)
    assert await key_ids(ready) == [2]
    assert await key_ids(ready, USED_KEY_IDS) == [2]
    await assert_all_open(ready, root, MANY)
    async with ready.system() as transaction:
        rows = await transaction.fetch_all(SQL.sealed_variables, after_workspace="", after_path="", limit=MANY)
    for row in rows:
        with pytest.raises(SecretsUnreadable):
            open_sealed(row["sealed"], key=old_key, place=Place(WORKSPACE, "variable", row["path"], row["version"]))


async def test_rotation_is_not_a_change_that_history_records(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), 3)
    await rotate(ready, root)
    async with ready.system() as transaction:
        assert await transaction.fetch_value(inline("select count(*) from history")) == 3


async def test_readers_and_writers_go_on_during_a_rotation(ready: Database, root: HeldKeys) -> None:
    keyring = Keyring(root)
    await write_many(ready, keyring, MANY)
    done = asyncio.Event()
    counts = {"read": 0, "written": 0}
    turn = asyncio.Condition()

    async def load(seed: int) -> None:
        choose = random.Random(seed)
        own = Keyring(root, clock=lambda: 100.0 * counts["read"])  # a cache that forgets at once
        while not done.is_set():
            path = path_of(choose.randrange(MANY))
            assert await read(ready, own, path) == value_of(path)
            await write(ready, keyring, path, change=True)
            async with turn:
                counts["read"] += 1
                counts["written"] += 1
                turn.notify_all()

    async def let_readers_finish(_: float) -> None:
        """In place of the grace: each of the readers has finished what it had begun."""
        goal = counts["read"] + 8
        async with turn:
            await turn.wait_for(lambda: counts["read"] >= goal)

    loads = [asyncio.create_task(load(seed)) for seed in range(3)]
    await rotate_workspace_key(ready, root, workspace=WORKSPACE, batch=BATCH, pause=let_readers_finish)
    done.set()
    await asyncio.gather(*loads)
    assert counts["written"] > 0
    assert await key_ids(ready) == [2]
    await assert_all_open(ready, root, MANY)


async def test_a_read_whose_key_is_gone_says_to_read_again(ready: Database, root: HeldKeys) -> None:
    await write(ready, Keyring(root), "u/a/x")
    async with ready.transaction(WORKSPACE) as transaction:
        row = await transaction.fetch_one(READ_SECRET, workspace=WORKSPACE, path="u/a/x")
    await rotate(ready, root)
    async with ready.transaction(WORKSPACE) as transaction:
        with pytest.raises(Unavailable, match="again"):
            await Keyring(root).open(
                transaction, row["sealed"], place=Place(WORKSPACE, "variable", "u/a/x", row["version"])
            )


async def test_a_cached_key_is_forgotten_after_ten_seconds(ready: Database, root: HeldKeys) -> None:
    now = 0.0
    keyring = Keyring(root, clock=lambda: now)
    await write(ready, keyring, "u/a/x")
    async with ready.transaction(WORKSPACE) as transaction:
        row = await transaction.fetch_one(READ_SECRET, workspace=WORKSPACE, path="u/a/x")
    place = Place(WORKSPACE, "variable", "u/a/x", row["version"])
    await rotate(ready, root)
    async with ready.transaction(WORKSPACE) as transaction:
        now = 9.0
        assert await keyring.open(transaction, row["sealed"], place=place) == value_of("u/a/x")
        now = 10.0
        with pytest.raises(Unavailable):
            await keyring.open(transaction, row["sealed"], place=place)


async def test_a_writer_that_began_before_a_rotation_is_waited_for(ready: Database, root: HeldKeys) -> None:
    keyring = Keyring(root)
    async with ready.transaction(WORKSPACE) as transaction:
        version = await transaction.fetch_value(NEXT_VERSION)
        place = Place(WORKSPACE, "variable", "u/a/late", version)
        sealed, key_id = await keyring.seal(transaction, value_of("u/a/late"), place=place)
        rotation = asyncio.create_task(rotate(ready, root))
        await lock_is_waited_for(ready)
        await transaction.execute(
            ADD_SECRET, workspace=WORKSPACE, path="u/a/late", version=version, sealed=sealed, key_id=key_id
        )
    await rotation
    assert await read(ready, Keyring(root), "u/a/late") == value_of("u/a/late")
    assert await key_ids(ready) == [2]


async def test_a_writer_that_comes_while_a_rotation_begins_takes_the_new_key(ready: Database, root: HeldKeys) -> None:
    async with ready.transaction(WORKSPACE) as transaction:
        await transaction.execute(SQL.retire_keys, workspace=WORKSPACE)
        await add_workspace_key(transaction, root, workspace=WORKSPACE, key_id=2)
        writer = asyncio.create_task(write(ready, Keyring(root), "u/a/x"))
        await lock_is_waited_for(ready)
    await writer
    assert await key_ids(ready, USED_KEY_IDS) == [2]


async def lock_is_waited_for(database: Database) -> None:
    """Return once some statement waits for a lock in this database."""
    waiting = inline("select count(*) from pg_locks where not granted and locktype in ('transactionid', 'tuple')")
    async with asyncio.timeout(30):
        while not await database.single.fetch_value(waiting):
            await asyncio.sleep(0)


async def test_a_secret_that_is_deleted_while_locked_is_not_lost_in_the_history(
    ready: Database, root: HeldKeys
) -> None:
    await write_many(ready, Keyring(root), 3)
    async with ready.transaction(WORKSPACE) as transaction:
        await transaction.execute(DELETE_SECRET, workspace=WORKSPACE, path=path_of(1))
        passes = asyncio.Event()

        async def pause(_: float) -> None:
            passes.set()
            await asyncio.sleep(0)

        rotation = asyncio.create_task(rotate_workspace_key(ready, root, workspace=WORKSPACE, pause=pause))
        await passes.wait()
        assert await key_ids(ready) == [1, 2]
    await rotation
    assert await key_ids(ready, USED_KEY_IDS) == [2]
    assert (await check_secrets(ready, root)).failed == []


async def test_two_rotations_at_once_share_one(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), MANY)
    async with ready.transaction(WORKSPACE) as transaction:
        await transaction.execute(SQL.lock_rotation, workspace=WORKSPACE)
        await transaction.execute(SQL.retire_keys, workspace=WORKSPACE)
        await add_workspace_key(transaction, root, workspace=WORKSPACE, key_id=2)
    both = await asyncio.gather(rotate(ready, root), rotate(ready, root))
    assert [one.key_id for one in both] == [2, 2]  # type: ignore[attr-defined]
    assert sum(one.resealed for one in both) == 2 * MANY  # type: ignore[attr-defined]
    assert await key_ids(ready) == [2]
    await assert_all_open(ready, root, MANY)


async def test_rotations_that_race_from_the_start_end_with_one_key(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), MANY)
    await asyncio.gather(*(rotate(ready, root) for _ in range(3)))
    assert len(await key_ids(ready)) == 1
    await assert_all_open(ready, root, MANY)


async def test_a_given_key_becomes_the_key(ready: Database, root: HeldKeys) -> None:
    key = new_key()
    await write_many(ready, Keyring(root), 5)
    arm("rotate.after_batch:1:raise")
    with pytest.raises(Failpoint):
        await rotate(ready, root)
    await rotate(ready, root, new_key=key)
    async with ready.transaction(WORKSPACE) as transaction:
        assert await Keyring(root).current_key(transaction, WORKSPACE) == key
    assert await key_ids(ready) == [3]


async def test_what_cannot_be_opened_keeps_its_key_and_is_named(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), 10)
    async with ready.system() as transaction:
        await transaction.execute(DAMAGE, path=path_of(4))
    with pytest.raises(SecretsUnreadable, match=r"1 secrets.*u/a/secret4"):
        await rotate(ready, root)
    assert await key_ids(ready) == [1, 2]
    assert await read(ready, Keyring(root), path_of(5)) == value_of(path_of(5))
    await write(ready, Keyring(root), path_of(4), change=True)
    await rotate(ready, root)
    assert await key_ids(ready) == [2]


POINTS = [
    "rotate.after_new_key:1",
    *(f"rotate.after_batch:{nth}" for nth in random.Random(6).sample(range(1, 2 * MANY // BATCH), 17)),
    "rotate.before_delete:1",
    "rotate.after_delete:1",
]


async def test_a_rotation_that_fails_anywhere_is_taken_up_again(ready: Database, root: HeldKeys) -> None:
    await write_many(ready, Keyring(root), MANY)
    for point in POINTS:
        arm(f"{point}:raise")
        with pytest.raises(Failpoint):
            await rotate(ready, root)
        arm("")
        keyring = Keyring(root)
        for number in range(0, MANY, 101):
            assert await read(ready, keyring, path_of(number)) == value_of(path_of(number))
        await rotate(ready, root)
        assert len(await key_ids(ready)) == 1
    await assert_all_open(ready, root, MANY)


KILLED = """
import asyncio, sys
from tidemill.db.pool import Database
from tidemill.db.rotation import rotate_root_key, rotate_workspace_key
from tidemill.model.failpoint import arm
from tidemill.stores.secrets.value import keys_of_value

async def main():
    dsn, keys, point, what = sys.stdin.read().split("\\n")
    arm(point + ":kill")
    async with Database(dsn) as database:
        if what == "root":
            await rotate_root_key(database, keys_of_value(keys), batch=1)
        else:
            await rotate_workspace_key(database, keys_of_value(keys), workspace="main", batch=50, grace_s=0)

asyncio.run(main())
"""


async def killed(dsn: str, keys: list[bytes], point: str, what: str) -> None:
    """Run a rotation in another process that is killed at `point`."""
    given = "\n".join([dsn, ",".join(map(encode_key, keys)), point, what])
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", KILLED], input=given.encode(), capture_output=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()


@pytest.mark.parametrize("points", [POINTS[:3:2] + POINTS[-2:], pytest.param(POINTS, marks=[SOAK, pytest.mark.soak])])
async def test_a_rotation_that_is_killed_anywhere_is_taken_up_again(
    ready: Database, root: HeldKeys, database_dsn: str, points: list[str]
) -> None:
    await write_many(ready, Keyring(root), MANY)
    for point in points:
        await killed(database_dsn, [root.current()[1]], point, "workspace")
        keyring = Keyring(root)
        for number in range(0, MANY, 101):
            assert await read(ready, keyring, path_of(number)) == value_of(path_of(number))
        await rotate(ready, root)
        assert len(await key_ids(ready)) == 1
    await assert_all_open(ready, root, MANY)


@SOAK
@pytest.mark.soak
async def test_ten_thousand_secrets_are_rotated_under_read_load(ready: Database, root: HeldKeys) -> None:
    keyring = Keyring(root)
    await write_many(ready, keyring, 10_000)
    done = asyncio.Event()

    async def reader(seed: int) -> int:
        choose, own, count = random.Random(seed), Keyring(root), 0
        while not done.is_set():
            path = path_of(choose.randrange(10_000))
            assert await read(ready, own, path) == value_of(path)
            count += 1
        return count

    readers = [asyncio.create_task(reader(seed)) for seed in range(4)]
    await rotate_workspace_key(ready, root, workspace=WORKSPACE)
    done.set()
    assert min(await asyncio.gather(*readers)) > 0
    await assert_all_open(ready, root, 10_000)


async def test_the_root_key_is_rotated_and_the_old_one_opens_nothing(ready: Database, root: HeldKeys) -> None:
    await add_workspace(ready, root, "other")
    await write_many(ready, Keyring(root), 5)
    old, new = root.current()[1], new_key()
    assert await rotate_root_key(ready, HeldKeys([old, new], holder="x"), batch=1) == 2
    after = HeldKeys([new], holder="x")
    await check_root_key(ready, after)
    await assert_all_open(ready, after, 5)
    with pytest.raises(SecretsUnreadable):
        await check_root_key(ready, root)
    async with ready.system() as transaction:
        for row in await transaction.fetch_all(SQL.all_keys):
            with pytest.raises(SecretsUnreadable):
                unwrap_key(
                    row["wrapped"],
                    root_key=old,
                    root_key_id=key_id_of(old),
                    workspace_id=row["workspace_id"],
                    key_id=row["key_id"],
                )


async def test_rotating_the_root_key_twice_does_nothing_more(ready: Database, root: HeldKeys) -> None:
    keys = HeldKeys([root.current()[1], new_key()], holder="x")
    assert await asyncio.gather(rotate_root_key(ready, keys), rotate_root_key(ready, keys)) in ([1, 0], [0, 1])
    assert await rotate_root_key(ready, keys) == 0


async def test_a_workspace_made_while_the_root_key_rotates_is_wrapped_with_the_new_one(
    ready: Database, root: HeldKeys
) -> None:
    new = new_key()
    both = HeldKeys([root.current()[1], new], holder="x")
    arm("rotate_root.after_canary:1:raise")
    with pytest.raises(Failpoint):
        await rotate_root_key(ready, both)
    await add_workspace(ready, both, "other")
    await rotate_root_key(ready, both)
    await check_root_key(ready, HeldKeys([new], holder="x"))


@pytest.mark.parametrize("point", ["rotate_root.after_canary:1", "rotate_root.after_wrap:2"])
async def test_a_root_rotation_that_is_killed_is_taken_up_again(
    ready: Database, root: HeldKeys, database_dsn: str, point: str
) -> None:
    for number in range(4):
        await add_workspace(ready, root, f"w{number}")
    await write_many(ready, Keyring(root), 5)
    keys = [root.current()[1], new_key()]
    await killed(database_dsn, keys, point, "root")
    both = HeldKeys(keys, holder="x")
    await check_root_key(ready, both)
    await assert_all_open(ready, both, 5)
    await rotate_root_key(ready, both)
    await assert_all_open(ready, HeldKeys(keys[1:], holder="x"), 5)


async def test_secrets_are_not_in_the_dump_in_any_form(ready: Database, root: HeldKeys, database_dsn: str) -> None:
    await write(ready, Keyring(root), "u/a/x")
    tables = await ready.single.fetch_all(
        inline(
            "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where n.nspname = 'public' and c.relkind = 'r'"
        )
    )
    secret, key = value_of("u/a/x"), root.current()[1]
    for table in tables:
        rows = await ready.single.fetch_all(inline(f'select t::text from "{table["relname"]}" t'))  # type: ignore[arg-type]
        for row in rows:
            for needle in (secret.decode(), secret.hex(), key.hex(), encode_key(key)):
                assert needle not in row["t"]
