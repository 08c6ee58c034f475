"""One connection to a MySQL or MariaDB."""

import re
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar, Final

from pymysql import err
from pymysql.constants import SERVER_STATUS

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.model.column import Column, Row
from tidemill.model.errors import QueryFailed, TidemillError
from tidemill.stores.databases.blocking.port import BlockingResult
from tidemill.stores.databases.blocking.sockets import CONNECT_S, connected_to
from tidemill.stores.databases.mysql.arguments import parameter
from tidemill.stores.databases.mysql.config import MysqlConfig
from tidemill.stores.databases.mysql.errors import connection_failed, query_failed
from tidemill.stores.databases.mysql.prepared import Head, PreparingDriver
from tidemill.stores.databases.places import by_position
from tidemill.stores.databases.port import Argument, NamedType, RawRow, SessionOptions, Statement

_SETTINGS: Final = "set names utf8mb4, time_zone = '+00:00', autocommit = 1"
_TRUSTED_S: Final = 15.0
_FAILURES: Final = (err.MySQLError, OSError, EOFError)
_NOT_PREPARED: Final = 1295
_MOST_VALUES: Final = 1_000
"""Of rows that go to the server at a time: it takes 65,535, and is slower the more there are."""
_FIRST_WORD: Final = re.compile(
    r"(?:\s|--\s[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?!!).*?\*/|\()*+([a-z]+)", re.IGNORECASE | re.DOTALL
)
_READS: Final = frozenset({"select", "with", "show", "desc", "describe", "explain", "values", "table", "analyze"})


