"""A ClickHouse of a user's. Each statement is a request; what belongs together has a session on the server."""

import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self

import aiohttp

from tidemill.engine.egress import Egress
from tidemill.model.column import Column, Row
from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError, Unsupported
from tidemill.stores.databases.clickhouse.arguments import parameter
from tidemill.stores.databases.clickhouse.config import ClickHouseConfig
from tidemill.stores.databases.clickhouse.types import Reader, parse_type
from tidemill.stores.databases.json_http import guarded_client, unreachable
from tidemill.stores.databases.port import (
    Argument,
    Capabilities,
    NamedType,
    RawRow,
    Result,
    SessionOptions,
    Statement,
)
from tidemill.stores.databases.tls import tls_context

FORMAT: Final = "JSONCompactEachRowWithNamesAndTypes"
_SETTINGS: Final = {
    "default_format": FORMAT,
    "date_time_output_format": "iso",
    "session_timezone": "UTC",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_decimals": "1",
    "output_format_decimal_trailing_zeros": "1",
    "output_format_json_quote_denormals": "1",
    "output_format_json_named_tuples_as_objects": "0",
    "cancel_http_readonly_queries_on_client_close": "1",
    "http_write_exception_in_output_format": "0",
}
_POSITION: Final = re.compile(r"\(line (\d+), col(?:umn)? (\d+)\)")
_VERSION: Final = re.compile(r"(?<!\s)\s*+(?:\(version [^)]{0,200}\)|\(official build\))\s*+\Z")


class ClickHouseDatabase:
    """A `Database`."""

    can = Capabilities(transactions=False, row_locks=False, many_rows=True)

    def __init__(self, config: ClickHouseConfig, egress: Egress) -> None:
        self._config, self._egress = config, egress
        self._client: aiohttp.ClientSession | None = None

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> Self:
        """See `Backend.open`."""
        return cls(ClickHouseConfig.of(value), egress)

    @asynccontextmanager
    async def session(self, options: SessionOptions) -> AsyncIterator["ClickHouseSession"]:
        """See `Database.session`."""
        session = ClickHouseSession(self._opened(), self._config, options)
        try:
            yield session
            await session.finish()
        except BaseException:
            await session.abandon()
            raise

    async def test(self) -> str:
        """See `Database.test`."""
        async with self.session(SessionOptions(statement_timeout_s=10)) as session:
            (result,) = await session.run(Statement(text="select version()"))
            (((version,),),) = [batch async for batch in result.batches(1)]
        tls = "encrypted by TLS" if self._config.origin.startswith("https") else "not encrypted"
        return f"ClickHouse {version} answers as {self._config.username} in database {self._config.database}, {tls}."

    async def close_idle(self, idle_s: float) -> int:
        """See `Database.close_idle`. aiohttp closes idle connections by itself after 15 s."""
        if idle_s == 0:
            await self.close()
        return 0

    async def close(self) -> None:
        """See `Database.close`."""
        client, self._client = self._client, None
        if client:
            await client.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._client is None:
            context = tls_context(self._config.ca_certificate, checks=True)
            self._client = guarded_client(self._egress, context)
        return self._client


