"""Runs scripts for Redis, Valkey and Upstash: finds the store, puts in the arguments, collects or streams replies."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from tidemill.engine.egress import Egress
from tidemill.engine.keys.arguments import default_of, words_of
from tidemill.engine.keys.reading import only_reads
from tidemill.engine.keys.replies import Failure, Form, Reply, to_json
from tidemill.engine.keys.script import Command, Script, Unit, read_script, units
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, InvalidScript, QueryFailed
from tidemill.queries.bounds import Bounds
from tidemill.queries.database_argument import named_database
from tidemill.queries.kept_open import KeptOpen
from tidemill.queries.port import Host, Query
from tidemill.queries.streamed_object import upload_lines, upload_rows
from tidemill.stores.keys import open_keys
from tidemill.stores.keys.port import KeySession, KeyStore

COLUMN: Final = "value"
"""What the column of a table of replies is called."""
_LARGE_SOURCE: Final = 64 * 1024


class RedisRunner:
    """The `QueryRunner` of `redis` and `upstash`."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._open: KeptOpen[KeyStore] = KeptOpen()

    async def run(self, query: Query, host: Host) -> bytes:
        """See `QueryRunner.run`."""
        script = await _read(query.content)
        args = jsontext.object_fields(query.args)
        asked = units(script, _values(script, args))
        if script.head.streamed and (len(asked[-1].commands) != 1 or asked[-1].is_transaction):
            raise InvalidScript("`# s3` streams the reply of one last command: not of a transaction or a pipeline.")
        named = await named_database(script.head.database, args, host, resource_type=query.language)
        if address := named.path or query.database:
            commands = (command for unit in asked for command in unit.commands)
            is_write = not all(only_reads(command.words) for command in commands)
            await host.touched("database", address, is_write=is_write)
        async with self.session(host.identity, named.raw, timeout_s=query.timeout_s) as session:
            if "read_only" in script.head.options:
                await _check_reads(session, asked)
            return await _run(_Run(session, script, query, host), asked)

    async def close_idle(self, idle_s: float) -> int:
        """See `QueryRunner.close_idle`."""
        return await self._open.close_idle(idle_s)

    async def close(self) -> None:
        """See `QueryRunner.close`."""
        await self._open.close()

    @asynccontextmanager
    async def session(self, identity: str, raw: bytes, *, timeout_s: float) -> AsyncGenerator[KeySession]:
        """A session of the store that the value (raw JSON) of a resource describes, for one identity."""
        key = identity.encode(), raw
        async with (
            self._open.use(key, lambda: open_keys(jsontext.loads(raw), egress=self._egress)) as store,
            store.session(timeout_s=timeout_s) as session,
        ):
            yield session


async def _read(content: str) -> Script:
    if len(content) < _LARGE_SOURCE:
        return read_script(content)
    return await asyncio.to_thread(read_script, content)


def _values(script: Script, args: Mapping[str, bytes]) -> dict[str, tuple[bytes, ...]]:
    """The words that each declared argument stands for."""
    found: dict[str, tuple[bytes, ...]] = {}
    for declaration in script.head.arguments:
        raw = args.get(declaration.name)
        if raw is None and (raw := default_of(declaration)) is None:
            raise BadRequest(f"Argument {declaration.name} ({declaration.type_name}) is missing and has no default.")
        found[declaration.name] = words_of(declaration, raw)
    return found


async def _check_reads(session: KeySession, asked: Sequence[Unit]) -> None:
    commands = [command for unit in asked for command in unit.commands]
    for index, name in (await session.writers([command.words for command in commands])).items():
        raise InvalidScript(f"Line {commands[index].line}: the script is read_only, and {name} may write.")


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of a script."""

    session: KeySession
    script: Script
    query: Query
    host: Host

    @property
    def form(self) -> Form:
        options = self.script.head.options
        return Form(
            is_typed=options.get("replies") == "typed", big_numbers_as_text=options.get("big_numbers") == "string"
        )

    @property
    def is_all(self) -> bool:
        return self.script.head.options.get("result_collection") == "all"

    @property
    def is_one_unit(self) -> bool:
        """The whole script is sent together, and each command has a result of its own."""
        return not {"transaction", "pipeline"}.isdisjoint(self.script.head.options)


async def _run(run: _Run, asked: Sequence[Unit]) -> bytes:
    bounds = Bounds(run.query.max_result_bytes)
    results: list[str] = []
    for number, unit in enumerate(asked, start=1):
        is_last = number == len(asked)
        if is_last and run.script.head.streamed:
            return await _streamed(run, unit.commands[0])
        replies = await _sent(run, unit)
        if replies is None or (unit.is_transaction and not run.is_one_unit):
            replies = [replies]
        wanted = replies if run.is_all else replies[-1:] if is_last else []
        for reply in wanted:
            results.append(to_json(reply, run.form))
            bounds.add(len(results[-1].encode()), 0)
    return (f"[{','.join(results)}]" if run.is_all else results[-1]).encode()


async def _sent(run: _Run, unit: Unit) -> list[Reply] | None:
    """A reply for each command of a unit; None for a transaction that was given up."""
    commands = [command.words for command in unit.commands]
    if not unit.is_transaction:
        replies: list[Reply] | None = await run.session.run(commands, max_bytes=run.query.max_result_bytes)
    elif not commands:
        return []
    else:
        try:
            replies = await run.session.transaction(commands, max_bytes=run.query.max_result_bytes)
        except QueryFailed as error:
            raise QueryFailed(f"Line {unit.commands[0].line}: {error}") from error
    for command, reply in zip(unit.commands, replies or (), strict=False):
        if isinstance(reply, Failure):
            raise _failed(command, reply, unit)
    return replies


def _failed(command: Command, failure: Failure, unit: Unit) -> QueryFailed:
    others = len(unit.commands) - 1
    rest = f" The other {others} commands that were sent with it were run nevertheless." if others else ""
    return QueryFailed(f"Line {command.line}, {command.name}: {failure.text}{'' if not rest else '.'}{rest}")


async def _streamed(run: _Run, command: Command) -> bytes:
    """Write the members of a reply to an object; its pointer."""
    streamed = run.script.head.streamed
    assert streamed is not None

    if streamed.format == "json":
        return await upload_lines(_lines(run, command), streamed, run.query, run.host)
    return await upload_rows(_documents(run, command), streamed, run.query, run.host)


async def _lines(run: _Run, command: Command) -> AsyncIterator[bytes]:
    async for batch in _texts(run, command):
        yield "".join(f"{text}\n" for text in batch).encode()


async def _documents(run: _Run, command: Command) -> AsyncGenerator[list[dict[str, str]]]:
    async for batch in _texts(run, command):
        yield [{COLUMN: text} for text in batch]


async def _texts(run: _Run, command: Command) -> AsyncGenerator[list[str]]:
    """The JSON of each member."""

    async def members() -> AsyncGenerator[Sequence[Reply]]:
        async for batch in run.session.stream(command.words):
            yield batch

    async with aclosing(members()) as found:
        try:
            async for batch in found:
                yield [to_json(each, run.form) for each in batch]
        except QueryFailed as error:
            raise QueryFailed(f"Line {command.line}, {command.name}: {error}") from error
