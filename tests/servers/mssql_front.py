"""Speaks the protocol of SQL Server (TDS 7.4) and lets a Postgres answer: batches, `sp_executesql`, attention, resets.

Arguments: port, connection string of the Postgres, certificate and key in PEM, user, password, access token. It is made
after [MS-TDS]; the drivers of others (FreeTDS, Microsoft's ODBC, tedious) were tried on it by hand. It knows few types:
what it is asked is Postgres's SQL, with `@P1` for `$1`.
"""

import contextlib
import re
import select
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator, Sequence

import psycopg
from psycopg import generators, pq, waiting

PRELOGIN, BATCH, RPC, ATTENTION, LOGIN, REPLY = 0x12, 1, 3, 6, 0x10, 4
PACKET_BYTES = 4096
COLLATION = bytes.fromhex("0904d00034")
MORE, ERROR, COUNT, CANCELED = 1, 2, 0x10, 0x20
INTEGERS = {21: 2, 23: 4, 20: 8, 16: 1}
CERTIFICATE = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CLIENTS: "set[Client]" = set()
CONNINFO, USER, PASSWORD, TOKEN = sys.argv[2], sys.argv[5], sys.argv[6], sys.argv[7]


class Gone(Exception):
    """The client or the Postgres has left."""


class Wire:
    """Packets of a client, encrypted or not."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock, self.tls = sock, None
        self.come, self.go = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.lock = threading.Lock()

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._some(size - len(data))
            if not more:
                raise Gone
            data += more
        return data

    def _some(self, size: int) -> bytes:
        while self.tls:
            with self.lock:
                try:
                    return self.tls.read(size)
                except ssl.SSLWantReadError:
                    pass
            data = self.sock.recv(65536)
            if not data:
                return b""
            self.come.write(data)
        return self.sock.recv(size)

    def message(self) -> tuple[int, int, bytes]:
        """Kind, the first packet's status, and what all packets of it hold."""
        first, data = None, b""
        while True:
            kind, status, size, _, _, _ = struct.unpack(">BBHHBB", self.receive(8))
            first = status if first is None else first
            data += self.receive(size - 8)
            if status & 1:
                return kind, first, data

    def send(self, kind: int, data: bytes, *, is_last: bool = True) -> None:
        body = PACKET_BYTES - 8
        pieces = [data[at : at + body] for at in range(0, len(data), body)] or [b""]
        for number, piece in enumerate(pieces, 1):
            status = int(is_last and number == len(pieces))
            packet = struct.pack(">BBHHBB", kind, status, len(piece) + 8, 51, number % 256, 0) + piece
            with self.lock:
                if self.tls:
                    self.tls.write(packet)
                    packet = self.go.read()
            self.sock.sendall(packet)

    def encrypt(self) -> None:
        tls = CERTIFICATE.wrap_bio(self.come, self.go, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if self.go.pending:
                    self.send(PRELOGIN, self.go.read())
                self.come.write(self.message()[2])
        if self.go.pending:
            self.send(PRELOGIN, self.go.read())
        self.tls = tls


def text(value: str) -> bytes:
    return value.encode("utf-16-le")


def counted(value: str, form: str = "B") -> bytes:
    return struct.pack("<" + form, len(value)) + text(value)


def change(kind: int, new: bytes, old: bytes) -> bytes:
    body = bytes([kind, *(len(new),), *new, len(old), *old])
    return b"\xe3" + struct.pack("<H", len(body)) + body


def change_text(kind: int, new: str) -> bytes:
    body = bytes([kind]) + counted(new) + counted("")
    return b"\xe3" + struct.pack("<H", len(body)) + body


def done(status: int = 0, *, token: int = 0xFD, command: int = 0, count: int = 0) -> bytes:
    return struct.pack("<BHHQ", token, status, command, count)


def refusal(number: int, words: str, line: int = 1, *, severity: int = 16) -> bytes:
    body = struct.pack("<iBB", number, 1, severity) + counted(words, "H") + counted("front") + counted("")
    body += struct.pack("<i", line)
    return b"\xaa" + struct.pack("<H", len(body)) + body


def connected(intent: str) -> psycopg.Connection:
    """It prepares nothing by itself: a reset would take that away."""
    return psycopg.connect(CONNINFO, autocommit=True, application_name=intent, prepare_threshold=None)


class Client(threading.Thread):
    """One connection. Another thread runs what it asks, so that it can be interrupted."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(daemon=True)
        self.wire = Wire(sock)
        self.state = threading.Lock()
        self.is_busy = self.is_interrupted = False
        self.transaction = 0
        self.intent = self.plans = ""

    def run(self) -> None:
        with contextlib.suppress(Gone, OSError), self.wire.sock:
            if self.log_in():
                with connected(self.intent) as self.postgres:
                    CLIENTS.add(self)
                    try:
                        self.serve()
                    finally:
                        CLIENTS.discard(self)

    def log_in(self) -> bool:
        _, _, prelogin = self.wire.message()
        wanted = options(prelogin)[1][0]
        version, encryption, fed = struct.pack(">LH", 0x10000FA0, 0), bytes([wanted]), b"\1"
        has_token = 6 in options(prelogin)
        body = struct.pack(">BHHBHH", 0, 16 if has_token else 11, 6, 1, 22 if has_token else 17, 1)
        body += struct.pack(">BHH", 6, 23, 1) if has_token else b""
        self.wire.send(REPLY, body + b"\xff" + version + encryption + (fed if has_token else b""))
        if wanted in {0, 1}:
            self.wire.encrypt()
        kind, _, login = self.wire.message()
        assert kind == LOGIN
        self.intent = "reads" if login[26] & 0x20 else "writes"
        if wanted == 0:
            self.wire.tls = None
        user, password, database, token = credentials(login)
        if (user, password) != (USER, PASSWORD) and token != TOKEN:
            words = f"Login failed for user '{user}'."
            self.wire.send(REPLY, refusal(18456, words, severity=14) + done(ERROR))
            return False
        if database != "main":
            words = f'Cannot open database "{database}" requested by the login. The login failed.'
            self.wire.send(REPLY, refusal(4060, words, severity=11) + done(ERROR))
            return False
        name = "Front of Postgres"
        ack = b"\1" + bytes.fromhex("74000004") + counted(name) + bytes([16, 0, 0x0F, 0xA0])
        features = b"\xae\2" + struct.pack("<I", 0) + b"\xff" if token else b""
        answer = change_text(1, "main") + change(7, COLLATION, b"") + b"\xad" + struct.pack("<H", len(ack)) + ack
        self.wire.send(REPLY, answer + features + change_text(4, str(PACKET_BYTES)) + done())
        return True

    def serve(self) -> None:
        while True:
            kind, status, data = self.wire.message()
            if kind == ATTENTION:
                self.interrupt()
                continue
            prefix = b""
            with self.state:
                self.is_busy = True
            if status & 8:
                self.postgres.execute("rollback")
                self.postgres.execute("discard all")
                self.transaction, prefix = 0, change(18, b"", b"")
            assert struct.unpack_from("<IIHQI", data) == (22, 18, 2, self.transaction, 1), "headers of the request"
            threading.Thread(target=self.answer, args=(kind, data[22:], prefix), daemon=True).start()

    def interrupt(self) -> None:
        with self.state:
            if not self.is_busy:
                self.wire.send(REPLY, done(CANCELED))
                return
            self.is_interrupted = True
        self.postgres.cancel()

    def answer(self, kind: int, data: bytes, prefix: bytes) -> None:
        try:
            query, values = (data.decode("utf-16-le"), None) if kind == BATCH else called(data)
            body, status, has_sent = self.results(query, values, prefix)
        except (Gone, OSError, psycopg.OperationalError):
            with contextlib.suppress(OSError):
                self.wire.sock.shutdown(socket.SHUT_RDWR)
            return
        body += self.transaction_changes()
        leave_with_their_servers()
        end = 0xFE if kind == RPC else 0xFD
        with self.state:
            self.is_busy, interrupted, self.is_interrupted = False, self.is_interrupted, False
            with contextlib.suppress(OSError):
                if not interrupted:
                    self.wire.send(REPLY, body + done(status, token=end))
                elif has_sent:
                    self.wire.send(REPLY, body + done(status, token=end))
                    self.wire.send(REPLY, done(CANCELED))
                else:
                    self.wire.send(REPLY, body + done(CANCELED))

    def transaction_changes(self) -> bytes:
        is_open = self.postgres.pgconn.transaction_status != pq.TransactionStatus.IDLE
        if is_open and not self.transaction:
            self.transaction = 0x0100000001
            return change(8, struct.pack("<Q", self.transaction), b"")
        if not is_open and self.transaction:
            old, self.transaction = struct.pack("<Q", self.transaction), 0
            return change(9, b"", old)
        return b""

    def results(self, query: str, values: Sequence[bytes | None] | None, prefix: bytes) -> tuple[bytes, int, bool]:
        """What is still to be sent, the status of the end, and whether rows have been."""
        if query.startswith("exec sp_describe_first_result_set"):
            assert values is not None
            return prefix + self.described(values[0].decode() if values[0] else ""), 0, False
        if match := re.fullmatch(r"set (showplan_xml|statistics xml) (on|off)", query):
            self.plans = match[1] if match[2] == "on" else ""
            return prefix, 0, False
        if self.plans:
            return self.planned(query, values, prefix)
        if query.startswith(("use ", "SET ")):
            return prefix, 0, False  # what drivers send by themselves
        pgconn = self.postgres.pgconn
        ask(pgconn, query, values)
        body, columns, sent, has_sent, end = prefix, None, 0, False, 0
        while (result := waiting.wait(generators.fetch(pgconn), pgconn.socket)) is not None:
            status = result.status
            if status in {pq.ExecStatus.TUPLES_CHUNK, pq.ExecStatus.TUPLES_OK}:
                if columns is None:
                    columns = [(result.fname(n).decode(), result.ftype(n)) for n in range(result.nfields)]
                    body += metadata(columns)
                for number in range(result.ntuples):
                    body += row([result.get_value(number, n) for n in range(len(columns))], columns)
                    sent += 1
                if len(body) > 8 * PACKET_BYTES:
                    whole = len(body) // (PACKET_BYTES - 8) * (PACKET_BYTES - 8)
                    self.wire.send(REPLY, body[:whole], is_last=False)
                    body, has_sent = body[whole:], True
                if status == pq.ExecStatus.TUPLES_OK:
                    body += done(MORE | COUNT, token=0xFF, command=0xC1, count=sent)
                    columns, sent = None, 0
            elif status == pq.ExecStatus.COMMAND_OK:
                changed = result.command_tuples
                body += done(MORE | (COUNT if changed is not None else 0), token=0xFF, command=0xC3, count=changed or 0)
            elif status == pq.ExecStatus.FATAL_ERROR:
                if result.error_field(pq.DiagnosticField.SQLSTATE) == b"57P01":
                    raise Gone
                body, end = body + refused(result, query), ERROR
        if pgconn.status != pq.ConnStatus.OK:
            raise Gone
        return body, end, has_sent

    def planned(self, query: str, values: Sequence[bytes | None] | None, prefix: bytes) -> tuple[bytes, int, bool]:
        """The plan of the Postgres, called as SQL Server calls its own; behind what a statement gives that is run."""
        runs, self.plans = self.plans == "statistics xml", ""  # the setting is for one statement here
        body, end, has_sent = self.results(query, values, prefix) if runs else (prefix, 0, False)
        if end == ERROR:
            return body, end, has_sent
        plain = re.sub(r"^declare .*?; ", "", query)
        asked = f"explain (format xml) {transcribed(re.sub('@P[0-9]+', 'null', plain))}"
        (xml,) = self.postgres.execute(asked).fetchone()
        columns = [("Microsoft SQL Server 2005 XML Showplan", 25)]
        body += metadata(columns) + row([xml.encode()], columns) + done(MORE | COUNT, token=0xFF, command=0xC1, count=1)
        return body, end, has_sent

    def described(self, query: str) -> bytes:
        pgconn = self.postgres.pgconn
        prepared = pgconn.prepare(b"d", rewritten(query).encode())
        if prepared.status != pq.ExecStatus.COMMAND_OK:
            return refused(prepared, query)
        found = pgconn.describe_prepared(b"d")
        pgconn.exec_(b"deallocate d")
        columns = [("is_hidden", 16), ("name", 25), ("is_nullable", 16), ("system_type_name", 25)]
        body = metadata(columns)
        for n in range(found.nfields):
            name = {21: "smallint", 23: "int", 20: "bigint", 16: "bit"}.get(found.ftype(n), "nvarchar(max)")
            body += row([b"f", found.fname(n), b"t", name.encode()], columns)
        return body + done(MORE | COUNT, token=0xFF, command=0xC1, count=found.nfields)


def leave_with_their_servers() -> None:
    """Who has lost the Postgres is gone before the one who ended it has an answer."""
    for client in list(CLIENTS):
        with client.state:  # it begins nothing meanwhile, of which the Postgres would say something
            has_left = not client.is_busy and select.select([client.postgres], [], [], 0)[0]
        if has_left:
            CLIENTS.discard(client)
            with contextlib.suppress(OSError):
                client.wire.sock.shutdown(socket.SHUT_RDWR)


def ask(pgconn: pq.abc.PGconn, query: str, values: Sequence[bytes | None] | None) -> None:
    if values is None:
        pgconn.send_query(transcribed(query).encode())
    else:
        pgconn.send_query_params(rewritten(query).encode(), values)
    pgconn.set_chunked_rows_mode(500)
    waiting.wait(generators.send(pgconn), pgconn.socket)


def rewritten(query: str) -> str:
    return re.sub(r"@P(\d+)", lambda found: f"${found[1]}", transcribed(query))


TRANSCRIBED = (
    (r"\bcast\((\"[^\"]+\") as varbinary\(max\)\)", r"convert_to(\1::text, 'UTF8')"),
    (r"\bcast\(0x as varbinary\(max\)\)", r"''::bytea"),
    (r"\b0x00\b", r"'\\x00'::bytea"),
    (r"\bisnull\(", "coalesce("),
    (r"\+ coalesce\(", "|| coalesce("),
    (r"\bhashbytes\('SHA2_256', ", "sha256("),
    (r"\bconvert\(varchar\(64\), (.*?), 2\)\)", r"encode(\1, 'hex'))"),
    (r"\bnvarchar\((?:max|\d+)\)", "text"),
    (r"\bdatetime2\(\d\)", "timestamp"),
    (r"\bcharindex\((.*?\)), (lower\(.*?\)\)) > 0", r"position(\1 in \2 > 0"),
    (r" with \(updlock, rowlock\)", ""),
    (r"\btop \(1\) ", ""),
    (r"^save transaction", "savepoint"),
    (r"^rollback transaction (?=\w)", "rollback to savepoint "),
    (r"(^alter table \S+ add )(?=\"\w+\" )", r"\1column "),
)
"""What the explorer writes for SQL Server, as Postgres has it."""


def transcribed(query: str) -> str:
    """Names in brackets are for SQL Server alone; so is what comes with them."""
    if "[" not in query and not query.startswith(("save ", "rollback transaction ")):
        return query
    query = re.sub(
        r"\[((?:[^\]]|\]\])*)\]", lambda found: '"' + found[1].replace("]]", "]").replace('"', '""') + '"', query
    )
    for pattern, written in TRANSCRIBED:
        query = re.sub(pattern, written, query)
    return query


def refused(result: pq.abc.PGresult, query: str) -> bytes:
    words = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b"").decode()
    place = int(result.error_field(pq.DiagnosticField.STATEMENT_POSITION) or 1)
    return refusal(50000, words, query.count("\n", 0, place - 1) + 1)


def metadata(columns: Sequence[tuple[str, int]]) -> bytes:
    body = b"\x81" + struct.pack("<H", len(columns))
    for name, oid in columns:
        if oid == 16:
            info = b"\x68\1"
        elif oid in INTEGERS:
            info = bytes([0x26, INTEGERS[oid]])
        else:
            info = b"\xe7\xff\xff" + COLLATION
        body += struct.pack("<IH", 0, 9) + info + counted(name)
    return body


def row(values: Sequence[bytes | None], columns: Sequence[tuple[str, int]]) -> bytes:
    """With a bit for each NULL where there is one, as servers do."""
    nulls = bytearray((len(columns) + 7) // 8)
    body = b""
    for n, (value, (_, oid)) in enumerate(zip(values, columns, strict=True)):
        if value is None:
            nulls[n // 8] |= 1 << (n % 8)
        elif oid == 16:
            body += b"\1" + bytes([value == b"t"])
        elif oid in INTEGERS:
            body += bytes([INTEGERS[oid]]) + int(value).to_bytes(INTEGERS[oid], "little", signed=True)
        else:
            data = text(value.decode())
            body += struct.pack("<Q", len(data)) + (struct.pack("<I", len(data)) + data if data else b"") + bytes(4)
    return (b"\xd2" + bytes(nulls) if any(nulls) else b"\xd1") + body


def called(data: bytes) -> tuple[str, list[bytes | None]]:
    """The statement of `sp_executesql`, and its values as Postgres reads them."""
    if data[:2] != b"\xff\xff" or struct.unpack_from("<H", data, 2)[0] != 10:
        raise Gone
    found = list(arguments(data[6:]))
    return (found[0] or b"").decode(), found[2:]


def arguments(data: bytes) -> Iterator[bytes | None]:
    at = 0
    while at < len(data):
        at += 2 + 2 * data[at]
        kind = data[at]
        if kind in {0xE7, 0xA7, 0xA5}:
            (size,) = struct.unpack_from("<H", data, at + 1)
            at += 3 if kind == 0xA5 else 8
            value, at = in_pieces(data, at) if size == 0xFFFF else sized(data, at)
            yield None if value is None else value.decode("utf-16-le" if kind == 0xE7 else "utf-8").encode()
        else:
            at += {0x28: 1, 0x6A: 4, 0x6C: 4}.get(kind, 2)
            value = data[at + 1 : at + 1 + data[at]] if data[at] else None
            at += 1 + data[at]
            yield None if value is None else str(int.from_bytes(value, "little", signed=True)).encode()


def sized(data: bytes, at: int) -> tuple[bytes | None, int]:
    (size,) = struct.unpack_from("<H", data, at)
    return (None, at + 2) if size == 0xFFFF else (data[at + 2 : at + 2 + size], at + 2 + size)


def in_pieces(data: bytes, at: int) -> tuple[bytes | None, int]:
    if data[at : at + 8] == b"\xff" * 8:
        return None, at + 8
    at, value = at + 8, b""
    while size := struct.unpack_from("<I", data, at)[0]:
        value, at = value + data[at + 4 : at + 4 + size], at + 4 + size
    return value, at + 4


def options(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while data[at] != 0xFF:
        kind, place, size = struct.unpack_from(">BHH", data, at)
        found[kind] = data[place : place + size]
        at += 5
    return found


def credentials(login: bytes) -> tuple[str, str, str, str]:
    """User, password, database, access token of LOGIN7."""
    assert struct.unpack_from("<I", login)[0] == len(login)

    def field(place: int) -> bytes:
        offset, size = struct.unpack_from("<HH", login, place)
        return login[offset : offset + 2 * size]

    plain = bytes(((each ^ 0xA5) << 4 | (each ^ 0xA5) >> 4) & 0xFF for each in field(44))
    token = ""
    if login[27] & 0x10:
        (offset,) = struct.unpack_from("<H", login, 56)
        (at,) = struct.unpack_from("<I", login, offset)
        while login[at] != 0xFF:
            kind, size = struct.unpack_from("<BI", login, at)
            if kind == 2:
                (length,) = struct.unpack_from("<I", login, at + 6)
                token = login[at + 10 : at + 10 + length].decode("utf-16-le")
            at += 5 + size
    return field(40).decode("utf-16-le"), plain.decode("utf-16-le"), field(68).decode("utf-16-le"), token


if __name__ == "__main__":
    CERTIFICATE.maximum_version = ssl.TLSVersion.TLSv1_2  # as servers within TDS 7
    CERTIFICATE.load_cert_chain(sys.argv[3], sys.argv[4])
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
        while True:
            Client(listening.accept()[0]).start()