class ClickHouseSession:
    """A `Session`."""

    def __init__(self, client: aiohttp.ClientSession, config: ClickHouseConfig, options: SessionOptions) -> None:
        self._client, self._config, self._options = client, config, options
        self._id = secrets.token_hex(16)
        self._query_id = ""
        self._open: _Rows | None = None
        self._is_canceled = False

    @property
    def _kept_s(self) -> str:
        """How long the server keeps a session that says nothing: while the body of a request arrives slowly, too."""
        return f"{min(max(self._options.statement_timeout_s, 60), 3600):.0f}"

    async def run(self, statement: Statement) -> list[Result]:
        """See `Session.run`."""
        await self.finish()
        parameters = {f"param_{each.name}": parameter(each) for each in statement.arguments}
        answer = await self._send(statement.text, parameters, statement)
        self._open = _Rows(answer, statement, self)
        await self._open.read_head()
        return [self._open]

    async def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """See `ManyRowsSession.write_rows`: by an insert that ends with `format TabSeparated`; all rows or none."""
        await self.finish()
        written = "".join(
            "\t".join(
                parameter(Argument(name=column.name, type_name=column.type_name, value=value))
                for column, value in zip(columns, row, strict=True)
            )
            + "\n"
            for row in rows
        )
        answer = await self._send(f"{text}\n{written}", {}, None)
        self._open = _Rows(answer, Statement(text=text), self)
        await self.finish()

    async def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `Session.describe`."""
        (result,) = await self.run(
            Statement(text=f"describe ({statement.text}\n)", arguments=statement.arguments, line=statement.line)
        )
        rows = [row async for batch in result.batches(1000) for row in batch]
        return tuple(Column(str(row[0]), parse_type(str(row[1]))[0]) for row in rows)

    async def begin(self) -> None:
        """See `Session.begin`."""
        raise Unsupported("ClickHouse has no transactions: each statement is its own.")

    async def commit(self) -> None:
        """See `Session.commit`."""
        await self.begin()

    async def rollback(self) -> None:
        """See `Session.rollback`."""
        await self.begin()

    async def cancel(self) -> None:
        """See `Session.cancel`."""
        self._is_canceled = True
        if self._query_id:
            text = "kill query where query_id = {id:String} async"
            with suppress(TidemillError):
                (await self._send(text, {"param_id": self._query_id}, None, is_killing=True)).close()

    async def finish(self) -> None:
        """Read what is left of the statement before."""
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")
        rows, self._open = self._open, None
        if rows:
            await rows.skip()

    async def abandon(self) -> None:
        """The server stops what it does."""
        rows, self._open = self._open, None
        if self._query_id and (rows is None or not rows.is_complete):
            await self.cancel()
        if rows:
            rows.close()

    def failure(self, words: str, statement: Statement | None) -> TidemillError:
        """What the server says of a statement."""
        words = _VERSION.sub("", _VERSION.sub("", words.strip()))
        if self._config.password:
            words = words.replace(self._config.password, "***")
        if "Authentication failed" in words or "Code: 516" in words:
            return ConnectionFailed(f"The database refuses the login: {words} Check username and password.")
        if "UNKNOWN_DATABASE" in words and statement is None:
            return ConnectionFailed(f"The database cannot be used: {words} Check database.")
        if statement is None:
            return QueryFailed(words)
        if match := _POSITION.search(words):
            line = statement.line + int(match[1]) - 1
            return QueryFailed(_POSITION.sub(f"(line {line}, column {match[2]})", words))
        return QueryFailed(f"{words} (statement at line {statement.line})")

    async def _send(
        self, text: str, parameters: Mapping[str, str], statement: Statement | None, *, is_killing: bool = False
    ) -> aiohttp.ClientResponse:
        query = {**_SETTINGS, "database": self._config.database, **parameters}
        if not is_killing:
            self._query_id = secrets.token_hex(16)
            query |= {"query_id": self._query_id, "session_id": self._id, "session_timeout": self._kept_s}
            if self._options.read_only:
                query["readonly"] = "1"
            if self._options.statement_timeout_s:
                query["max_execution_time"] = f"{self._options.statement_timeout_s:g}"
        headers = {"X-ClickHouse-User": self._config.username, "X-ClickHouse-Key": self._config.password}
        headers["User-Agent"] = self._options.application
        try:
            answer = await self._client.post(
                self._config.origin, params=query, data=text.encode(), headers=headers, allow_redirects=False
            )
            if answer.status == 200:
                return answer
            words = (await answer.read())[:20_000].decode(errors="replace")
        except (aiohttp.ClientError, OSError) as error:
            raise self._unreachable(error) from error
        raise self.failure(words or f"The server answers {answer.status}.", statement)

    def _unreachable(self, error: Exception) -> ConnectionFailed:
        return unreachable(
            error,
            tls_advice="Put the certificate of the server's authority into root_certificate_pem, or use http://.",
            advice="Check host and port, and that no firewall is in between.",
        )


class _Rows:
    """A `Result`: lines of JSON, of which the first two hold the names and the types."""

    affected: int | None = None

    def __init__(self, answer: aiohttp.ClientResponse, statement: Statement, session: ClickHouseSession) -> None:
        self.columns: tuple[Column, ...] = ()
        self.is_complete = False
        self._answer, self._statement, self._session = answer, statement, session
        self._lines = _lines(answer)
        self._readers: list[Reader] = []

    async def read_head(self) -> None:
        """The columns; none for a statement without rows."""
        names = await self._line()
        types = None if names is None else await self._line()
        if names is None or types is None:
            summary = self._answer.headers.get("X-ClickHouse-Summary", "{}")
            with suppress(ValueError, AttributeError):
                written = int(json.loads(summary).get("written_rows", 0))
                self.affected = written or None
            return
        parsed = [parse_type(each) for each in types]
        self.columns = tuple(Column(name, data_type) for name, (data_type, _) in zip(names, parsed, strict=True))
        self._readers = [read for _, read in parsed]

    async def batches(self, rows: int) -> AsyncIterator[Sequence[Row]]:
        """See `Result.batches`."""
        held: list[Row] = []
        while (values := await self._line()) is not None:
            held.append(
                tuple(None if value is None else read(value) for read, value in zip(self._readers, values, strict=True))
            )
            if len(held) == rows:
                yield held
                held = []
        if held:
            yield held

    async def skip(self) -> None:
        """Read what is left and forget it."""
        while await self._line() is not None:
            pass

    def close(self) -> None:
        """Without reading the rest."""
        self._answer.close()

    async def _line(self) -> list[Any] | None:
        if self.is_complete:
            return None
        try:
            line = await anext(self._lines, None)
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionFailed(f"The connection to the database was lost: {error}.") from error
        if line is None:
            self.is_complete = True
            return None
        if not line.startswith(b"["):
            self.is_complete = True
            rest = b"\n".join([line, *[each async for each in self._rest()]])
            raise self._session.failure(rest[:20_000].decode(errors="replace"), self._statement)
        try:
            return list(json.loads(line))
        except ValueError as error:
            self.close()
            raise QueryFailed(
                "A value of the result is no text in UTF-8: select it by hex() or base64Encode()."
            ) from error

    async def _rest(self) -> AsyncIterator[bytes]:
        with suppress(aiohttp.ClientError, OSError):
            async for line in self._lines:
                yield line


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Of any length, without their ends; empty ones are left out."""
    rest = b""
    async for piece in answer.content.iter_any():
        *whole, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
        for line in whole:
            if line:
                yield line
    if rest:
        yield rest
