"""One connection to an Oracle database."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Final

import oracledb

from tidemill.model.column import Column, Row
from tidemill.model.errors import ConnectionFailed, QueryFailed, Unsupported
from tidemill.stores.databases.blocking.port import BlockingResult
from tidemill.stores.databases.blocking.sockets import CONNECT_S
from tidemill.stores.databases.oracle.columns import Fetched, NotFetched, described, fetched
from tidemill.stores.databases.oracle.config import OracleConfig
from tidemill.stores.databases.oracle.errors import connection_failed, query_failed
from tidemill.stores.databases.oracle.guard import LookUp, Opened, guarded
from tidemill.stores.databases.oracle.plans import Plans
from tidemill.stores.databases.oracle.statements import Prepared, cannot_be_exact, exact, prepared
from tidemill.stores.databases.port import Argument, NamedType, RawRow, SessionOptions, Statement

_TRUSTED_S: Final = 15.0
_FAILURES: Final = (oracledb.Error, OSError)
_ARRAY_ROWS: Final = 1000
_FEW_ROWS: Final = 20
_LARGE: Final = frozenset({"clob", "nclob", "blob", "bfile", "json", "xmltype", "long", "long raw", "vector"})
"""Types whose values may be so large that few rows are fetched at a time."""
_LOGIN_S: Final = 2 * CONNECT_S

oracledb.defaults.fetch_lobs = False  # their values, in as many round trips as the rows
oracledb.defaults.fetch_decimals = True  # all digits of numbers


class OracleConnection:
    """A `BlockingConnection`."""

    ends_late: ClassVar[bool] = False

    def __init__(self, config: OracleConfig, look_up: LookUp, options: SessionOptions) -> None:
        """Connect and log in.

        Raises:
            AddressClosed: the listener sends us to an address that is closed.
            ConnectionFailed: the message names the fix.
        """
        self._config, self._options = config, options
        self._in_transaction = self._is_canceled = self._keeps_state = self._is_busy = False
        try:
            with guarded(look_up) as self._opened, _in_time(self._opened):
                self._driver = oracledb.connect(
                    config.place,
                    user=config.user,
                    password=config.password,
                    ssl_context=config.tls_context(),
                    tcp_connect_timeout=CONNECT_S,
                    disable_oob=True,
                    program=options.application,
                    osuser="tidemill",
                )
            self._driver.autocommit = True
            self._command("alter session set time_zone = '+00:00'")
        except (*_FAILURES, QueryFailed) as error:
            raise connection_failed(error, secret=config.password) from error

    def prepare(self, options: SessionOptions) -> None:
        """See `BlockingConnection.prepare`."""
        self._options = options

    def run(self, statement: Statement) -> Sequence[BlockingResult]:
        """See `BlockingConnection.run`."""
        wanted = prepared(statement)
        if self._options.read_only:
            self._only_read(wanted, statement)
        self._keeps_state = self._keeps_state or not wanted.is_query
        cursor = self._driver.cursor()
        cursor.arraysize = _ARRAY_ROWS
        self._is_busy = True
        try:
            if wanted.is_query:
                return [self._query(cursor, wanted, statement)]
            cursor.execute(wanted.text, _variables(cursor, wanted) or None)
            return self._results(cursor, statement)
        except NotFetched as error:
            cursor.close()
            raise QueryFailed(f"{error} (statement at line {statement.line})") from error
        except _FAILURES as error:
            raise query_failed(error, statement, sent=wanted.text) from error
        finally:
            self._is_busy = False

    def _query(self, cursor: oracledb.Cursor, wanted: Prepared, statement: Statement) -> "OracleResult":
        """It is looked at first, to see what has to come as text."""
        cursor.parse(wanted.text)
        columns = [fetched(described(each)) for each in cursor.description or ()]
        if any(each.column.type.name in _LARGE for each in columns):
            cursor.arraysize = cursor.prefetchrows = _FEW_ROWS
        cursor.execute(exact(wanted.text, columns), _variables(cursor, wanted) or None)
        return OracleResult(self, cursor, columns, statement)

    def _results(self, cursor: oracledb.Cursor, statement: Statement) -> list[BlockingResult]:
        """What PL/SQL gives back by `dbms_sql.return_result`, or how many rows were changed."""
        results: list[BlockingResult] = []
        for each in cursor.getimplicitresults() if not cursor.description else ():
            columns = [fetched(described(info)) for info in each.description or ()]
            cut = [column for column in columns if column.exactly]
            if cut:
                raise cannot_be_exact(cut[0])
            results.append(OracleResult(self, each, columns, statement))
        for earlier in results[:-1]:
            assert isinstance(earlier, OracleResult)
            earlier.hold_all()
        return results or [OracleResult(self, cursor, [], statement)]

    def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """See `ManyRowsSession.write_rows`: one round trip for them all."""
        prepared_rows = [prepared(Statement(text=text, arguments=_arguments(columns, row))) for row in rows]
        self._keeps_state = self._is_busy = True
        try:
            with self._driver.cursor() as cursor:
                cursor.executemany(prepared_rows[0].text, _arrays(cursor, prepared_rows))
        except _FAILURES as error:
            raise query_failed(error, None, sent=prepared_rows[0].text) from error
        finally:
            self._is_busy = False

    def explain(self, statement: Statement, *, runs: bool) -> str:
        """See `PlanningConnection.explain`. What is no query and no change of rows would commit, and is not run."""
        wanted = prepared(statement)
        if runs and not wanted.can_be_parsed:
            raise Unsupported(f"What begins with {wanted.first_word!r} is not run for its plan: leave `analyze` out.")
        self._is_busy = True
        self._keeps_state = self._keeps_state or runs
        with self._driver.cursor() as cursor:
            plans = Plans(cursor)
            try:
                return (plans.measured if runs else plans.planned)(wanted.text, _variables(cursor, wanted))
            except _FAILURES as error:
                raise query_failed(error, statement, sent=plans.sent) from error
            finally:
                self._is_busy = False

    def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `BlockingConnection.describe`."""
        wanted = prepared(statement)
        if not wanted.can_be_parsed:
            raise Unsupported(
                f"Oracle does a statement that begins with {wanted.first_word!r} when it is asked about it."
            )
        cursor = self._driver.cursor()
        try:
            cursor.parse(wanted.text)
            return tuple(fetched(described(each)).column for each in cursor.description or ())
        except NotFetched as error:
            raise QueryFailed(str(error)) from error
        except _FAILURES as error:
            raise query_failed(error, statement, sent=wanted.text) from error
        finally:
            cursor.close()

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        self._driver.autocommit = False
        self._in_transaction = True
        if self._options.read_only:
            self._command("set transaction read only")

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._end(self._driver.commit)

    def rollback(self) -> None:
        """See `BlockingConnection.rollback`. A connection that was told to stop is not trusted with anything else."""
        if self._is_canceled:
            raise ConnectionFailed("The connection was told to stop, and is closed.")
        if self._in_transaction:
            self._end(self._driver.rollback)

    def cancel(self) -> None:
        """See `BlockingConnection.cancel`."""
        self._is_canceled = True
        if self._is_busy:
            with suppress(*_FAILURES):
                self._driver.cancel()

    def is_fit(self, idle_s: float) -> bool:
        """See `BlockingConnection.is_fit`."""
        if idle_s <= _TRUSTED_S:
            return bool(self._driver.is_healthy())
        try:
            self._driver.ping()
        except _FAILURES:
            return False
        return True

    def reset(self) -> bool:
        """See `BlockingConnection.reset`. Oracle forgets nothing on demand: after more than queries it is closed."""
        return not self._keeps_state and not self._is_canceled

    def close(self) -> None:
        """See `BlockingConnection.close`. The driver waits for what still runs, and must not here."""
        if self._is_canceled or self._is_busy:
            self._opened.shut()
        with suppress(*_FAILURES):
            self._driver.close()
        self._opened.close()

    def tell(self) -> str:
        """See `BlockingConnection.tell`."""
        tls = "encrypted by TLS" if self._config.is_encrypted else "not encrypted"
        service = self._driver.service_name
        return f"Oracle Database {self._driver.version} answers as {self._config.user} in service {service}, {tls}."

    def more(self, cursor: oracledb.Cursor, rows: int, statement: Statement) -> list[Any]:
        """The next rows of a cursor, as the driver gives them."""
        self._is_busy = True
        try:
            return list(cursor.fetchmany(min(rows, cursor.arraysize)))
        except ValueError as error:
            raise QueryFailed(
                "A value of the result has no form in Python, such as a year before Christ: select to_char(...) of it."
            ) from error
        except _FAILURES as error:
            raise query_failed(error, statement) from error
        finally:
            self._is_busy = False

    def _end(self, how: Any) -> None:
        try:
            how()
        except _FAILURES as error:
            raise query_failed(error, None) from error
        finally:
            self._in_transaction = False
        self._driver.autocommit = True

    def _only_read(self, wanted: Prepared, statement: Statement) -> None:
        """A transaction that may not write, which no query can leave."""
        if not wanted.is_query:
            raise QueryFailed(
                f"A read-only session runs no {wanted.first_word!r} (statement at line {statement.line})."
            )
        if not self._in_transaction:
            self.begin()

    def _command(self, text: str) -> None:
        try:
            with self._driver.cursor() as cursor:
                cursor.execute(text)
        except _FAILURES as error:
            raise query_failed(error, None) from error


