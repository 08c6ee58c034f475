"""One connection to a SQL Server."""

import select
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar, Final, TypeVar

from pytds import tds_base
from pytds.instance_browser_client import tds7_get_instances

from tidemill.model.column import Column, Row
from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.blocking.port import BlockingResult
from tidemill.stores.databases.blocking.sockets import CONNECT_S, connected_to
from tidemill.stores.databases.mssql.arguments import Parameter, parameter, text_parameter
from tidemill.stores.databases.mssql.batch import gives_one_result, only_reads
from tidemill.stores.databases.mssql.config import MssqlConfig
from tidemill.stores.databases.mssql.driver import ROWS, NoTls, Refused, Server, Session, is_end
from tidemill.stores.databases.mssql.errors import connection_failed, connection_lost, query_failed
from tidemill.stores.databases.mssql.types import data_type
from tidemill.stores.databases.mssql.values import Unreadable
from tidemill.stores.databases.port import SessionOptions, Statement

T = TypeVar("T")
LookUp = Callable[[str, int], Sequence[str]]
"""The addresses of a host that may be connected to at a port."""

HELD_BYTES: Final = 256 * 1024 * 1024
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Of rows that are given at a time: of large values they are fewer."""
_TRUSTED_S: Final = 15.0
_MOST_MOVES: Final = 3
_GARBAGE: Final = (struct.error, IndexError, KeyError, ValueError)
"""Of an answer that is none of a SQL Server's."""
_FAILURES: Final = (tds_base.Error, OSError, EOFError, *_GARBAGE)
_CANCELED: Final = "The query was canceled."
_PLAN: Final = " XML Showplan"
"""What the name of the column ends with that holds a plan."""


