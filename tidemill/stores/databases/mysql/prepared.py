"""Statements that the server prepares: arguments and rows travel in binary form, and no value is part of a text."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pymysql.connections import MAX_PACKET_LEN, Connection
from pymysql.constants import COMMAND, CR, SERVER_STATUS
from pymysql.err import InternalError, OperationalError
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket, OKPacketWrapper

from tidemill.model.column import Column
from tidemill.stores.databases.mysql.arguments import Parameter
from tidemill.stores.databases.mysql.types import Reader, column_of, read_row

_NO_CURSOR: Final = 0
READ_BYTES: Final = 256 * 1024
_HEAD: Final = 4
"""Bytes before each packet."""
_RESET: Final = 0x1F
"""`COM_RESET_CONNECTION`, for which pymysql has no name."""
_MORE: Final = SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS


@dataclass(frozen=True, slots=True)
class Head:
    """How a result begins: with columns, or with a count and no rows. `described`: its columns, as the server does."""

    columns: tuple[Column, ...]
    readers: list[Reader]
    affected: int | None
    has_more: bool
    described: Sequence[FieldDescriptorPacket] = ()


class PackedRows:
    """Rows as they came, and where each is: `data[start : start + size]`."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.starts: list[int] = []
        self.sizes: list[int] = []
        self.has_end = False
        """Whether they are the last."""


class PreparingDriver(Connection):
    """A connection of pymysql's that can also do this; `result_columns` tells of a plain query."""

    def prepare(self, text: str) -> tuple[int, int, tuple[Column, ...]]:
        """Number of the prepared statement, how many arguments it wants, and the columns that it will give."""
        self._execute_command(COMMAND.COM_STMT_PREPARE, text)
        packet = self._read_packet()
        _, number, columns, parameters = packet.read_struct("<BIHH")
        for _ in range(parameters):
            self._read_packet(FieldDescriptorPacket)
        if parameters:
            self._read_packet()
        found = [column_of(self._read_packet(FieldDescriptorPacket))[0] for _ in range(columns)]
        if columns:
            self._read_packet()
        return number, parameters, tuple(found)

    def execute(self, number: int, parameters: Sequence[Parameter]) -> Head:
        """Run it; rows come next where it has columns."""
        body = struct.pack("<IBI", number, _NO_CURSOR, 1)
        if parameters:
            nulls = bytearray((len(parameters) + 7) // 8)
            for index, parameter in enumerate(parameters):
                if parameter.data is None:
                    nulls[index // 8] |= 1 << (index % 8)
            codes = b"".join(struct.pack("<H", parameter.code) for parameter in parameters)
            body += bytes(nulls) + b"\1" + codes + b"".join(parameter.data or b"" for parameter in parameters)
        self._execute_command(COMMAND.COM_STMT_EXECUTE, body)
        return self.read_head()

    def read_head(self) -> Head:
        """The begin of the first result, or of the next one."""
        packet = self._read_packet()
        if packet.is_ok_packet():
            done = OKPacketWrapper(packet)
            self.server_status = done.server_status
            return Head((), [], done.affected_rows, bool(done.server_status & _MORE))
        count = packet.read_length_encoded_integer() or 0
        described = [self._read_packet(FieldDescriptorPacket) for _ in range(count)]
        found = [column_of(each) for each in described]
        has_more = bool(_status(self._read_packet()) & _MORE)
        return Head(tuple(column for column, _ in found), [reader for _, reader in found], None, has_more, described)

    def next_row(self, readers: list[Reader]) -> tuple[object, ...] | None:
        """None at the end of the result."""
        packet = self._read_packet()
        if packet.is_eof_packet():
            self.server_status = _status(packet)
            return None
        return read_row(packet, readers)

    def take_rows(self, left: bytes, most: int) -> tuple[PackedRows, bytes]:
        """The next rows, until they have `most` bytes, and the begin of the one behind them, which is `left` the next
        time. Nothing but the rows of one result may be on its way: what has come is taken without regard to its end.

        Raises:
            pymysql.err.MySQLError: the statement failed on the way, or the connection is lost.
        """
        rows = PackedRows()
        data, at = rows.data, 0
        data += left
        while not rows.has_end and at < most:
            data += self._some()
            at = self._unpack(rows, at)
        left = bytes(data[at:])
        del data[at:]
        return rows, left

    def _some(self) -> bytes:
        """What has come, at least a byte."""
        try:
            found = self._rfile.read1(READ_BYTES)
        except OSError:
            found = b""
        if not found:
            self._force_close()
            raise OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
        return bytes(found)

    def _unpack(self, rows: PackedRows, at: int) -> int:
        """Note the rows that have come as a whole; where the next begins. Packets have their size before them, in three
        bytes, and their number."""
        data, starts, sizes, end = rows.data, rows.starts, rows.sizes, len(rows.data)
        while at + _HEAD <= end:
            size = data[at] | data[at + 1] << 8 | data[at + 2] << 16
            if at + _HEAD + size > end:
                break
            if size == MAX_PACKET_LEN:
                size = self._joined(data, at)
                if not size:
                    break
                end = len(data)
            begin = at + _HEAD
            self._next_seq_id = (data[at + 3] + 1) % 256
            at = begin + size
            if data[begin] == 0:
                starts.append(begin)
                sizes.append(size)
                continue
            packet = MysqlPacket(bytes(data[begin:at]), self.encoding)
            if packet.is_eof_packet():
                rows.has_end = True
                self.server_status = _status(packet)
                return at
            packet.raise_for_error()
            self._force_close()
            raise InternalError(f"a row begins with {data[begin]:#x}")
        return at

    @staticmethod
    def _joined(data: bytearray, at: int) -> int:
        """The size of a row that came in several packets, which are joined; 0 until all of them have come."""
        cuts, place, size = [], at, MAX_PACKET_LEN
        while size == MAX_PACKET_LEN:
            if place + _HEAD > len(data):
                return 0
            size = int.from_bytes(data[place : place + 3], "little")
            if place + _HEAD + size > len(data):
                return 0
            cuts.append(place)
            place += _HEAD + size
        last = data[cuts[-1] + 3]
        for cut in reversed(cuts[1:]):
            del data[cut : cut + _HEAD]
        data[at + 3] = last
        return place - _HEAD * len(cuts) - at

    def forget(self, number: int) -> None:
        """The server gives no answer to this."""
        self._execute_command(COMMAND.COM_STMT_CLOSE, struct.pack("<I", number))

    def reset_session(self) -> None:
        """The server forgets all that the session has set."""
        self._execute_command(_RESET, b"")
        self._read_packet()

    @property
    def gave_rows(self) -> bool:
        """Whether the plain query before did."""
        return self._result is not None and self._result.description is not None

    @property
    def socket(self) -> "socket.socket | None":
        found: socket.socket | None = self._sock
        return found


def _status(end: MysqlPacket) -> int:
    end.advance(3)
    (found,) = end.read_struct("<H")
    return int(found)