class OracleResult:
    """A `BlockingResult`."""

    def __init__(
        self, connection: OracleConnection, cursor: oracledb.Cursor, columns: Sequence[Fetched], statement: Statement
    ) -> None:
        self.columns = tuple(each.column for each in columns)
        self.affected: int | None = None if columns else max(cursor.rowcount, 0)
        self._connection, self._cursor, self._statement = connection, cursor, statement
        self._converts = [(index, each.convert) for index, each in enumerate(columns) if each.convert]
        self._held: list[Row] = []
        self._is_complete = not columns

    def fetch(self, rows: int) -> Sequence[Row]:
        """See `BlockingResult.fetch`."""
        found, self._held = self._held[:rows], self._held[rows:]
        if found or self._is_complete:
            return found
        return self._next(rows)

    def hold_all(self) -> None:
        """Read it into memory."""
        while rows := self._next(_ARRAY_ROWS):
            self._held += rows

    def skip(self) -> None:
        """See `BlockingResult.skip`. Queries do nothing on the way that would be missed."""
        self._is_complete = True
        with suppress(*_FAILURES):
            self._cursor.close()

    def _next(self, rows: int) -> list[Row]:
        found = self._connection.more(self._cursor, rows, self._statement)
        if not found:
            self.skip()
        if not self._converts:
            return [tuple(row) for row in found]
        return [self._converted(row) for row in found]

    def _converted(self, row: Sequence[object]) -> Row:
        changed = list(row)
        for index, convert in self._converts:
            value = changed[index]
            if value is not None:
                changed[index] = convert(value)
        return tuple(changed)


