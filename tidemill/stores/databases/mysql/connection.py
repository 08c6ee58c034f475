"""One connection to a MySQL or MariaDB."""

import re
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pymysql import err
from pymysql.constants import SERVER_STATUS

from tidemill.engine.sql.dialect import DIALECTS
from tidemill.model.column import Column, Row
from tidemill.model.errors import QueryFailed, TidemillError
from tidemill.registry import Entry
from tidemill.stores.databases.blocking.port import BlockingResult
from tidemill.stores.databases.blocking.sockets import CONNECT_S, connected_to
from tidemill.stores.databases.mysql.arguments import parameter
from tidemill.stores.databases.mysql.config import MysqlConfig
from tidemill.stores.databases.mysql.errors import connection_failed, query_failed
from tidemill.stores.databases.mysql.literals import inserts
from tidemill.stores.databases.mysql.prepared import Head, PackedRows, PreparingDriver
from tidemill.stores.databases.places import by_position
from tidemill.stores.databases.port import NamedType, RawRow, SessionOptions, Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from tidemill.stores.databases.mysql.columnar import MysqlColumns

_SETTINGS: Final = (
    "set names utf8mb4, time_zone = '+00:00', autocommit = 1, sql_mode = concat(@@sql_mode, ',STRICT_ALL_TABLES')"
)
"""Strict, or servers that are set up so would cut in silence what does not fit a column."""
_TRUSTED_S: Final = 15.0
_FAILURES: Final = (err.MySQLError, OSError, EOFError)
_NOT_PREPARED: Final = 1295
_FIRST_WORD: Final = re.compile(
    r"(?:\s|--\s[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|/\*(?!!).*?\*/|\()*+([a-z]+)", re.IGNORECASE | re.DOTALL
)
_BATCH_BYTES: Final = 1024 * 1024
_COLUMNS: Final = Entry("tidemill.stores.databases.mysql.columnar:MysqlColumns")
"""Imported when it is used: Arrow takes its time."""
_QUERIES: Final = frozenset({"select", "with", "values", "table"})
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
        return self._run(statement, only_rows=False)

    def _run(self, statement: Statement, *, only_rows: bool) -> Sequence[BlockingResult]:
        """With `only_rows` what gives none is not run, and gives nothing here."""
        if self._options.read_only:
            self._only_read(statement)
        self._changed = True
        text, arguments = by_position(statement, DIALECTS["mysql"])
        parameters = [parameter(argument) for argument in arguments]
        try:
            number, _, columns = self._driver.prepare(text)
        except err.MySQLError as error:
            if error.args[0] != _NOT_PREPARED or arguments:
                raise query_failed(error, statement) from error
            return [] if only_rows else [self._run_unprepared(text, statement)]
        except _FAILURES as error:
            raise query_failed(error, statement) from error
        if only_rows and not columns:
            self.forget(number)
            return []
        try:
            head = self._driver.execute(number, parameters)
            return self._results(statement, head, number)
        except _FAILURES as error:
            failed = query_failed(error, statement)
            if isinstance(failed, QueryFailed):
                self.forget(number)
            raise failed from error

    def run_columnar(self, statement: Statement) -> "ColumnarMysqlResult | None":
        """See `ColumnarConnection.run_columnar`: of queries, which give one result."""
        if _first_word(statement) not in _QUERIES:
            return None
        results = self._run(statement, only_rows=True)
        if not results:
            return None
        (result,) = results
        assert isinstance(result, MysqlResult)
        return ColumnarMysqlResult(self, statement, result.take_over(), result.number)

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
        """See `ManyRowsSession.write_rows`: of the begin of an insert, up to its values."""
        self._changed = True
        try:
            for each in inserts(text, columns, rows):
                self._driver.query(each)
        except _FAILURES as error:
            raise query_failed(error, None) from error

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
        word = _first_word(statement)
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

    def take_rows(self, left: bytes, statement: Statement) -> tuple[PackedRows, bytes]:
        """See `PreparingDriver.take_rows`."""
        try:
            return self._driver.take_rows(left, _BATCH_BYTES)
        except _FAILURES as error:
            raise query_failed(error, statement) from error

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

    def take_over(self) -> Head:
        """For who reads the rows in its place, and lets go of the prepared statement."""
        self._is_complete = True
        return self._head

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


class ColumnarMysqlResult:
    """A `ColumnarBlockingResult`."""

    def __init__(self, connection: MysqlConnection, statement: Statement, head: Head, number: int) -> None:
        self.columns = head.columns
        self._connection, self._statement, self._number = connection, statement, number
        self._columns = cast("type[MysqlColumns]", _COLUMNS.load())(head.described)
        self._left = b""
        self._is_complete = False

    def take(self) -> PackedRows | None:
        """See `ColumnarBlockingResult.take`."""
        if self._is_complete:
            return None
        try:
            rows, self._left = self._connection.take_rows(self._left, self._statement)
            self._is_complete = rows.has_end
        except TidemillError:
            self._is_complete = True
            raise
        finally:
            if self._is_complete:
                self._connection.forget(self._number)
        return rows

    def batch(self, rows: PackedRows) -> "pa.RecordBatch | None":
        """See `ColumnarBlockingResult.batch`."""
        return self._columns.batch(rows.data, rows.starts, rows.sizes) if rows.starts else None

    def skip(self) -> None:
        """See `BlockingResult.skip`."""
        while self.take() is not None:
            pass


def _first_word(statement: Statement) -> str:
    match = _FIRST_WORD.match(statement.text)
    return match[1].lower() if match else ""


def _first_cause(error: Exception) -> Exception:
    """pymysql wraps what the system said."""
    original = getattr(error, "original_exception", None)
    return original if isinstance(original, OSError) and not isinstance(error, err.MySQLError) else error
