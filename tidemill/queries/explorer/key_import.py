"""Keys out of files: all of a file or nothing. They wait under other names, until one script gives them theirs."""

import secrets
from collections.abc import Mapping
from typing import Final

from tidemill.engine.keys.checked import Words
from tidemill.engine.keys.records import Part, part_of, writes
from tidemill.engine.keys.replies import Failure, Reply, to_json
from tidemill.engine.table_files import Record
from tidemill.model.errors import BadRequest, Conflict, QueryFailed, TooLarge, Unsupported
from tidemill.queries.explorer.effects import with_effect
from tidemill.queries.explorer.key_cluster import masters_of
from tidemill.queries.explorer.key_parts import MOST_BYTES
from tidemill.queries.explorer.port import Records
from tidemill.stores.keys.port import KeySession

MOST_KEYS: Final = 100_000
"""Of a file: one script names them all, and nothing else runs meanwhile."""
STAGED_MS: Final = 2 * 60 * 60 * 1000
"""What waits goes by itself, should nobody be left to remove it."""
_NOTHING: Final = "Nothing was imported."
_TOGETHER: Final = 500
_TOGETHER_BYTES: Final = 4 * 1024 * 1024


class KeyImport:
    """One import. What it has staged is removed by `drop`, whatever has become of it."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        """`columns`: of the file -> of a record; empty: they have the same names."""
        self._columns = columns
        self._suffix = f":tidemill-import-{secrets.token_hex(8)}".encode()
        self._lines: dict[bytes, int] = {}
        self._ttls: list[int] = []
        self._last: Part | None = None
        self._commands: list[tuple[int, Words]] = []
        self._bytes = 0

    async def load(self, session: KeySession, records: Records, *, is_trial: bool) -> int:
        """How many keys it were.

        Raises:
            BadRequest, QueryFailed: the message names the line of the record that does not fit.
            Conflict: a key is there already.
            Unsupported: it is a cluster.
        """
        if await masters_of(session):
            raise Unsupported(
                "A cluster changes the keys of one slot together, and not all of a file: import it by a script."
            )
        async for batch in records:
            for record in batch:
                await self._take(session, record)
        await self._send(session)
        if self._lines:
            await self._finish(session, is_trial=is_trial)
        return len(self._lines)

    async def drop(self, session: KeySession) -> None:
        """Remove what waits."""
        names = [self._staged(key) for key in self._lines]
        for at in range(0, len(names), _TOGETHER):
            await session.run([(b"DEL", *names[at : at + _TOGETHER])], max_bytes=MOST_BYTES)

    async def _take(self, session: KeySession, record: Record) -> None:
        try:
            part = part_of(record, self._columns)
            self._follow(part, record.line)
            commands = writes(part, self._staged(part.key))
        except BadRequest as error:
            raise _told(error, record.line) from error
        if part.number == 1:
            commands.append((b"PEXPIRE", self._staged(part.key), b"%d" % STAGED_MS))
        for words in commands:
            self._commands.append((record.line, words))
            self._bytes += sum(map(len, words))
        if len(self._commands) >= _TOGETHER or self._bytes >= _TOGETHER_BYTES:
            await self._send(session)

    def _follow(self, part: Part, line: int) -> None:
        """A part belongs to what is before it, or begins a key."""
        last, self._last = self._last, part
        if part.number > 1:
            if last is None or (last.key, last.kind, last.number) != (part.key, part.kind, part.number - 1):
                raise BadRequest(f"part {part.number} of the key {_shown(part.key)} does not follow the one before it")
            return
        if part.key in self._lines:
            raise BadRequest(f"the key {_shown(part.key)} is there in line {self._lines[part.key]} already")
        if len(self._lines) == MOST_KEYS:
            raise TooLarge(f"The file has more than {MOST_KEYS} keys: import it in several. {_NOTHING}")
        self._lines[part.key] = line
        self._ttls.append(part.ttl_ms or 0)

    async def _send(self, session: KeySession) -> None:
        sent, self._commands, self._bytes = self._commands, [], 0
        if not sent:
            return
        replies = await session.run([words for _, words in sent], max_bytes=MOST_BYTES)
        for (line, _), reply in zip(sent, replies, strict=True):
            if isinstance(reply, Failure):
                raise _told(QueryFailed(reply.text), line)

    async def _finish(self, session: KeySession, *, is_trial: bool) -> None:
        keys = [name for key in self._lines for name in (self._staged(key), key)]
        arguments = [b"%d" % is_trial, *(b"%d" % ttl for ttl in self._ttls)]
        script: Words = (b"EVAL", _LUA.encode(), b"%d" % len(keys), *keys, *arguments)
        (reply,) = await session.run([script], max_bytes=MOST_BYTES)
        if isinstance(reply, Failure):
            raise QueryFailed(with_effect(reply.text, _NOTHING))
        if number := _number(reply):
            key, line = list(self._lines.items())[abs(number) - 1]
            if number > 0:
                raise Conflict(f"Line {line}: there is a key {_shown(key)} already. {_NOTHING}")
            raise QueryFailed(
                f"Line {line}: the key {_shown(key)} was lost while the others came. Is the memory full? {_NOTHING}"
            )

    def _staged(self, key: bytes) -> bytes:
        """Under the same beginning, which access lists may ask for."""
        return key + self._suffix


def _told(error: BadRequest | QueryFailed, line: int) -> BadRequest | QueryFailed:
    return type(error)(with_effect(f"Line {line}: {error}", _NOTHING))


def _number(reply: Reply) -> int:
    return reply if isinstance(reply, int) else 0


def _shown(key: bytes) -> str:
    return to_json(key[:60])


_LUA: Final = """
for i = 1, #KEYS, 2 do
  if redis.call('EXISTS', KEYS[i + 1]) == 1 then return (i + 1) / 2 end
  if redis.call('EXISTS', KEYS[i]) == 0 then return -(i + 1) / 2 end
end
if ARGV[1] == '1' then return 0 end
for i = 1, #KEYS, 2 do
  local ttl = ARGV[(i + 1) / 2 + 1]
  redis.call('RENAME', KEYS[i], KEYS[i + 1])
  if ttl == '0' then redis.call('PERSIST', KEYS[i + 1]) else redis.call('PEXPIRE', KEYS[i + 1], ttl) end
end
return 0
"""
