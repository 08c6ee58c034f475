"""Answers ClickHouse's HTTP requests from chDB, the same engine as a library. Arguments: port, directory.

It runs under the Python of the environment that has chDB. There are no users but `default` with the password `secret`,
one query runs at a time, and what only reads is told by its first word: chDB cannot leave its own read-only mode.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from urllib.parse import parse_qsl, urlsplit

from chdb import session

ENGINE = session.Session(sys.argv[2])
ALONE = Lock()
READING = {"select", "with", "show", "describe", "desc", "exists", "explain"}
NOT_SETTINGS = {"default_format", "database", "query_id", "session_id", "session_timeout", "readonly"}


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(200, b"Ok.\n")

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.headers.get("X-ClickHouse-Key") != "secret":
            self._answer(403, b"Code: 516. DB::Exception: default: Authentication failed. (version 26.9)")
            return
        if query.get("readonly") == "1" and text.split()[0].lower() not in READING:
            self._answer(500, b"Code: 164. DB::Exception: Cannot execute query in readonly mode. (READONLY)")
            return
        parameters = {name[6:]: value for name, value in query.items() if name.startswith("param_")}
        settings = {k: v for k, v in query.items() if k not in NOT_SETTINGS and not k.startswith("param_")}
        try:
            with ALONE:
                for name, value in settings.items():
                    ENGINE.query(f"set {name} = '{value}'")
                ENGINE.query(f"use `{query['database']}`")
                found = ENGINE.query(text, query["default_format"], params=parameters or None).bytes()
        except RuntimeError as error:
            self._answer(500, str(error).encode())
        else:
            self._answer(200, found)

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Summary", json.dumps({"written_rows": "0"}))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Front).serve_forever()
