"""`tidemill_client.once`: what is done in a user's own database is done once, whatever ends in between."""

import threading

import psycopg
import pytest
from tidemill_client import once


@pytest.fixture(scope="session")
def postgres_kind() -> str:
    return "embedded"


def test_what_was_committed_is_done_and_what_was_not_is_not(empty_database_dsn: str) -> None:
    with psycopg.connect(empty_database_dsn) as connection:
        first = once(connection, "payment 1")
        assert not first.is_done
        connection.rollback()
        again = once(connection, "payment 1")
        assert not again.is_done
        assert again.done({"booked": 12.5, "to": ["a"]}) == {"booked": 12.5, "to": ["a"]}
        connection.commit()
        third = once(connection, "payment 1")
        assert (third.is_done, third.result) == (True, {"booked": 12.5, "to": ["a"]})
        assert not once(connection, "payment 2").is_done


def test_who_comes_meanwhile_waits_and_sees_the_outcome(empty_database_dsn: str) -> None:
    """As an attempt that was taken for lost, and its successor."""
    found: list[tuple[bool, object]] = []

    def second() -> None:
        with psycopg.connect(empty_database_dsn) as connection:
            seen = once(connection, "k")
            found.append((seen.is_done, seen.result))

    with psycopg.connect(empty_database_dsn) as connection:
        once(connection, "made").done()
        connection.commit()
        mine = once(connection, "k")
        thread = threading.Thread(target=second)
        thread.start()
        with psycopg.connect(empty_database_dsn, autocommit=True) as looking:
            while not looking.execute("select 1 from pg_locks where not granted").fetchone():
                pass
        mine.done(1)
    thread.join(30)
    assert found == [(True, 1)]


@pytest.mark.parametrize("is_kept", [True, False])
def test_the_first_ones_make_the_table_one_after_the_other(empty_database_dsn: str, *, is_kept: bool) -> None:
    """As the iterations of a parallel loop, where there is no table yet; the first one may fail."""
    found: list[bool] = []

    def second() -> None:
        with psycopg.connect(empty_database_dsn) as connection:
            found.append(once(connection, "two").is_done)

    with psycopg.connect(empty_database_dsn) as connection:
        once(connection, "one")
        thread = threading.Thread(target=second)
        thread.start()
        with psycopg.connect(empty_database_dsn, autocommit=True) as looking:
            while not looking.execute("select 1 from pg_locks where not granted").fetchone():
                pass
        connection.commit() if is_kept else connection.rollback()
    thread.join(30)
    assert found == [False]
    with psycopg.connect(empty_database_dsn) as connection:
        assert once(connection, "two").is_done
        assert once(connection, "one").is_done is is_kept


def test_a_connection_that_commits_each_statement_is_refused(empty_database_dsn: str) -> None:
    with psycopg.connect(empty_database_dsn, autocommit=True) as connection:
        with pytest.raises(RuntimeError, match="autocommit"):
            once(connection, "k")
        with connection.transaction():
            assert not once(connection, "k").is_done


def test_the_key_is_that_of_the_step_or_else_of_the_job(
    empty_database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WM_JOB_ID", "job")
    with psycopg.connect(empty_database_dsn) as connection:
        once(connection)
        monkeypatch.setenv("WM_FLOW_JOB_ID", "level")
        monkeypatch.setenv("WM_FLOW_STEP_ID", "a")
        once(connection)
        rows = connection.execute("select key from tidemill_done order by key").fetchall()
        assert rows == [("job",), ("level/a",)]
        for name in ("WM_JOB_ID", "WM_FLOW_JOB_ID"):
            monkeypatch.delenv(name)
        with pytest.raises(ValueError, match="needs a key"):
            once(connection)
        with pytest.raises(ValueError, match="no plain name"):
            once(connection, "k", table="x; drop table y")