def _variables(cursor: oracledb.Cursor, wanted: Prepared) -> dict[str, oracledb.Var]:
    """The values in their types, NULL too."""
    found = {}
    for name, each in wanted.values.items():
        size = max(len(each.value), 1) if isinstance(each.value, str | bytes) else 0
        found[name] = cursor.var(each.type, size)
        found[name].setvalue(0, each.value)
    return found


def _arguments(columns: Sequence[NamedType], row: RawRow) -> tuple[Argument, ...]:
    return tuple(
        Argument(name=f"a{number}", type_name=column.type_name, value=value)
        for number, (column, value) in enumerate(zip(columns, row, strict=True), start=1)
    )


def _arrays(cursor: oracledb.Cursor, rows: Sequence[Prepared]) -> list[dict[str, object]]:
    """The values of the rows, with one type for each place: that of the largest, where texts differ in theirs."""
    sizes: dict[str, oracledb.Var] = {}
    for name in rows[0].values:
        found = [row.values[name] for row in rows]
        kinds = {each.type for each in found}
        kind = oracledb.DB_TYPE_CLOB if oracledb.DB_TYPE_CLOB in kinds else found[0].type
        longest = max((len(each.value) for each in found if isinstance(each.value, str | bytes)), default=0)
        sizes[name] = cursor.var(kind, max(longest, 1) if longest else 0, len(rows))
    cursor.setinputsizes(**sizes)
    return [{name: each.value for name, each in row.values.items()} for row in rows]


@contextmanager
def _in_time(opened: Opened) -> Iterator[None]:
    """A server that takes the connection and says nothing loses it."""
    timer = threading.Timer(_LOGIN_S, opened.shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
