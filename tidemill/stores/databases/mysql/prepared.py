"""Statements that the server prepares: arguments and rows travel in binary form, and no value is part of a text."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pymysql.connections import Connection
from pymysql.constants import COMMAND, SERVER_STATUS
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket, OKPacketWrapper

from tidemill.model.column import Column
from tidemill.stores.databases.mysql.arguments import Parameter
from tidemill.stores.databases.mysql.types import Reader, column_of, read_row

_NO_CURSOR: Final = 0
_RESET: Final = 0x1F
"""`COM_RESET_CONNECTION`, for which pymysql has no name."""
_MORE: Final = SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS


@dataclass(frozen=True, slots=True)
class Head:
    """How a result begins: with columns, or with a count and no rows."""

    columns: tuple[Column, ...]
    readers: list[Reader]
    affected: int | None
    has_more: bool


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
        columns, readers = [], []
        for _ in range(count):
            column, reader = column_of(self._read_packet(FieldDescriptorPacket))
            columns.append(column)
            readers.append(reader)
        end = self._read_packet()
        return Head(tuple(columns), readers, None, bool(_status(end) & _MORE))

    def next_row(self, readers: list[Reader]) -> tuple[object, ...] | None:
        """None at the end of the result."""
        packet = self._read_packet()
        if packet.is_eof_packet():
            self.server_status = _status(packet)
            return None
        return read_row(packet, readers)

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
