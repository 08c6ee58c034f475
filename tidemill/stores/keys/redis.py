"""Redis, Valkey and what speaks their protocol, clusters included."""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final, Self

from tidemill.engine.egress import Egress
from tidemill.engine.keys.reading import HARMLESS, full_name
from tidemill.engine.keys.replies import Failure, Reply, Set, Simple
from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.keys.config import RedisConfig
from tidemill.stores.keys.connection import Connection, Node
from tidemill.stores.keys.port import Words

KEPT: Final = 10
"""Connections that nobody uses; more are closed."""
PROBED_AFTER_S: Final = 15.0
KILL_S: Final = 5.0
_REDIRECTS: Final = 5
_SMALL: Final = 1 << 22
_LEAVE_TRACES: Final = frozenset(
    {b"AUTH", b"SELECT", b"WATCH", b"CLIENT", b"MULTI", b"READONLY", b"READWRITE", b"ASKING"}
)
"""After them a connection is not used again."""
_SCRIPTS: Final = {b"EVAL": b"SCRIPT", b"EVALSHA": b"SCRIPT", b"FCALL": b"FUNCTION"}
_MOVED: Final = re.compile(r"(?:MOVED|ASK) \d+ (.*):(\d+)")


class RedisStore:
    """A `KeyStore`."""

    def __init__(self, config: RedisConfig, egress: Egress) -> None:
        self.config = config
        self._egress = egress
        self._tls: tuple[ssl.SSLContext | None] | None = None
        self._idle: list[Connection] = []

    @classmethod
    def open(cls, value: object, *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(RedisConfig.of(value), egress)

    @asynccontextmanager
    async def session(self, *, timeout_s: float = 0.0) -> AsyncGenerator["RedisSession"]:
        """See `KeyStore.session`."""
        session = RedisSession(self, await self._taken(), timeout_s)
        try:
            yield session
        except asyncio.CancelledError:
            await session.kill()
            raise
        finally:
            self._keep(session)

    async def test(self) -> str:
        """See `KeyStore.test`."""
        connection = await self._taken()
        connection.close()
        servers = self.config.servers
        user = f" as {servers.username}" if servers.username else ""
        return f"Redis {connection.version} answered{user} {'over' if servers.tls else 'without'} TLS."

    async def close_idle(self, idle_s: float) -> int:
        """See `KeyStore.close_idle`."""
        latest = asyncio.get_running_loop().time() - idle_s
        for connection in [each for each in self._idle if each.used_at <= latest]:
            self._idle.remove(connection)
            connection.close()
        return len(self._idle)

    async def close(self) -> None:
        """See `KeyStore.close`."""
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)  # a loop that ends now would leave them open

    async def connect(self, node: Node) -> Connection:
        """A new connection."""
        if self._tls is None:
            self._tls = (await asyncio.to_thread(self.config.tls),)
        return await Connection.open(node, self.config, self._egress, self._tls[0])

    async def _taken(self) -> Connection:
        """A connection that is kept, if it still answers, or a new one to the first server that does."""
        now = asyncio.get_running_loop().time()
        for _ in range(2 if self._idle else 0):
            await asyncio.sleep(0)  # what servers have closed meanwhile is noticed now
        while self._idle:
            connection = self._idle.pop()
            if connection.is_alive and (now - connection.used_at < PROBED_AFTER_S or await _answers(connection)):
                return connection
            connection.close()
        nodes = [Node(*each) for each in self.config.servers.hosts]
        for node in nodes[:-1]:
            with suppress(ConnectionFailed):
                return await self.connect(node)
        return await self.connect(nodes[-1])

    def _keep(self, session: "RedisSession") -> None:
        connection = session.connection
        if session.leaves_traces or not connection.is_alive or len(self._idle) >= KEPT:
            connection.close()
            return
        connection.used_at = asyncio.get_running_loop().time()
        self._idle.append(connection)


