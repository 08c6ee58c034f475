"""The launcher of the embedded Postgres."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.postgres import kill_tree
from tidemill.db import cluster, embedded, unprivileged
from tidemill.db.embedded import EmbeddedPostgres
from tidemill.model.errors import DatabaseUnusable

LAUNCHER = """
import asyncio, sys
from pathlib import Path
from tidemill.db.embedded import EmbeddedPostgres
async def main():
    postgres = EmbeddedPostgres(Path(sys.argv[1]))
    print(await postgres.start(), postgres.pid, sep="\\n", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """As pytest makes them: under directories that only we may enter."""
    return tmp_path / "data"


@pytest.fixture(scope="module")
def made_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server that tests only look at."""
    postgres = EmbeddedPostgres(tmp_path_factory.mktemp("made") / "data")
    asyncio.run(postgres.start())
    yield postgres
    asyncio.run(postgres.stop())


def launch(data_dir: Path) -> tuple["subprocess.Popen[str]", str, int]:
    """A launcher in a process of its own, with its connection string and the pid of its server."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(data_dir)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
    )
    assert process.stdout
    return process, process.stdout.readline().strip(), int(process.stdout.readline())


def write_rows(dsn: str, count: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create table kept (n int)")
        for number in range(count):
            connection.execute("insert into kept values (%s)", [number])


def count_rows(dsn: str) -> object:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
        return row and row[0]


async def test_what_was_committed_is_there_at_the_next_start(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as postgres:
        write_rows(postgres.dsn, 3)
        first = postgres.dsn
    async with EmbeddedPostgres(data_dir) as postgres:
        assert count_rows(postgres.dsn) == 3
        assert postgres.dsn == first


async def test_a_crash_of_the_server_loses_nothing_and_it_can_be_started_again(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as postgres:
        write_rows(postgres.dsn, 20)
        ended = asyncio.create_task(postgres.wait())
        kill_tree(postgres.pid)
        assert await ended == -signal.SIGKILL
        await postgres.start()
        assert count_rows(postgres.dsn) == 20


async def test_a_killed_launcher_takes_its_server_along(data_dir: Path) -> None:
    launcher, dsn, pid = launch(data_dir)
    server = psutil.Process(pid)
    try:
        write_rows(dsn, 5)
    finally:
        launcher.kill()
        launcher.communicate()
    psutil.wait_procs([server], timeout=60)
    assert not server.is_running()
    async with EmbeddedPostgres(data_dir) as postgres:
        assert count_rows(postgres.dsn) == 5


async def test_a_server_that_was_left_behind_is_stopped_first(data_dir: Path) -> None:
    launcher, dsn, pid = launch(data_dir)
    write_rows(dsn, 5)
    os.kill(pid, signal.SIGSTOP)  # it cannot end with its launcher
    launcher.kill()
    launcher.communicate()
    said: list[str] = []

    def report(text: str) -> None:
        said.append(text)
        os.kill(pid, signal.SIGCONT)

    async with EmbeddedPostgres(data_dir, report=report) as postgres:
        assert postgres.pid != pid
        assert count_rows(postgres.dsn) == 5
    assert f"pid {pid}" in said[0]


async def test_a_pid_file_that_names_another_process_is_no_obstacle(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as postgres:
        pid_file = data_dir / "postgres/cluster/postmaster.pid"
        left = pid_file.read_text()
        pid = postgres.pid
    pid_file.write_text(left.replace(str(pid), str(os.getppid()), 1))
    async with EmbeddedPostgres(data_dir) as postgres:
        assert postgres.pid != pid
    assert psutil.pid_exists(os.getppid())


async def test_a_killed_first_start_is_begun_anew(data_dir: Path) -> None:
    part = data_dir / "postgres/cluster.new"
    part.mkdir(parents=True)
    (part / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres(data_dir) as postgres:
        write_rows(postgres.dsn, 1)
    assert not part.exists()


async def test_a_second_launcher_on_the_directory_is_refused(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as postgres:
        with pytest.raises(DatabaseUnusable, match=rf"process {os.getpid()}.*--data-dir"):
            await EmbeddedPostgres(data_dir).start()
        write_rows(postgres.dsn, 1)


async def test_a_directory_of_another_major_version_is_refused(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    version = data_dir / "postgres/cluster/PG_VERSION"
    version.write_text("16\n")
    with pytest.raises(DatabaseUnusable, match=r"Postgres 16.*untouched.*pg_upgrade"):
        await EmbeddedPostgres(data_dir).start()
    version.write_text("18\n")
    async with EmbeddedPostgres(data_dir):
        pass


async def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    with (data_dir / "postgres/cluster/postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(DatabaseUnusable, match=r"no_such_setting.*server\.log"):
        await EmbeddedPostgres(data_dir).start()


async def test_lost_passwords_are_named(data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir):
        pass
    (data_dir / "postgres/passwords.json").unlink()
    with pytest.raises(DatabaseUnusable, match=r"passwords\.json"):
        await EmbeddedPostgres(data_dir).start()


def test_nothing_listens_on_tcp(made_before: EmbeddedPostgres) -> None:
    server = psutil.Process(made_before.pid)
    for process in (server, *server.children(recursive=True)):
        assert process.net_connections(kind="inet") == []


@pytest.mark.parametrize("user", ["tidemill", "tidemill_admin"])
def test_a_password_is_needed(made_before: EmbeddedPostgres, user: str) -> None:
    for password in ("", "wrong"):
        dsn = make_conninfo(made_before.dsn, user=user, password=password, passfile="/nonexistent")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(dsn)


def test_the_application_is_bound_by_row_level_security_and_owns_its_database(made_before: EmbeddedPostgres) -> None:
    query = "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication from pg_roles where rolname = %s"
    with psycopg.connect(made_before.dsn) as connection:
        assert connection.execute(query, ["tidemill"]).fetchone() == (False,) * 5
        owner = "select pg_get_userbyid(datdba)::text from pg_database where datname = current_database()"
        assert connection.execute(owner).fetchone() == ("tidemill",)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(make_conninfo(made_before.dsn, dbname="postgres"))


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("server_encoding", "UTF8"),
        ("wal_level", "logical"),
        ("listen_addresses", ""),
        ("TimeZone", "UTC"),
    ],
)
def test_settings(made_before: EmbeddedPostgres, setting: str, value: str) -> None:
    with psycopg.connect(made_before.dsn) as connection:
        assert connection.execute("select current_setting(%s)", [setting]).fetchone() == (value,)


def test_text_is_compared_by_code_point(made_before: EmbeddedPostgres) -> None:
    with psycopg.connect(made_before.dsn) as connection:
        assert connection.execute("select 'B' < 'a', upper('ä')").fetchone() == (True, "Ä")


def test_files_are_private(made_before: EmbeddedPostgres) -> None:
    home = made_before._home
    socket = Path(str(conninfo_to_dict(made_before.dsn)["host"]))
    assert stat.S_IMODE((home / "passwords.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "server.log").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "cluster").stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.stat().st_mode) == 0o700
    secrets = json.loads((home / "passwords.json").read_text())
    assert not any(secret in (home / "server.log").read_text() for secret in secrets.values())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_root_drops_to_an_unprivileged_user(made_before: EmbeddedPostgres) -> None:
    uids = psutil.Process(made_before.pid).uids()
    assert 0 not in uids
    assert (made_before._home / "cluster").stat().st_uid == uids.real


async def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100) / "data"
    async with EmbeddedPostgres(long) as postgres:
        write_rows(postgres.dsn, 1)
        socket = Path(str(conninfo_to_dict(postgres.dsn)["host"]))
        assert len(str(socket)) < 90
    assert not socket.exists()


def test_reach_is_decided_by_every_directory_above() -> None:
    account = unprivileged.Account(uid=54321, gid=54321)
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        outer = Path(made)
        inner = outer / "inner"
        inner.mkdir()
        assert not unprivileged.can_reach(account, inner / "file")
        assert unprivileged.can_reach(None, inner / "file")
        outer.chmod(0o711)
        assert unprivileged.can_reach(account, inner / "file")


def test_programs_that_the_account_cannot_reach_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    account = unprivileged.Account(uid=54321, gid=54321)
    with tempfile.TemporaryDirectory(dir="/tmp") as private, tempfile.TemporaryDirectory(dir="/tmp") as public:
        Path(public).chmod(0o755)
        monkeypatch.setattr(cluster, "COPIES", Path(public) / "copies")
        binaries = Path(private) / "pginstall" / "bin"
        binaries.mkdir(parents=True)
        (binaries / "postgres").write_text("program")
        copied = cluster.reachable_binaries(binaries, account)
        assert (copied / "postgres").read_text() == "program"
        assert unprivileged.can_reach(account, copied / "postgres")
        assert cluster.reachable_binaries(binaries, account) == copied
        assert cluster.reachable_binaries(binaries, None) == binaries


async def test_a_cancelled_first_start_can_be_begun_again(data_dir: Path) -> None:
    starting = asyncio.create_task(EmbeddedPostgres(data_dir).start())
    while not (data_dir / "postgres/cluster.new").exists():
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    async with EmbeddedPostgres(data_dir) as postgres:
        write_rows(postgres.dsn, 1)


def test_without_the_package_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatabaseUnusable, match="DATABASE_URL"):
        embedded.find_binaries()