class MysqlConnection:
    """A `BlockingConnection`."""

    ends_late: ClassVar[bool] = False

    def __init__(self, config: MysqlConfig, addresses: Sequence[str], options: SessionOptions) -> None:
        """Connect to the first of `addresses` that answers.

        Raises:
            ConnectionFailed: the message names the fix.
        """
        self._config, self._addresses = config, addresses
        self._options = options
        self._changed = False
        self._driver = self._open(options.application)

    def _open(self, application: str) -> PreparingDriver:
        config, context = self._config, self._config.tls_context()
        try:
            driver = PreparingDriver(
                host=config.host,
                port=config.port,
                user=config.user,
                password=config.password,
                database=config.database,
                charset="utf8mb4",
                autocommit=True,
                conv={},
                connect_timeout=CONNECT_S,
                ssl=context,
                ssl_disabled=context is None,
                program_name=application,
                local_infile=False,
                defer_connect=True,
            )
            driver.connect(self._reach())
            driver.query(_SETTINGS)
        except _FAILURES as error:
            raise connection_failed(_first_cause(error), secret=config.password) from error
        return driver

    def _reach(self) -> socket.socket:
        """pymysql compares certificates with the name of the host, and is handed the connection to its address."""
        found = connected_to(self._addresses, self._config.port)
        found.settimeout(None)
        return found

    def prepare(self, options: SessionOptions) -> None:
        """See `BlockingConnection.prepare`."""
        self._options = options
        if options.read_only:
            self._command("set session transaction read only")

    def run(self, statement: Statement) -> Sequence[BlockingResult]:
        """See `BlockingConnection.run`."""
        if self._options.read_only:
            self._only_read(statement)
        self._changed = True
        text, arguments = by_position(statement, DIALECTS["mysql"])
        parameters = [parameter(argument) for argument in arguments]
        try:
            number, _, _ = self._driver.prepare(text)
        except err.MySQLError as error:
            if error.args[0] != _NOT_PREPARED or arguments:
                raise query_failed(error, statement) from error
            return [self._run_unprepared(text, statement)]
        except _FAILURES as error:
            raise query_failed(error, statement) from error
        try:
            head = self._driver.execute(number, parameters)
            return self._results(statement, head, number)
        except _FAILURES as error:
            failed = query_failed(error, statement)
            if isinstance(failed, QueryFailed):
                self.forget(number)
            raise failed from error

    def _run_unprepared(self, text: str, statement: Statement) -> "MysqlResult":
        """One of the few that MySQL does not prepare. The text of its rows would not be exact: it may have none."""
        try:
            affected = self._driver.query(text)
        except _FAILURES as error:
            raise query_failed(error, statement) from error
        if self._driver.gave_rows:
            raise QueryFailed(f"MySQL does not prepare the statement at line {statement.line}, and it gives rows.")
        return MysqlResult(self, statement, Head((), [], affected, has_more=False), 0)

    def _results(self, statement: Statement, head: Head, number: int) -> list[BlockingResult]:
        """Of a procedure there are several, of which all but the last are read at once."""
        results: list[MysqlResult] = []
        while True:
            result = MysqlResult(self, statement, head, 0)
            results.append(result)
            if not head.has_more:
                result.number = number
                if not head.columns:
                    result.skip()
                break
            result.hold_all()
            head = self._driver.read_head()
        with_rows = [result for result in results if result.columns]
        return list(with_rows or results[-1:])

    def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """See `ManyRowsSession.write_rows`: of an insert that ends with its places, with those of more rows behind."""
        self._changed = True
        together = max(1, _MOST_VALUES // len(columns))
        number, prepared_for = 0, 0
        try:
            for at in range(0, len(rows), together):
                some = rows[at : at + together]
                if len(some) != prepared_for:
                    self.forget(number)
                    number, _, _ = self._driver.prepare(_for_rows(text, len(columns), len(some)))
                    prepared_for = len(some)
                self._driver.execute(
                    number,
                    [
                        parameter(Argument(name=column.name, type_name=column.type_name, value=value))
                        for row in some
                        for column, value in zip(columns, row, strict=True)
                    ],
                )
        except _FAILURES as error:
            raise query_failed(error, None) from error
        finally:
            self.forget(number)

    def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `BlockingConnection.describe`."""
        text, _ = by_position(statement, DIALECTS["mysql"])
        try:
            number, _, columns = self._driver.prepare(text)
            self._driver.forget(number)
        except _FAILURES as error:
            raise query_failed(error, statement) from error
        return columns

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        self._command("start transaction read only" if self._options.read_only else "start transaction")

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._command("commit")

    def rollback(self) -> None:
        """See `BlockingConnection.rollback`."""
        if self._in_transaction:
            self._command("rollback")

    def cancel(self) -> None:
        """See `BlockingConnection.cancel`."""
        with suppress(TidemillError):
            other = MysqlConnection(self._config, self._addresses, self._options)
            try:
                other._command(f"kill query {self._driver.thread_id()}")
            finally:
                other.close()

    def is_fit(self, idle_s: float) -> bool:
        """See `BlockingConnection.is_fit`."""
        sock = self._driver.socket
        if sock is None or select.select([sock], [], [], 0)[0]:  # it says nothing unasked, but for good-bye
            return False
        if idle_s <= _TRUSTED_S:
            return True
        try:
            self._driver.ping(reconnect=False)
        except _FAILURES:
            return False
        return True

    def reset(self) -> bool:
        """See `BlockingConnection.reset`. The server forgets variables, temporary tables, locks and settings."""
        if not self._driver.open:
            return False
        if self._changed or self._options.read_only:
            try:
                self._driver.reset_session()
                self._driver.query(_SETTINGS)
            except _FAILURES:
                return False
            self._changed = False
        return True

    def close(self) -> None:
        """See `BlockingConnection.close`."""
        with suppress(*_FAILURES):
            self._driver.close()

    def tell(self) -> str:
        """See `BlockingConnection.tell`."""
        tls = "encrypted by TLS" if self._config.tls else "not encrypted"
        product = "MariaDB" if "mariadb" in self._driver.server_version.lower() else "MySQL"
        config = self._config
        return f"{product} {self._driver.server_version} answers as {config.user} in database {config.database}, {tls}."

    @property
    def _in_transaction(self) -> bool:
        return bool((self._driver.server_status or 0) & SERVER_STATUS.SERVER_STATUS_IN_TRANS)

    def _only_read(self, statement: Statement) -> None:
        """Each statement is in a transaction that may not write, which no statement that reads can leave."""
        match = _FIRST_WORD.match(statement.text)
        word = match[1].lower() if match else ""
        if word not in _READS:
            raise QueryFailed(f"A read-only session runs no {word!r} (statement at line {statement.line}).")
        if not self._in_transaction:
            self._command("start transaction read only")

    def _command(self, text: str) -> None:
        try:
            self._driver.query(text)
        except _FAILURES as error:
            raise query_failed(error, None) from error

    def forget(self, number: int) -> None:
        """Let go of a prepared statement."""
        if number:
            with suppress(*_FAILURES):
                self._driver.forget(number)

    def row(self, head: Head, statement: Statement) -> Row | None:
        """The next row of the result that is open."""
        try:
            return self._driver.next_row(head.readers)
        except _FAILURES as error:
            raise query_failed(error, statement) from error
        except (ValueError, UnicodeDecodeError) as error:
            self.close()
            raise QueryFailed("A value of the result cannot be read: select it with cast(... as char).") from error


class MysqlResult:
    """A `BlockingResult`. `number` is of the prepared statement that is over with its end; 0 for none."""

    def __init__(self, connection: MysqlConnection, statement: Statement, head: Head, number: int) -> None:
        self.columns, self.affected = head.columns, head.affected
        self.number = number
        self._connection, self._statement, self._head = connection, statement, head
        self._held: list[Row] = []
        self._is_complete = not head.columns

    def fetch(self, rows: int) -> Sequence[Row]:
        """See `BlockingResult.fetch`."""
        found, self._held = self._held[:rows], self._held[rows:]
        while len(found) < rows and (row := self._next()) is not None:
            found.append(row)
        return found

    def hold_all(self) -> None:
        """Read it into memory."""
        while (row := self._next()) is not None:
            self._held.append(row)

    def skip(self) -> None:
        """See `BlockingResult.skip`."""
        while self._next() is not None:
            pass
        self._end()

    def _next(self) -> Row | None:
        if self._is_complete:
            return None
        try:
            row = self._connection.row(self._head, self._statement)
        except TidemillError:
            self._is_complete = True
            self._end()
            raise
        if row is None:
            self._is_complete = True
            self._end()
        return row

    def _end(self) -> None:
        self._connection.forget(self.number)
        self.number = 0


def _for_rows(text: str, width: int, rows: int) -> str:
    """The insert for more than one row."""
    return text + f", ({', '.join('?' * width)})" * (rows - 1)


def _first_cause(error: Exception) -> Exception:
    """pymysql wraps what the system said."""
    original = getattr(error, "original_exception", None)
    return original if isinstance(original, OSError) and not isinstance(error, err.MySQLError) else error