class RedisSession:
    """A `KeySession`."""

    def __init__(self, store: RedisStore, connection: Connection, timeout_s: float) -> None:
        self.connection = connection
        self.leaves_traces = False
        self._store = store
        self._timeout_s = timeout_s
        self._running = b""

    async def run(self, commands: Sequence[Words], *, max_bytes: int) -> list[Reply]:
        """See `KeySession.run`."""
        replies = await self._ask(commands, max_bytes)
        for index, reply in enumerate(replies):
            if (place := _moved(reply)) is not None:
                replies[index] = await self._follow(commands[index], place, max_bytes)
        return replies

    async def transaction(self, commands: Sequence[Words], *, max_bytes: int) -> list[Reply] | None:
        """See `KeySession.transaction`."""
        for _ in range(_REDIRECTS):
            *queued, done = await self._ask([[b"MULTI"], *commands, [b"EXEC"]], max_bytes)
            self.leaves_traces = True  # it may have been watching
            moved = next((place for reply in queued if (place := _moved(reply))), None)
            if moved is None:
                break
            await self._move(moved[0])
        for number, reply in enumerate(queued[1:], start=1):
            if isinstance(reply, Failure):
                raise QueryFailed(f"{reply.text} (command {number} of the transaction; nothing was done)")
        if isinstance(done, Failure):
            raise QueryFailed(done.text)
        return done if isinstance(done, list) else None

    async def stream(self, command: Words) -> AsyncIterator[Sequence[Reply]]:
        """See `KeySession.stream`."""
        self._note([command])
        async with aclosing(self.connection.members(command)) as members:
            while True:
                try:
                    async with asyncio.timeout(self._timeout_s or None):
                        batch = await anext(members, None)
                except TimeoutError as error:
                    raise await self._too_slow() from error
                if batch is None:
                    return
                yield batch

    async def go_to(self, host: str, port: int) -> None:
        """See `KeySession.go_to`."""
        if Node(host, port) != self.connection.node:
            await self._move(Node(host, port))

    async def writers(self, commands: Sequence[Words]) -> Mapping[int, str]:
        """See `KeySession.writers`."""
        names = [full_name(words) for words in commands]
        wanted = sorted({name for pair in names for name in pair if name})
        (told,) = await self._ask([[b"COMMAND", b"INFO", *(name.encode() for name in wanted)]], _SMALL)
        known = dict(zip(wanted, told, strict=False)) if isinstance(told, list) else {}
        found: dict[int, str] = {}
        for index, (name, full) in enumerate(names):
            if name not in HARMLESS and not _only_reads(known.get(full) or known.get(name)):
                found[index] = name
        return found

    async def kill(self) -> None:
        """End on the server what this session runs, over a connection of its own; then it is of no use any more."""
        identity, node = self.connection.identity, self.connection.node
        self.connection.close()
        if not self._running or not identity:
            return
        with suppress(
            TidemillError, TimeoutError
        ):  # nothing more can be done: the server notices by itself, or does not
            async with asyncio.timeout(KILL_S):
                other = await self._store.connect(node)
                try:
                    (answer,) = await other.ask([[b"CLIENT", b"KILL", b"ID", b"%d" % identity]], max_bytes=_SMALL)
                    kind = _SCRIPTS.get(self._running)
                    if isinstance(answer, Failure) and answer.kind == "BUSY" and kind:
                        await other.ask([[kind, b"KILL"]], max_bytes=_SMALL)
                finally:
                    other.close()

    async def _ask(self, commands: Sequence[Words], max_bytes: int) -> list[Reply]:
        self._note(commands)
        try:
            async with asyncio.timeout(self._timeout_s or None):
                replies = await self.connection.ask(commands, max_bytes=max_bytes)
        except TimeoutError as error:
            raise await self._too_slow() from error
        self._running = b""
        return replies

    async def _too_slow(self) -> QueryFailed:
        await self.kill()
        return QueryFailed(f"It took longer than the {self._timeout_s:g} s that are allowed, and was ended.")

    def _note(self, commands: Sequence[Words]) -> None:
        names = [words[0].upper() for words in commands]
        self.leaves_traces = self.leaves_traces or not _LEAVE_TRACES.isdisjoint(names)
        self._running = next((name for name in names if name in _SCRIPTS), names[-1])

    async def _follow(self, command: Words, place: tuple[Node, bool], max_bytes: int) -> Reply:
        """Go where a cluster has the key of a command, and stay there: other commands are sent on from there."""
        for _ in range(_REDIRECTS):
            node, is_asking = place
            await self._move(node)
            *_, reply = await self._ask([[b"ASKING"], command] if is_asking else [command], max_bytes)
            found = _moved(reply)
            if found is None:
                return reply
            place = found
        raise QueryFailed("The cluster sends us around in a circle: it is being changed. Try again.")

    async def _move(self, node: Node) -> None:
        """Go on at another server of the cluster."""
        there = Node(node.host or self.connection.node.host, node.port)
        self.connection.close()
        self.leaves_traces = True
        self.connection = await self._store.connect(there)


async def _answers(connection: Connection) -> bool:
    try:
        async with asyncio.timeout(1.0):
            await connection.ask([[b"PING"]], max_bytes=_SMALL)
    except (ConnectionFailed, TimeoutError):
        return False
    return True


def _moved(reply: Reply) -> tuple[Node, bool] | None:
    """Where a cluster says that a key is, and whether only for this once."""
    found = _MOVED.match(reply.text) if isinstance(reply, Failure) else None
    return (Node(found[1].strip("[]"), int(found[2])), found[0].startswith("ASK")) if found else None


def _only_reads(told: Reply) -> bool:
    """What COMMAND INFO tells of a command: whether it cannot change data."""
    if not isinstance(told, list) or len(told) < 3:
        return False
    flags = told[2].members if isinstance(told[2], Set) else told[2] if isinstance(told[2], list) else []
    return Simple("readonly") in flags
