"""One connection to a Redis: opened under the rule of addresses, greeted, logged in, and read reply by reply."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, Self

from tidemill.engine.egress import Egress
from tidemill.engine.keys.replies import Failure, Map, Reply
from tidemill.engine.keys.resp import Garbled, Members, Oversized, Reader, encode
from tidemill.model.errors import ConnectionFailed, QueryFailed, TooLarge
from tidemill.model.url_parts import bracketed
from tidemill.stores.keys.config import RedisConfig
from tidemill.stores.reach import addresses_of

CONNECT_S: Final = 6.0
_PIECE: Final = 1 << 16
_BATCH: Final = 1000
_OVERHEAD: Final = 4
"""So many times the bytes of a result are read at most: each reply counts with what it costs while it is held."""
_LOGIN_REFUSED: Final = frozenset({"WRONGPASS", "NOAUTH", "NOPERM"})


@dataclass(frozen=True, slots=True)
class Node:
    """A server."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


class Connection:
    """Used by one caller at a time. Once something went wrong it is `is_broken`, and only to be closed."""

    def __init__(self, node: Node, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.node = node
        self.identity = 0
        self.version = ""
        self.is_broken = False
        self.used_at = 0.0
        self._in, self._out = streams
        self._reader = Reader()

    @classmethod
    async def open(cls, node: Node, config: RedisConfig, egress: Egress, tls: ssl.SSLContext | None) -> Self:
        """Connected, logged in, on the database of the resource.

        Raises:
            AddressClosed: the rule lets through none of its addresses.
            ConnectionFailed: see `stores/keys/port.py`.
        """
        try:
            async with asyncio.timeout(CONNECT_S):
                connection = cls(node, await _connected(node, egress, tls))
                try:
                    await connection._greet(config)
                except BaseException:
                    connection.close()
                    raise
                return connection
        except TimeoutError as error:
            without_tls = " If the server has no TLS, set tls to false." if tls else ""
            raise ConnectionFailed(
                f"{node} has not answered within {CONNECT_S:g} seconds: look at host, port and firewalls.{without_tls}"
            ) from error
        except ssl.SSLError as error:
            raise ConnectionFailed(
                f"Cannot connect to {node} by TLS: {error.strerror or error}.{_advice(error)}"
            ) from error
        except socket.gaierror as error:
            raise ConnectionFailed(
                f"Cannot find {node.host}: {error.strerror}. Look at the host in the resource."
            ) from error
        except OSError as error:
            raise ConnectionFailed(
                f"Cannot connect to {node}: {error.strerror or error}. Is the server running, and open to this host?"
            ) from error

    @property
    def is_alive(self) -> bool:
        """Whether it may be used again, as far as can be told without asking."""
        return not (self.is_broken or self._in.at_eof() or self._out.is_closing())

    def close(self) -> None:
        """With the next turn of the loop: what was not sent yet is of no use, nor to wait for a good-bye by TLS."""
        self.is_broken = True
        self._out.transport.abort()

    async def ask(self, commands: Sequence[Sequence[bytes]], *, max_bytes: int) -> list[Reply]:
        """Send the commands; a reply for each, read while they are sent, so that neither side waits for the other.

        Raises:
            ConnectionFailed, TooLarge: see `KeySession.run`.
        """
        self._reader.expect(max_bytes * _OVERHEAD)
        with self._breaking():
            self._out.write(b"".join(map(encode, commands)))
            return [await self._read(self._reader.reply) for _ in commands]

    async def members(self, command: Sequence[bytes]) -> AsyncGenerator[list[Reply]]:
        """See `KeySession.stream`."""
        self._reader.expect(0)
        with self._breaking():
            self._out.write(encode(command))
            found = await self._read(self._reader.header)
            if not isinstance(found, Members):
                raise QueryFailed(
                    found.text
                    if isinstance(found, Failure)
                    else "`# s3` streams the members of a list or set, which this is not."
                )
            batch: list[Reply] = []
            for _ in range(found):
                batch.append(await self._read(self._reader.reply))
                if len(batch) == _BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch

    async def _read(self, parse: Callable[[], tuple[bool, Reply]]) -> Reply:
        while True:
            is_whole, reply = parse()
            if is_whole:
                return reply
            piece = await self._in.read(_PIECE)
            if not piece:
                raise ConnectionResetError("the server closed it")
            self._reader.feed(piece)

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        """Whatever is raised in the block leaves the connection in the middle of something."""
        try:
            yield
        except OSError as error:
            self.is_broken = True
            raise ConnectionFailed(f"The connection to {self.node} was lost: {error.strerror or error}.") from error
        except Garbled as error:
            self.is_broken = True
            raise ConnectionFailed(f"{self.node} is no Redis server: {error}. Look at host, port and tls.") from error
        except Oversized as error:
            self.is_broken = True
            raise TooLarge(
                f"The reply has more than {self._reader.limit // _OVERHEAD} bytes. Begin the script with `# s3` to "
                "stream it to workspace storage, or ask for less (SCAN, HSCAN, LRANGE)."
            ) from error
        except BaseException:
            self.is_broken = True
            raise

    async def _greet(self, config: RedisConfig) -> None:
        """Version 3 of the protocol where the server has it, and the login."""
        login = config.servers
        words = [b"HELLO", b"3"]
        if login.password:
            words += [b"AUTH", (login.username or "default").encode(), login.password.encode()]
        (greeting,) = await self.ask([words], max_bytes=_PIECE)
        if isinstance(greeting, Failure):
            greeting = await self._greet_in_old_words(greeting, config)
        if isinstance(greeting, Map):
            told = {key: value for key, value in greeting.pairs if isinstance(key, bytes)}
            identity, version = told.get(b"id"), told.get(b"version")
            self.identity = identity if isinstance(identity, int) else 0
            self.version = version.decode(errors="replace") if isinstance(version, bytes) else ""
        commands = [[b"CLIENT", b"SETNAME", b"tidemill"], [b"SELECT", b"%d" % config.database]]
        _, selected = await self.ask(commands, max_bytes=_PIECE)
        if isinstance(selected, Failure) and config.database:
            raise _refused(self.node, selected, config)

    async def _greet_in_old_words(self, failure: Failure, config: RedisConfig) -> Reply:
        """For servers before Redis 6: they know only a password, or name and password, and version 2."""
        if failure.kind not in {"ERR", "NOPROTO"}:
            raise _refused(self.node, failure, config)
        login = config.servers
        if not login.password:
            return None
        words = [b"AUTH", *([login.username.encode()] if login.username else []), login.password.encode()]
        (answer,) = await self.ask([words], max_bytes=_PIECE)
        if isinstance(answer, Failure):
            raise _refused(self.node, answer, config)
        return None


async def _connected(
    node: Node, egress: Egress, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    addresses = await addresses_of(node.host, node.port, egress)
    for address in addresses[:-1]:
        with suppress(ConnectionError, TimeoutError):
            return await _to(address, node, tls)
    return await _to(addresses[-1], node, tls)


async def _to(
    address: str, node: Node, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(
        address, node.port, ssl=tls, server_hostname=node.host if tls else None, limit=_PIECE
    )


def _refused(node: Node, failure: Failure, config: RedisConfig) -> ConnectionFailed:
    words = failure.text
    for secret in config.servers.secrets:
        words = words.replace(secret, "***")
    is_login = failure.kind in _LOGIN_REFUSED or "invalid password" in words.lower()
    return ConnectionFailed(
        f"{node} refuses the {'login' if is_login else 'connection'}: {words}."
        + (" Look at username and password in the resource's credential." if is_login else "")
    )


def _advice(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return " Its certificate is not trusted: put that of its authority into root_certificate_pem."
    return " Is TLS on at the server? If not, set tls to false in the resource."
