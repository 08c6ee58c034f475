"""pytds with types of our own: it logs in, makes packets and takes answers apart into tokens ([MS-TDS] 2.2.7)."""

import socket
import struct
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Final

from pytds import tds_base
from pytds.tds_base import PacketType, PreLoginEnc, PreLoginToken, _TdsLogin
from pytds.tds_reader import _TdsReader
from pytds.tds_session import _TdsSession
from pytds.tds_socket import _TdsSocket

from tidemill.model.column import Column, Row
from tidemill.stores.databases.mssql.arguments import NO_COLLATION, Parameter, text_parameter
from tidemill.stores.databases.mssql.config import MssqlConfig
from tidemill.stores.databases.mssql.reading import Reader, read_type
from tidemill.stores.databases.mssql.transport import Transport

_SP_EXECUTESQL: Final = 10
_ODBC: Final = 2
"""Of a login: quoted names, ANSI's NULL and padding, texts of any size."""
_PACKET_BYTES: Final = 16384
_TRANSACTION_BEGINS, _TRANSACTION_ENDS, _MOVED = 8, {9, 10, 17}, 20
_DATABASE, _PACKET_SIZE, _COLLATION = 1, 4, 7
_NULLABLE: Final = 1
_SELECT: Final = 0xC1
_TEXTS: Final = frozenset({0xA7, 0xE7})
"""Types that the wire names together with a collation."""
ROWS: Final = frozenset({tds_base.TDS_ROW_TOKEN, tds_base.TDS_NBC_ROW_TOKEN})
_ENDS: Final = frozenset({tds_base.TDS_DONE_TOKEN, tds_base.TDS_DONEPROC_TOKEN, tds_base.TDS_DONEINPROC_TOKEN})


@dataclass(frozen=True, slots=True)
class ServerMessage:
    """An error of the server's. `line` counts in what was sent, or in `procedure`."""

    number: int
    severity: int
    state: int
    text: str
    procedure: str
    line: int


class Refused(Exception):
    """The server says no, in one message or several."""

    def __init__(self, messages: Sequence[ServerMessage]) -> None:
        super().__init__(" ".join(each.text for each in messages))
        self.messages = tuple(messages)


class NoTls(Exception):
    """The server has no TLS, and it is asked for."""


class Server(_TdsSocket):
    """A connection to a server, logged in or not. It has one session."""

    def __init__(
        self, sock: socket.socket, config: MssqlConfig, *, host: str, application: str, is_reading: bool
    ) -> None:
        self.transport = Transport(sock)
        login = _login(config, application, is_reading=is_reading)
        login.server_name = host[:128]
        super().__init__(self.transport, login, autocommit=True)
        self.host, self.raw_collation = host, NO_COLLATION
        self.session = Session(self, config)
        self._main_session = self.session


def _login(config: MssqlConfig, application: str, *, is_reading: bool) -> _TdsLogin:
    login = _TdsLogin()
    login.client_host_name = socket.gethostname()[:128]
    login.library = "Tidemill"
    login.app_name = application[:128]
    login.instance_name = config.instance
    login.user_name, login.password = ("", "") if config.token else (config.user, config.password)
    login.access_token = config.token or None
    login.database = config.database
    login.client_lcid = 0x409
    login.option_flag2 = _ODBC
    login.blocksize = _PACKET_BYTES
    login.readonly = is_reading
    login.enc_flag = PreLoginEnc.ENCRYPT_ON if config.encrypts else PreLoginEnc.ENCRYPT_OFF
    return login


class Source(_TdsReader):
    """Bytes of the answer, without pytds's detours where a packet has them all."""

    def take(self, size: int) -> bytes:
        """Exactly so many of the next ones."""
        begin: int = self._pos  # type: ignore[has-type]  # pytds has no types
        end = begin + size
        if end <= self._size:
            self._pos = end
            return bytes(self._bufview[begin:end])
        return bytes(tds_base.readall(self, size))

    def counted(self) -> bytes:
        """See `reading.Source`."""
        begin: int = self._pos
        if begin < self._size:
            end = begin + 1 + self._buf[begin]
            if end <= self._size:
                self._pos = end
                return bytes(self._bufview[begin + 1 : end])
        return self.take(self.take(1)[0])

    def begins_with(self, tokens: Container[int]) -> bool:
        """Whether one of these comes next, as far as the packet shows."""
        return self._pos < self._size and self._buf[self._pos] in tokens


