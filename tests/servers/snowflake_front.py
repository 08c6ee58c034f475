"""Answers requests of Snowflake's SQL API from fakesnow, an emulator that knows its SQL. Arguments: port, public key.

It runs under the Python of the environment that has fakesnow. The account is `ORG-MILL`, its user `READER`; the file
holds the public key that belongs to him. Results come in parts of 250 rows.
"""

import base64
import hashlib
import json
import sys
import threading
import uuid
import warnings
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from fakesnow.instance import FakeSnow
from snowflake.connector.util_text import split_statements

warnings.simplefilter("ignore")
ENGINE = FakeSnow()
PUBLIC_KEY = load_pem_public_key(Path(sys.argv[2]).read_bytes())
FINGERPRINT = base64.b64encode(
    hashlib.sha256(PUBLIC_KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
).decode()
PART_ROWS = 250
EPOCH = datetime(1970, 1, 1)
TYPES = {
    0: "fixed", 1: "real", 2: "text", 3: "date", 4: "timestamp_ntz", 5: "variant", 6: "timestamp_ltz",
    7: "timestamp_tz", 8: "timestamp_ntz", 9: "object", 10: "array", 11: "binary", 12: "time", 13: "boolean",
}  # fmt: skip
STATS = {"number of rows inserted": "numRowsInserted", "number of rows updated": "numRowsUpdated",
         "number of rows deleted": "numRowsDeleted"}  # fmt: skip


class Run:
    """A request, in a connection and a thread of its own. Of several statements each is a run that has ended."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.handle = str(uuid.uuid4())
        self.request = request
        self.answer: tuple[int, dict[str, Any]] | None = None
        self.parts: list[list[list[str | None]]] = []
        self.ended = ""
        self.has_ended = threading.Event()
        self.connection = ENGINE.connect(
            request.get("database", "MILL"), request.get("schema", "PUBLIC"), paramstyle="qmark"
        )
        threading.Thread(target=self._run, daemon=True).start()
        if request.get("timeout"):
            timer = threading.Timer(request["timeout"], self.interrupt, ["timeout"])
            timer.daemon = True
            timer.start()

    def interrupt(self, why: str) -> None:
        """Until it has ended: the engine forgets an interruption that comes before the statement."""
        self.ended = self.ended or why
        while not self.has_ended.wait(0.02):
            self.connection._duck_conn.interrupt()

    def _run(self) -> None:
        try:
            cursor = self.connection.cursor()
            bound = [_bound(each) for _, each in sorted(self.request.get("bindings", {}).items(), key=_number)]
            wanted = int(self.request.get("parameters", {}).get("multi_statement_count", "1"))
            if wanted != 1:
                self.answer = self._several(cursor, wanted, has_bindings=bool(bound))
                return
            cursor.execute(self.request["statement"], bound or None)
            self.answer = 200, self._result(cursor)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            self.answer = self._failure(error)
        finally:
            self.has_ended.set()

    def _several(self, cursor: Any, wanted: int, *, has_bindings: bool) -> tuple[int, dict[str, Any]]:
        """Their results have handles of their own. What is not committed goes with the connection."""
        texts = [text for text, _ in split_statements(StringIO(self.request["statement"])) if text.strip(";\n ")]
        if has_bindings or len(texts) != wanted:
            message = f"Actual statement count {len(texts)} did not match the desired statement count {wanted}."
            return 422, {"statementHandle": self.handle, "code": "000008", "message": message}
        parts = []
        try:
            for text in texts:
                try:
                    cursor.execute(text)
                except Exception as error:
                    raise _OfSeveral(self.request["statement"], text, error) from error
                part = object.__new__(Run)
                part.handle, part.request = str(uuid.uuid4()), self.request
                part.answer = 200, part._result(cursor)
                parts.append(part)
        except Exception:
            cursor.execute("rollback")
            raise
        RUNS.update({part.handle: part for part in parts})
        told = {"code": "090001", "sqlState": "00000", "message": "Statement executed successfully."}
        self.parts = [[["Multiple statements executed successfully."]]]
        return 200, {**told, "statementHandle": self.handle, "statementHandles": [part.handle for part in parts]}

    def _result(self, cursor: Any) -> dict[str, Any]:
        row_type = [
            {"name": each.name, "type": TYPES[each.type_code], "precision": each.precision, "scale": each.scale}
            for each in cursor.description
        ]
        kinds = [each["type"] for each in row_type]
        rows = [[_written(cell, kind) for cell, kind in zip(row, kinds, strict=True)] for row in cursor.fetchall()]
        self.parts = [rows[at : at + PART_ROWS] for at in range(0, len(rows), PART_ROWS)] or [[]]
        told = {
            "code": "090001", "sqlState": "00000", "message": "Statement executed successfully.",
            "statementHandle": self.handle,
            "resultSetMetaData": {
                "numRows": len(rows), "format": "jsonv2", "rowType": row_type,
                "partitionInfo": [{"rowCount": len(part), "uncompressedSize": 1} for part in self.parts],
            },
        }  # fmt: skip
        names = [each["name"] for each in row_type]
        if set(names) & set(STATS):
            changes = zip(names, rows[0], strict=True)
            told["stats"] = {STATS[name]: int(cell) for name, cell in changes if name in STATS}
        return told

    def _failure(self, error: BaseException) -> tuple[int, dict[str, Any]]:
        told = {"statementHandle": self.handle, "code": f"{getattr(error, 'errno', None) or 603:06d}"}
        if self.ended == "timeout":
            return 408, {**told, "code": "000630", "sqlState": "57014", "message": "Statement reached its timeout."}
        if self.ended:
            return 422, {**told, "code": "000604", "sqlState": "57014", "message": "SQL execution canceled"}
        if isinstance(error, _OfSeveral):
            return 422, {**told, "code": "100132", "sqlState": "P0000", "message": str(error)}
        message = str(getattr(error, "raw_msg", None) or error)
        return 422, {**told, "sqlState": getattr(error, "sqlstate", None) or "", "message": message}


class _OfSeveral(Exception):
    """Told as Snowflake does, by what runs the statements for it."""

    def __init__(self, whole: str, text: str, error: Exception) -> None:
        before = whole[: whole.index(text.strip(";\n "))]
        line, position = before.count("\n") + 1, len(before) - before.rfind("\n") - 1
        words = str(getattr(error, "raw_msg", None) or error)
        super().__init__(
            "JavaScript execution error: Uncaught Execution of multiple statements failed on statement "
            f'"{text[:30]}..." '
            f"(at line {line}, position {position}).\n{words} in SYSTEM$MULTISTMT at '    throw `Execution of multiple "
            "statements failed on statement {0} (at line {1}, position {2}).`' position 4\n"
            "stackstrace: \nSYSTEM$MULTISTMT line: 10"
        )


RUNS: dict[str, Run] = {}
BY_REQUEST: dict[str, Run] = {}


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        place = urlsplit(self.path)
        if not self._is_known():
            return
        if place.path.endswith("/cancel"):
            run = RUNS[place.path.split("/")[-2]]
            run.interrupt("cancel")
            self._answer(200, {"code": "000604", "message": "successfully canceled", "statementHandle": run.handle})
            return
        query = dict(parse_qsl(place.query))
        run = BY_REQUEST.get(query["requestId"]) or Run(body)
        RUNS[run.handle] = BY_REQUEST[query["requestId"]] = run
        self._answer(202, {"code": "333334", "message": "In progress.", "statementHandle": run.handle})

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        if not self._is_known():
            return
        run = RUNS[place.path.rpartition("/")[2]]
        part = int(dict(parse_qsl(place.query)).get("partition", "0"))
        if run.answer is None:
            self._answer(202, {"code": "333334", "message": "In progress.", "statementHandle": run.handle})
        elif run.answer[0] == 200:
            self._answer(200, {**(run.answer[1] if not part else {}), "data": run.parts[part]})
        else:
            self._answer(*run.answer)

    def _is_known(self) -> bool:
        try:
            claims = jwt.decode(
                self.headers["Authorization"].removeprefix("Bearer "), PUBLIC_KEY, algorithms=["RS256"],
                issuer=f"ORG-MILL.READER.SHA256:{FINGERPRINT}",
            )  # fmt: skip
            assert claims["sub"] == "ORG-MILL.READER"
            assert claims["exp"] - claims["iat"] <= 3600
        except (jwt.InvalidTokenError, AssertionError):
            self._answer(401, {"code": "390144", "message": "JWT token is invalid."})
            return False
        return True

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, status: int, told: dict[str, Any]) -> None:
        raw = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _number(item: tuple[str, Any]) -> int:
    return int(item[0])


def _bound(binding: dict[str, str | None]) -> Any:
    text = binding["value"]
    if text is None:
        return None
    match binding["type"]:
        case "FIXED":
            return int(text) if text.lstrip("-").isdigit() else Decimal(text)
        case "REAL":
            return float(text)
        case "BOOLEAN":
            return text == "true"
        case "BINARY":
            return bytes.fromhex(text)
        case "DATE":
            return (EPOCH + timedelta(milliseconds=int(text))).date()
        case "TIME":
            return (EPOCH + timedelta(microseconds=int(text) // 1000)).time()
        case "TIMESTAMP_NTZ":
            return EPOCH + timedelta(microseconds=int(text) // 1000)
        case "TIMESTAMP_LTZ":
            return (EPOCH + timedelta(microseconds=int(text) // 1000)).replace(tzinfo=UTC)
        case "TIMESTAMP_TZ":
            nanoseconds, _, offset = text.partition(" ")
            zone = timezone(timedelta(minutes=int(offset) - 1440))
            moment = (EPOCH + timedelta(microseconds=int(nanoseconds) // 1000)).replace(tzinfo=UTC)
            return moment.astimezone(zone)
    return text


def _written(cell: Any, kind: str) -> str | None:
    match cell:
        case None:
            return None
        case bool():
            return "true" if cell else "false"
        case bytes() | bytearray():
            return cell.hex().upper()
        case datetime():
            offset = cell.utcoffset()
            moment = cell.replace(tzinfo=None) - (offset or timedelta())
            seconds = _seconds(moment - EPOCH)
            return (
                f"{seconds} {int((offset or timedelta()).total_seconds()) // 60 + 1440}"
                if kind == "timestamp_tz"
                else seconds
            )
        case date():
            return str((cell - EPOCH.date()).days)
        case time():
            return _seconds(datetime.combine(EPOCH.date(), cell) - EPOCH)
        case float():
            return repr(cell)
        case dict() | list():
            return json.dumps(cell)
    return str(cell)


def _seconds(since: timedelta) -> str:
    microseconds = since // timedelta(microseconds=1)
    return f"{'-' if microseconds < 0 else ''}{abs(microseconds) // 10**6}.{abs(microseconds) % 10**6:06d}000"


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