class MssqlConnection:
    """A `BlockingConnection`."""

    ends_late: ClassVar[bool] = False

    def __init__(self, config: MssqlConfig, look_up: LookUp, options: SessionOptions) -> None:
        """Connect to the first address of the host that answers.

        Raises:
            AddressClosed: the server sends us to an address that is closed.
            ConnectionFailed: the message names the fix.
        """
        self._config, self._options = config, options
        self._is_closed = False
        self._sending = threading.Lock()
        try:
            self._server = _connected(config, look_up, options)
        except (*_FAILURES, Refused, NoTls) as error:
            raise connection_failed(error, secret=config.secret) from error
        self._session: Session = self._server.session

    def prepare(self, options: SessionOptions) -> None:
        """See `BlockingConnection.prepare`."""
        self._options = options

    def run(self, statement: Statement) -> Sequence[BlockingResult]:
        """See `BlockingConnection.run`. The rows of a batch with one query are streamed; several results are held."""
        parameters = [parameter(argument) for argument in statement.arguments]
        if self._options.read_only:
            only_reads(statement)
            self._begin_unless_begun()
        self._ask(statement.text, parameters)
        if gives_one_result(statement.text):
            return [self._streamed(statement)]
        return self._held(statement)

    def _streamed(self, statement: Statement) -> "MssqlResult":
        result = MssqlResult(self, statement, ())
        while not result.columns and self._session.is_busy:
            if self.read(statement) == tds_base.TDS7_RESULT_TOKEN:
                result.columns = self._session.columns
        if not self._session.is_busy:
            result.affected = self._session.affected
        return result

    def _held(self, statement: Statement) -> "list[MssqlResult]":
        results: list[MssqlResult] = []
        begin = self.received_bytes
        while self._session.is_busy:
            token = self.read(statement)
            if token == tds_base.TDS7_RESULT_TOKEN:
                results.append(MssqlResult(self, statement, self._session.columns))
            elif token in ROWS and results:
                results[-1].held.append(self._session.found_row)
                if self.received_bytes - begin > HELD_BYTES:
                    self._stop()
                    raise QueryFailed(
                        f"The results of the batch have more than {HELD_BYTES >> 20} MB. Of a batch with a single "
                        "select the rows are streamed: split the others off with lines GO."
                    )
        if not results:
            results = [MssqlResult(self, statement, ())]
        results[-1].affected = self._session.affected
        return results

    def explain(self, statement: Statement, *, runs: bool) -> str:
        """See `PlanningConnection.explain`: as XML. What is planned and not run has no values, only their types."""
        setting = "statistics xml" if runs else "showplan_xml"
        parameters = [parameter(argument) for argument in statement.arguments]
        declared = ", ".join(f"@P{number} {each.declaration}" for number, each in enumerate(parameters, 1))
        self._command(f"set {setting} on")
        try:
            if runs:
                self._ask(statement.text, parameters)
            else:
                self._ask((f"declare {declared}; " if declared else "") + statement.text, ())
            results = self._held(statement)
        finally:
            if not self._is_closed:
                self._command(f"set {setting} off")
        plans = [result for result in results if any(each.name.endswith(_PLAN) for each in result.columns)]
        return "\n".join(str(row[0]) for result in plans for row in result.fetch(1 << 16))

    def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `BlockingConnection.describe`. The server compiles it without running it."""
        declared = ", ".join(
            f"@P{number} {parameter(argument).declaration}" for number, argument in enumerate(statement.arguments, 1)
        )
        self._ask(
            "exec sp_describe_first_result_set @P1, @P2",
            [text_parameter(statement.text), text_parameter(declared or None)],
        )
        (result, *_) = self._held(statement)
        names = [column.name for column in result.columns]
        rows = [dict(zip(names, row, strict=True)) for row in result.fetch(1 << 16)]
        return tuple(
            Column(str(row["name"] or ""), data_type(str(row["system_type_name"])), bool(row["is_nullable"]))
            for row in rows
            if not row["is_hidden"]
        )

    def begin(self) -> None:
        """See `BlockingConnection.begin`."""
        self._command("begin transaction")

    def commit(self) -> None:
        """See `BlockingConnection.commit`."""
        self._command("rollback transaction" if self._options.read_only else "commit transaction")

    def rollback(self) -> None:
        """See `BlockingConnection.rollback`."""
        if self._session.is_in_transaction:
            self._command("rollback transaction")

    def cancel(self) -> None:
        """See `BlockingConnection.cancel`."""
        with self._sending, suppress(*_FAILURES):
            if self._session.is_busy and not self._session.in_cancel:
                self._session.interrupt()

    def is_fit(self, idle_s: float) -> bool:
        """See `BlockingConnection.is_fit`."""
        if self._is_closed:
            return False
        if select.select([self._server.transport.socket], [], [], 0)[0]:  # it says nothing unasked, but for good-bye
            return False
        if idle_s <= _TRUSTED_S:
            return True
        try:
            self._command("select 1")
        except TidemillError:
            return False
        return True

    def reset(self) -> bool:
        """See `BlockingConnection.reset`. The server does it before it runs what is asked next."""
        self._server.transport.resets = True
        return not self._is_closed

    def close(self) -> None:
        """See `BlockingConnection.close`."""
        self._is_closed = True
        self._server.close()

    def tell(self) -> str:
        """See `BlockingConnection.tell`."""
        version = self._server.product_version
        told = f"{self._server.product_name.rstrip(chr(0))} {version >> 24}.{version >> 16 & 255}.{version & 0xFFFF}"
        cipher = self._server.transport.cipher
        tls = f"encrypted by {cipher}" if cipher else "not encrypted"
        return f"{told} answers as {self._config.who} in database {self._config.database}, {tls}."

    @property
    def is_busy(self) -> bool:
        """Whether more of the answer is to come."""
        return self._session.is_busy

    @property
    def received_bytes(self) -> int:
        """So far."""
        return self._server.transport.received_bytes

    @property
    def found(self) -> Session:
        """What was read last."""
        return self._session

    def rows(self, most: int, until_bytes: int) -> Sequence[Row]:
        """Rows that come next, at most so many; `read` tells what comes behind them."""
        return self._guarded(lambda: self._session.next_rows(most, until_bytes))

    def read(self, statement: Statement | None) -> int:
        """One more token of the answer; at its end what the server has refused is raised.

        Raises:
            QueryFailed: also where the query was canceled meanwhile, or a value cannot be read.
            ConnectionFailed: the connection is lost.
        """
        was_canceled = self._session.in_cancel
        token = self._guarded(self._session.next_token)
        if is_end(token) and not self._session.is_busy:
            if was_canceled or self._session.in_cancel:
                raise QueryFailed(_CANCELED)
            if self._session.errors:
                raise query_failed(Refused(self._session.errors), statement)
        return token

    def _guarded(self, read: Callable[[], T]) -> T:
        """Behind what cannot be read nothing can."""
        try:
            return read()
        except Unreadable as error:
            self.close()
            raise QueryFailed(str(error)) from error
        except _FAILURES as error:
            self.close()
            raise connection_lost(error, self._session.errors) from error

    def _stop(self) -> None:
        """End what runs, and forget what it gives."""
        self.cancel()
        with suppress(QueryFailed):
            while self.is_busy:
                self.read(None)

    def _ask(self, text: str, parameters: Sequence[Parameter]) -> None:
        try:
            with self._sending:
                self._session.ask(text, parameters)
        except _FAILURES as error:
            self.close()
            raise connection_lost(error) from error

    def _command(self, text: str) -> None:
        self._ask(text, ())
        while self._session.is_busy:
            self.read(None)

    def _begin_unless_begun(self) -> None:
        if not self._session.is_in_transaction:
            self._command("begin transaction")


class MssqlResult:
    """A `BlockingResult`: rows that are held, and then those that are still to come, of the one query of a batch."""

    def __init__(self, connection: MssqlConnection, statement: Statement, columns: tuple[Column, ...]) -> None:
        self.columns = columns
        self.affected: int | None = None
        self.held: list[Row] = []
        self._connection, self._statement = connection, statement

    def fetch(self, rows: int) -> Sequence[Row]:
        """See `BlockingResult.fetch`."""
        found, self.held = self.held[:rows], self.held[rows:]
        connection = self._connection
        most = connection.received_bytes + BATCH_BYTES
        while len(found) < rows and connection.is_busy and (connection.received_bytes < most or not found):
            token = connection.read(self._statement)
            if token in ROWS:
                found.append(connection.found.found_row)
                found += connection.rows(rows - len(found), most)
            elif token == tds_base.TDS7_RESULT_TOKEN:
                raise QueryFailed(
                    f"The batch at line {self._statement.line} gives several results where one was seen: put its "
                    "statements into batches of their own, with lines GO between them."
                )
        return found

    def skip(self) -> None:
        """See `BlockingResult.skip`."""
        self.held = []
        while self._connection.is_busy:
            self._connection.read(self._statement)


def _connected(config: MssqlConfig, look_up: LookUp, options: SessionOptions) -> Server:
    """Logged in, wherever the server sends us (Azure does, and listeners of availability groups)."""
    host, port = config.host, config.port
    if config.instance:
        port = _port_of(config, look_up)
    for _ in range(_MOST_MOVES):
        sock = connected_to(look_up(host, port), port)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server = Server(sock, config, application=options.application, is_reading=options.read_only, host=host)
        try:
            route = server.login()
        except BaseException:
            server.close()
            raise
        if route is None:
            sock.settimeout(None)
            return server
        server.close()
        host, port = route["server"].partition("\\")[0], route["port"]
    raise ConnectionFailed("The database cannot be reached: the server sends on and on to other ones.")


def _port_of(config: MssqlConfig, look_up: LookUp) -> int:
    """Of a named instance, as the server's browser tells by UDP."""
    found = None
    with suppress(OSError):
        found = tds7_get_instances(look_up(config.host, 1434)[0], timeout=CONNECT_S / 2)
    port = (found or {}).get(config.instance.upper(), {}).get("tcp", "")
    if not port.isdecimal():
        raise ConnectionFailed(
            f"The database cannot be reached: nobody tells the port of the instance {config.instance}. Check host and "
            "instance_name, and that UDP port 1434 is open; or give the instance's own port."
        )
    return int(port)