class Session(_TdsSession):
    """What pytds calls a session, with our types and errors, and requests with values in declared types."""

    def __init__(self, server: Server, config: MssqlConfig) -> None:
        super().__init__(server, server.transport, None, server.env, 4096)
        self._server, self._config = server, config
        self._source = self._reader = Source(self, server.transport, 4096)
        self._readers: list[Reader] = []
        self.columns: tuple[Column, ...] = ()
        self.found_row: Row = ()
        self.errors: list[ServerMessage] = []
        self.affected: int | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request has been sent whose answer is not read to its end."""
        return bool(self.state != tds_base.TDS_IDLE)

    @property
    def is_in_transaction(self) -> bool:
        return bool(self._server.tds72_transaction)

    def ask(self, text: str, parameters: Sequence[Parameter]) -> None:
        """Send a batch; with parameters by `sp_executesql`, in which they are called `@P1`, `@P2`, ..."""
        self.errors, self.affected = [], None
        if not parameters:
            self.submit_plain_query(text)
            return
        named = [(f"@P{number}", each) for number, each in enumerate(parameters, 1)]
        declared = ", ".join(f"{name} {each.declaration}" for name, each in named)
        with self.querying_context(PacketType.RPC):
            self._start_query()
            self._writer.write(struct.pack("<HHH", 0xFFFF, _SP_EXECUTESQL, 0))
            for name, each in [("", text_parameter(text)), ("", text_parameter(declared)), *named]:
                info = each.info[:3] + self._server.raw_collation if each.info[0] in _TEXTS else each.info
                self._writer.write(bytes([len(name)]) + name.encode("utf-16-le") + b"\0" + info + each.data)

    def next_token(self) -> int:
        """Read one more token of the answer, and what belongs to it."""
        if self._source.stream_finished():
            self._source.begin_response()
        found = int(self.get_token_id())
        self.process_token(found)
        return found

    def next_rows(self, most: int, until_bytes: int) -> list[Row]:
        """Rows that come next, until so many bytes have been received; pytds would look at its state for each."""
        found: list[Row] = []
        source, transport = self._source, self._server.transport
        while len(found) < most and transport.received_bytes < until_bytes and source.begins_with(ROWS):
            super().process_token(source.take(1)[0])
            found.append(self.found_row)
        return found

    def interrupt(self) -> None:
        """Ask the server to stop; it says so at the end of what it sends. Another thread may be reading."""
        self.in_cancel = True
        self._writer.begin_packet(PacketType.CANCEL)
        self._writer.flush()

    def parse_prelogin(self, octets: bytes, login: _TdsLogin) -> None:
        """What the server can, and with it TLS."""
        found = _options(octets)
        self._server.fedauth_required = found.get(PreLoginToken.FEDAUTHREQUIRED, b"\0") == b"\1"
        login.nonce = found.get(PreLoginToken.NONCEOPT) or None
        answer = found.get(PreLoginToken.ENCRYPTION, b"\2")[0]
        login.server_enc_flag = answer
        if answer == PreLoginEnc.ENCRYPT_NOT_SUP:
            if self._config.encrypts:
                raise NoTls("The server has no TLS.")
            return
        self._server.transport.encrypt(self._config.tls_context(), self._server.host)

    def tds7_send_login(self, login: _TdsLogin) -> None:
        """The login alone is encrypted where neither side wants more."""
        super().tds7_send_login(login)
        if login.server_enc_flag == PreLoginEnc.ENCRYPT_OFF:
            self._server.transport.reveal()

    def process_token(self, marker: int) -> None:
        """Changes of the environment are read here; of others pytds knows more."""
        if marker == tds_base.TDS_ENVCHANGE_TOKEN:
            self._note_change(self._source.take(struct.unpack("<H", self._source.take(2))[0]))
        else:
            super().process_token(marker)

    def _note_change(self, change: bytes) -> None:
        kind, size = change[0], change[1]
        match kind:
            case _ if kind == _TRANSACTION_BEGINS:
                (self._server.tds72_transaction,) = struct.unpack_from("<Q", change, 2)
            case _ if kind in _TRANSACTION_ENDS:
                self._server.tds72_transaction = 0
            case _ if kind == _DATABASE:
                self._server.env.database = (
                    self._config.database
                )  # which has other letters than the server's name of it
            case _ if kind == _PACKET_SIZE:
                self._writer.bufsize = int(change[2 : 2 + 2 * size].decode("utf-16-le"))
            case _ if kind == _COLLATION and size == 5:
                self._server.raw_collation = change[2:7]
            case _ if kind == _MOVED:
                _, _, port, size = struct.unpack_from("<HBHH", change, 1)
                self._server.route = {"server": change[8 : 8 + 2 * size].decode("utf-16-le"), "port": port}
            case _:
                pass  # languages, sort orders, mirrors: nothing here depends on them

    def tds7_process_result(self) -> None:
        """The columns of a result, whose rows come next."""
        count = struct.unpack("<h", self._source.take(2))[0]
        if count < 0:
            return
        found, self._readers = [], []
        for _ in range(count):
            _, flags = struct.unpack("<IH", self._source.take(6))
            data_type, read = read_type(self._source)
            name = self._source.take(2 * self._source.take(1)[0]).decode("utf-16-le")
            found.append(Column(name, data_type, bool(flags & _NULLABLE)))
            self._readers.append(read)
        self.columns = tuple(found)

    def process_row(self) -> None:
        """A row."""
        source = self._source
        self.found_row = tuple([read(source) for read in self._readers])

    def process_nbcrow(self) -> None:
        """A row with a bit for each NULL before it."""
        source = self._source
        nulls = source.take((len(self._readers) + 7) // 8)
        self.found_row = tuple(
            [None if nulls[n >> 3] >> (n & 7) & 1 else read(source) for n, read in enumerate(self._readers)]
        )

    def process_param(self) -> None:
        """A value that a procedure gives back: nobody has asked for it."""
        self._source.take(2)
        self._source.take(2 * self._source.take(1)[0] + 7)
        _, read = read_type(self._source)
        read(self._source)

    def process_msg(self, marker: int) -> None:
        """Errors are kept; what the server only mentions is not."""
        data = self._source.take(struct.unpack("<H", self._source.take(2))[0])
        if marker == tds_base.TDS_ERROR_TOKEN:
            self.errors.append(_message(data))

    def raise_db_exception(self) -> None:
        """Of a login; errors of statements are looked at when all has been read."""
        raise Refused(self.errors or [ServerMessage(0, 0, 0, "The server says no, and not why.", "", 0)])

    def process_end(self, marker: int) -> None:
        """The end of a statement, or of all."""
        status, command, count = struct.unpack("<HHQ", self._source.take(12))
        self.done_flags = status
        is_last = not status & tds_base.TDS_DONE_MORE_RESULTS
        was_canceled = bool(status & tds_base.TDS_DONE_CANCELLED)
        if status & tds_base.TDS_DONE_COUNT and command != _SELECT:
            self.affected = (self.affected or 0) + count
        if was_canceled or (is_last and not self.in_cancel):
            self.in_cancel = False
            self.set_state(tds_base.TDS_IDLE)


def is_end(token: int) -> bool:
    """Whether a token ends a statement."""
    return token in _ENDS


def _options(octets: bytes) -> dict[int, bytes]:
    """Of the answer before the login: kind, place and size of each, then their bytes."""
    found, at = {}, 0
    while octets[at] != PreLoginToken.TERMINATOR:
        kind, place, size = struct.unpack_from(">BHH", octets, at)
        found[kind] = octets[place : place + size]
        at += 5
    return found


def _message(data: bytes) -> ServerMessage:
    number, state, severity, size = struct.unpack_from("<iBBH", data)
    at = 8 + 2 * size
    text = data[8:at].decode("utf-16-le", "replace")
    at += 1 + 2 * data[at]
    procedure = data[at + 1 : at + 1 + 2 * data[at]].decode("utf-16-le", "replace")
    (line,) = struct.unpack_from("<i", data, at + 1 + 2 * data[at])
    return ServerMessage(number, severity, state, text, procedure, line)
