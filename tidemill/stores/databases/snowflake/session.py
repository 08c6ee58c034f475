"""A session: each statement is a request, which Snowflake runs in a session of its own."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

from tidemill.engine.sql.dialect import dialect_of
from tidemill.engine.sql.lexer import Part, tokens
from tidemill.model.column import Column
from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError, Unsupported
from tidemill.stores.databases.port import Result, SessionOptions, Statement
from tidemill.stores.databases.snowflake.api import Body, SnowflakeApi
from tidemill.stores.databases.snowflake.arguments import bindings
from tidemill.stores.databases.snowflake.result import row_type_of, rows_of
from tidemill.stores.databases.snowflake.together import Together
from tidemill.stores.databases.snowflake.types import columns_of, has_floats

NO_TRANSACTIONS: Final = (
    "Snowflake's SQL API runs each request in a session of its own, so that a transaction must be known as a whole."
)
FloatDigits = Callable[[], Awaitable[int]]


class SnowflakeSession:
    """A `Session`."""

    def __init__(self, api: SnowflakeApi, options: SessionOptions, float_digits: FloatDigits) -> None:
        """`float_digits`: see `columns_of`; asked where a result has floats."""
        self._api, self._options, self._float_digits = api, options, float_digits
        self._is_canceled = False
        self._submitting: asyncio.Task[str] | None = None
        self._running = ""
        self._together: deque[str] = deque()

    async def run(self, statement: Statement) -> list[Result]:
        """See `Session.run`."""
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")
        answer, handle = await (self._of_together(statement) if self._together else self._in_time(statement))
        row_type = row_type_of(answer)
        digits = await self._float_digits() if has_floats(row_type) else 0
        return [rows_of(self._api, answer, handle, statement, float_digits=digits)]

    async def run_together(self, statements: Sequence[Statement]) -> None:
        """See `TogetherSession.run_together`. The API binds no arguments here, see `literals.py`."""
        self.require_going()
        whole = Together.transaction(statements)
        answer, _ = await self._in_time(Statement(text=whole.text, line=statements[0].line), whole)
        handles = answer.get("statementHandles")
        if not isinstance(handles, list) or len(handles) != whole.count:
            raise ConnectionFailed(
                f"{self._api.config.origin} does not tell what each statement gave. All of them have taken effect."
            )
        self._together.extend(map(str, handles[1:-1]))

    async def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `Session.describe`. Snowflake is asked for none of its rows."""
        if _first_word(statement.text) not in {"select", "with", "values"}:
            raise Unsupported("Snowflake's SQL API tells the columns of queries only.")
        asked = f"select * from ({statement.text}\n) limit 0"  # noqa: S608 - the statement is the user's own
        answer, _ = await self._in_time(Statement(text=asked, arguments=statement.arguments, line=statement.line))
        return columns_of(row_type_of(answer), float_digits=0)[0]

    async def begin(self) -> None:
        """See `Session.begin`."""
        self._refuse()

    async def commit(self) -> None:
        """See `Session.commit`."""
        self._refuse()

    async def rollback(self) -> None:
        """See `Session.rollback`."""
        self._refuse()

    async def cancel(self) -> None:
        """See `Session.cancel`."""
        self._is_canceled = True
        await self.stop()

    def require_going(self) -> None:
        """At the end of a session that went well."""
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")

    async def stop(self) -> None:
        """End on the server what still runs there."""
        submitting, self._submitting = self._submitting, None
        handle, self._running = self._running, ""
        if submitting is not None:
            with suppress(TidemillError):  # then nothing runs
                handle = await submitting
        if handle:
            with suppress(TidemillError):  # it may have ended meanwhile, and else ends by its own timeout
                await self._api.cancel(handle)

    def _refuse(self) -> NoReturn:
        raise Unsupported(NO_TRANSACTIONS)

    async def _of_together(self, statement: Statement) -> tuple[Body, str]:
        handle = self._together.popleft()
        return await self._api.completed(handle, statement), handle

    async def _in_time(self, statement: Statement, together: Together | None = None) -> tuple[Body, str]:
        """Snowflake counts whole seconds: what is to end sooner is cancelled."""
        limit_s = self._options.statement_timeout_s
        try:
            async with asyncio.timeout(limit_s or None):
                return await self._run(statement, together)
        except TimeoutError as error:
            await self.stop()
            raise QueryFailed(
                f"Canceled on a statement timeout: the statement in line {statement.line} ran for longer than "
                f"{limit_s:g} s."
            ) from error

    async def _run(self, statement: Statement, together: Together | None) -> tuple[Body, str]:
        request = self._request(statement, count=together.count if together else 1)
        told = together or statement
        self._submitting = asyncio.ensure_future(self._api.submit(request, told))
        handle = self._running = await asyncio.shield(self._submitting)
        self._submitting = None
        try:
            answer = await self._api.completed(handle, told)
        except QueryFailed as error:
            self._running = ""  # it has ended
            if together is not None:
                raise QueryFailed(f"{error} (-- transaction: nothing was changed)") from error
            raise
        self._running = ""
        return answer, handle

    def _request(self, statement: Statement, *, count: int = 1) -> dict[str, Any]:
        """`count`: of the statements in it."""
        config = self._api.config
        several = {"multi_statement_count": str(count)} if count > 1 else {}
        body: dict[str, Any] = {
            "statement": statement.text,
            "parameters": {"binary_output_format": "HEX", "query_tag": self._options.application, **several},
            **{
                name: value
                for name, value in (
                    ("database", config.database),
                    ("schema", config.schema),
                    ("warehouse", config.warehouse),
                    ("role", config.role),
                )
                if value
            },
        }
        if statement.arguments:
            body["bindings"] = bindings(statement.arguments)
        if self._options.statement_timeout_s:
            body["timeout"] = math.ceil(self._options.statement_timeout_s)
        return body


def _first_word(text: str) -> str:
    for token in tokens(text, dialect_of("snowflake")):
        if token.part not in {Part.COMMENT, Part.OPEN}:
            return token.text(text).lower()
    return ""
