"""What steps of workflows gave: kept once, sealed, by the attempt that runs, and through a rotation of keys."""

import json
from uuid import UUID

import pytest

from tests.flow_workers import EMAIL, WORKSPACE
from tidemill.db import workflows
from tidemill.db.keys import Keyring, add_workspace_key, check_root_key, check_secrets
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.db.rotation import rotate_workspace_key
from tidemill.db.values import Values
from tidemill.db.workflows import GivenStep
from tidemill.engine.sealing import new_key
from tidemill.model.errors import BadRequest, LeaseLost, TooLarge
from tidemill.stores.objects.content import open_folder
from tidemill.stores.secrets.port import HeldKeys

JOB = UUID("019a0000-0000-7000-8000-000000000001")
SECRET = b'{"key":"a secret that a step gave"}'
MAKE = [
    inline(f"insert into workspace (id, name, owner_email) values ('{WORKSPACE}', 'w', '{EMAIL}')"),
    inline(
        "insert into job_queue (id, workspace_id, tag, run_at, state, attempt, worker, started_at, heartbeat_at) "
        f"values ('{JOB}', '{WORKSPACE}', 'python3', now(), 'running', 2, 'w', now(), now())"
    ),
]
SEALED = inline("select sealed from workflow_step")


class Kept:
    """A workflow that runs under its second attempt."""

    def __init__(self, database: Database, root: HeldKeys, values: Values) -> None:
        self.database, self.root, self.keyring, self.stored = database, root, Keyring(root), values

    async def keep(self, key: str, value: bytes, *, attempt: int = 2) -> None:
        await workflows.keep_step(self.database, self.keyring, WORKSPACE, JOB, attempt, GivenStep(key=key, value=value))

    async def values(self) -> dict[str, bytes]:
        begun = await workflows.begin_round(self.database.single, self.keyring, self.stored, WORKSPACE, JOB)
        assert begun.values is not None
        return dict(begun.values)


@pytest.fixture
async def kept(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    root = HeldKeys([new_key()], holder="the test")
    await check_root_key(database, root)
    for statement in MAKE:
        await database.single.execute(statement)
    async with database.system() as tx:
        await add_workspace_key(tx, root, workspace=WORKSPACE)
    content = open_folder(tmp_path_factory.mktemp("objects"))
    return Kept(database, root, Values(database, content, inline_bytes=1000, max_bytes=10_000))


async def test_a_step_is_kept_once_and_sealed(kept: Kept) -> None:
    await kept.keep("a", SECRET)
    await kept.keep("a", b"2")
    await kept.keep("b", b"1.50")
    assert await kept.values() == {"a": SECRET, "b": b"1.50"}
    rows = await kept.database.single.fetch_all(SEALED)
    assert not any(b"secret" in row["sealed"] for row in rows)


async def test_only_the_attempt_that_runs_keeps_a_step(kept: Kept) -> None:
    for attempt in (1, 3):
        with pytest.raises(LeaseLost):
            await kept.keep("a", b"1", attempt=attempt)
    assert await kept.values() == {}


async def test_what_steps_gave_is_read_after_a_rotation_of_the_key(kept: Kept) -> None:
    for number in range(5):
        await kept.keep(f"s{number}", SECRET)

    async def no_pause(_: float) -> None:
        pass

    rotated = await rotate_workspace_key(
        kept.database, kept.root, workspace=WORKSPACE, batch=2, grace_s=0.0, pause=no_pause
    )
    assert rotated.resealed == 5
    kept.keyring = Keyring(kept.root)
    assert await kept.values() == {f"s{number}": SECRET for number in range(5)}
    report = await check_secrets(kept.database, kept.root)
    assert (report.opened, report.failed) == (6, [])


async def test_what_cannot_be_kept_is_refused(kept: Kept) -> None:
    with pytest.raises(TooLarge):
        await kept.keep("a", b'"' + b"x" * (16 * 1024 * 1024) + b'"')
    for key in ("", "x" * 501, "a\0b"):
        with pytest.raises(BadRequest):
            await kept.keep(key, b"1")


async def test_a_task_whose_job_was_deleted_has_failed(kept: Kept) -> None:
    """Nobody waits for it for ever."""
    await kept.database.single.execute(
        inline(
            "insert into workflow_step (job_id, key, workspace_id, kind, child, round) "
            f"values ('{JOB}', 'gone', '{WORKSPACE}', 'task', gen_random_uuid(), 1)"
        )
    )
    assert (await workflows.waits(kept.database.single, JOB)).tasks == 0
    failure = json.loads((await kept.values())["gone"])
    assert (failure["__wmill_error"], failure["message"]) == (True, "Task 'gone' failed.")
