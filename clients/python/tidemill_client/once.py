"""Exactly once in a database of your own: a row in the same transaction as what must not happen twice."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from tidemill_client.server import JsonValue

TABLE: Final = "tidemill_done"
_NAME: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")
_IN_TRANSACTION: Final = 2  # libpq's PQTRANS_INTRANS, as psycopg 2 and 3 give it


class Connection(Protocol):
    """A connection to Postgres by psycopg (2 or 3), as far as it is used here."""

    @property
    def info(self) -> Any:
        """Has `transaction_status`."""
        ...

    def cursor(self) -> Any:
        """Has `execute`, `fetchone`, `rowcount`, and is a context manager."""
        ...


class Once:
    """Whether something was done; made by `once`.

    Attributes:
        is_done: it was, in a transaction that was committed; then `result` is what was handed to `done`.
    """

    def __init__(self, connection: Connection, table: str, key: str, *, is_done: bool, result: JsonValue) -> None:
        self.is_done = is_done
        self.result = result
        self._connection = connection
        self._table = table
        self._key = key

    def done(self, result: JsonValue = None) -> JsonValue:
        """Keep `result` for whoever asks again, and give it. It counts with the commit of the transaction."""
        self.result = result
        statement = f"update {self._table} set result = %s where key = %s"  # noqa: S608  # a plain name
        _run(self._connection, statement, [json.dumps(result), self._key])
        return result


def once(connection: Connection, key: str | None = None, *, table: str = TABLE) -> Once:
    """Ask, in an open transaction, whether this was done before; if not, it is with the commit of that transaction.

        with psycopg.connect(url) as connection:
            payment = once(connection, f"payment {number}")
            if not payment.is_done:
                connection.execute("insert into ledger …")
                payment.done({"booked": amount})

    `key` names what is done; the default is the step of the flow that the job runs (the same for all of its tries), or
    the job. Another transaction that is just doing the same is waited for. The table is made where it is missing.

    Raises:
        ValueError: there is no key outside of a job, or `table` is no plain name.
        RuntimeError: no transaction is open, so that the row would not be undone with what failed.
    """
    key = _default_key() if key is None else key
    if not table or not _NAME.issuperset(table):
        raise ValueError(f"{table!r} is no plain name of a table.")
    _ensure(connection, table)
    if connection.info.transaction_status != _IN_TRANSACTION:
        raise RuntimeError(
            "once() needs an open transaction, in which the work is done as well: this connection commits each "
            "statement (autocommit). Use `with connection.transaction():`, or no autocommit."
        )
    add = f"insert into {table} (key) values (%s) on conflict (key) do nothing"  # noqa: S608  # a plain name
    inserted, _ = _run(connection, add, [key])
    if inserted:
        return Once(connection, table, key, is_done=False, result=None)
    find = f"select result from {table} where key = %s"  # noqa: S608  # a plain name
    _, row = _run(connection, find, [key])
    text = None if row is None else row[0]
    return Once(connection, table, key, is_done=True, result=None if text is None else json.loads(text))


def _default_key(environment: Mapping[str, str] = os.environ) -> str:
    level, step = environment.get("WM_FLOW_JOB_ID"), environment.get("WM_FLOW_STEP_ID")
    if level and step:
        return f"{level}/{step}"
    if job := environment.get("WM_JOB_ID"):
        return job
    raise ValueError("once() needs a key outside of a job.")


def _ensure(connection: Connection, table: str) -> None:
    """Make the table where it is missing; the first statement of the transaction.

    Whoever makes it as well waits for the end of the transaction: Postgres refuses the second of two at once, although
    it says `if not exists`.
    """
    _, row = _run(connection, "select to_regclass(%s)::text", [table])
    if row is None or row[0] is None:
        definition = "key text primary key, result text, done_at timestamptz not null default now()"
        _run(connection, "select pg_advisory_xact_lock(hashtext(%s))", [table])
        _run(connection, f"create table if not exists {table} ({definition})", [])


def _run(connection: Connection, statement: str, values: Sequence[object]) -> tuple[int, Any]:
    """The number of rows, and the first where there is one."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone() if cursor.description is not None else None
        return cursor.rowcount, row
