"""A08 (P1): Postgres is killed under load. What was acknowledged is there, and everybody goes on by themselves."""

import threading
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.postgres import PostgresServer
from tests.reliability import invariants
from tests.reliability.harness import LEASE_S, SLACK_S, SOAK, Chaosbox, until

KILLS = 10 if SOAK else 2
PAUSE_S = 0.0 if SOAK else 0.1
"""Between two requests, so that what was enqueued is also run in reasonable time."""
NOOP = {"content": "exit 0", "language": "bash", "args": {}}


class Callers:
    """Threads that enqueue again and again, and keep what was answered."""

    def __init__(self, box: Chaosbox, count: int) -> None:
        self.accepted: list[UUID] = []
        self.refused: list[httpx.Response] = []
        self._box = box
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(count)]

    def __enter__(self) -> "Callers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        with self._box.client(timeout_s=60) as client:
            while not self._ended.is_set():
                answer = client.post("jobs/run/preview", json=NOOP)
                if answer.status_code == 201:
                    self.accepted.append(UUID(answer.text))
                else:
                    self.refused.append(answer)
                self._ended.wait(PAUSE_S)


def test_nothing_that_was_acknowledged_is_lost_with_postgres(
    lone_box: Chaosbox, own_postgres_server: PostgresServer
) -> None:
    box = lone_box
    # The lease must outlive the outage: what is tested here is the database, not the loss of workers.
    box.settings = {"TIDEMILL_LEASE_S": "60", "TIDEMILL_SELF_KILL_S": "50"}
    server = box.start_server()
    worker = box.start_worker()
    with Callers(box, 4) as callers:
        for kill in range(KILLS):
            had = len(callers.accepted)
            until(lambda had=had: len(callers.accepted) > had + 10)  # type: ignore[misc]
            had = len(callers.refused)
            own_postgres_server.kill()
            if kill == 0 or SOAK:  # a caller waits for a while before it is refused
                until(lambda had=had: len(callers.refused) > had, what="callers are refused")  # type: ignore[misc]
            own_postgres_server.start()
            claimed = box.rows("select count(*) as jobs from job_completed")[0]["jobs"]
            until(
                lambda claimed=claimed: box.rows("select count(*) as jobs from job_completed")[0]["jobs"] > claimed,  # type: ignore[misc]
                5 + SLACK_S,
                what="the worker goes on",
            )
    assert {answer.status_code for answer in callers.refused} == {503}
    assert all("retry-after" in answer.headers and "Traceback" not in answer.text for answer in callers.refused)
    assert server.is_alive()
    assert worker.is_alive()
    box.accepted += callers.accepted
    until(lambda: not box.rows("select id from job_queue limit 1"), 60 + LEASE_S + len(box.accepted) / 5)


def test_a_server_refuses_a_database_that_may_lose_what_it_acknowledged(
    lone_box: Chaosbox, own_postgres_server: PostgresServer
) -> None:
    set_durability(own_postgres_server, on=False)
    lone_box.checked = False
    server = lone_box.start("server")
    assert server.wait() != 0
    assert server.said("synchronous_commit is off")
    assert server.said("TIDEMILL_UNSAFE_DURABILITY=1")
    lone_box.start_server(TIDEMILL_UNSAFE_DURABILITY="1")


@pytest.mark.parametrize("durable", [True, False], ids=["durable", "control"])
def test_the_checks_notice_what_a_crash_took(
    lone_box: Chaosbox, own_postgres_server: PostgresServer, *, durable: bool
) -> None:
    """Control of A08: with synchronous_commit off, acknowledged jobs are gone and I1 says so."""
    box = lone_box
    box.checked = False
    set_durability(own_postgres_server, on=durable)
    box.start_server(TIDEMILL_UNSAFE_DURABILITY="1")
    with box.client() as client:
        for _ in range(20):
            box.accepted.append(UUID(client.post("jobs/run/preview", json=NOOP).text))
    own_postgres_server.kill()
    own_postgres_server.start()
    faults = [fault for fault in invariants.broken(box.dsn, accepted=box.accepted) if fault.startswith("I1 an ack")]
    assert bool(faults) == (not durable)


def set_durability(server: PostgresServer, *, on: bool) -> None:
    """For all sessions to come. Off: what was committed is written seconds later."""
    changes = [
        f"synchronous_commit = {'on' if on else 'off'}",
        "wal_writer_delay = '10s'",
        "wal_writer_flush_after = '1GB'",
    ]
    changes += ["autovacuum = off"]
    with psycopg.connect(server.superuser_dsn("postgres"), autocommit=True) as connection:
        for change in changes[: 1 if on else 4]:
            connection.execute(f"alter system set {change}".encode())
        connection.execute("checkpoint")
        connection.execute("select pg_reload_conf()")
    until(lambda: _shows(server, "on" if on else "off"))


def _shows(server: PostgresServer, value: str) -> bool:
    with psycopg.connect(server.superuser_dsn("postgres"), autocommit=True) as connection:
        row = connection.execute("show synchronous_commit").fetchone()
        return row is not None and row[0] == value
