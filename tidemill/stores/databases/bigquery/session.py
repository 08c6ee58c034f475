"""A session: each statement is a job; what belongs together has a session on the server, made when it is needed.

https://cloud.google.com/bigquery/docs/sessions tells of those.
"""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

from tidemill.model.column import Column
from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.bigquery.api import TIMESTAMPS, BigQueryApi, Body, Job
from tidemill.stores.databases.bigquery.arguments import parameter
from tidemill.stores.databases.bigquery.errors import query_failure
from tidemill.stores.databases.bigquery.explaining import explained, explained_text
from tidemill.stores.databases.bigquery.result import FIRST_ROWS, rows_of
from tidemill.stores.databases.bigquery.types import columns_of
from tidemill.stores.databases.port import Result, SessionOptions, Statement

FIRST_WAIT_MS: Final = 2_000
"""Until the first answer comes, nobody can cancel: it tells the id of the job."""
NEXT_WAIT_MS: Final = 10_000
PAUSE_S: Final = 0.05
"""Before each further request, for servers that do not let wait."""
_TEMPORARY: Final = re.compile(r"create\s+(?:or\s+replace\s+)?temp(?:orary)?\s", re.IGNORECASE)
_MISSING: Final = re.compile(r"not ?found", re.IGNORECASE)
_LABEL: Final = re.compile(r"[^a-z0-9_-]")


class BigQuerySession:
    """A `Session`."""

    def __init__(self, api: BigQueryApi, options: SessionOptions) -> None:
        self._api, self._options = api, options
        self._id = ""
        self._location = api.config.location
        self._is_in_transaction = self._is_canceled = False
        self._job: Job | None = None
        self._beginning: asyncio.Task[Body] | None = None

    async def run(self, statement: Statement) -> list[Result]:
        """See `Session.run`."""
        self._require_going()
        if (text := explained_text(statement.text)) is not None:
            told = await self._dry_run(statement, text)
            return [explained(told)]
        if self._options.read_only:
            await self._require_reading(statement)
        answer, job = await self._in_time(self._run(statement), statement)
        return [rows_of(self._api, answer, job, statement)]

    async def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `Session.describe`."""
        self._require_going()
        told = await self._dry_run(statement, statement.text)
        schema = (told.get("query") or {}).get("schema") or {}
        return columns_of(schema.get("fields") or [])[0]

    async def looked_up(self, path: Sequence[str]) -> Body | None:
        """A thing of the project by its path; None where there is no such."""
        self._require_going()
        try:
            return await self._api.found(path)
        except QueryFailed as error:
            if _MISSING.search(str(error)):
                return None
            raise

    async def listed(self, path: Sequence[str], members: str) -> AsyncIterator[Body]:
        """All of a list, whose answers hold them as `members`."""
        page = ""
        while True:
            self._require_going()
            answer = await self._api.found(path, page=page)
            for each in answer.get(members) or []:
                yield each
            page = str(answer.get("nextPageToken") or "")
            if not page:
                return

    async def begin(self) -> None:
        """See `Session.begin`."""
        await self._run_plain("begin transaction", makes_session=True)
        self._is_in_transaction = True

    async def commit(self) -> None:
        """See `Session.commit`."""
        await self._end("commit transaction")

    async def rollback(self) -> None:
        """See `Session.rollback`."""
        await self._end("rollback transaction")

    async def cancel(self) -> None:
        """See `Session.cancel`."""
        self._is_canceled = True
        await self._stop()

    async def finish(self) -> None:
        """At the end of a session that went well."""
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")
        if self._is_in_transaction:
            await self.rollback()
        await self._leave()

    async def abandon(self) -> None:
        """At the end of one that did not: the server stops what it does; an open transaction ends with its session."""
        await self._stop()
        with suppress(TidemillError):  # what went wrong before is what counts
            if self._is_in_transaction:
                await self.rollback()
        await self._leave()

    async def _end(self, text: str) -> None:
        await self._run_plain(text)
        self._is_in_transaction = False

    async def _leave(self) -> None:
        """End the session on the server; one that nobody ends is kept for a day."""
        if self._id:
            with suppress(TidemillError):  # it ends by itself
                await self._run_plain("call bq.abort_session()")
            self._id = ""

    async def _run_plain(self, text: str, *, makes_session: bool = False) -> None:
        statement = Statement(text=text)
        await self._in_time(self._run(statement, makes_session=makes_session), statement)

    async def _run(self, statement: Statement, *, makes_session: bool = False) -> tuple[Body, Job | None]:
        """The first answer that comes after the job's end, with the job."""
        body = self._request(statement, makes_session=makes_session)
        self._beginning = asyncio.ensure_future(self._api.query(body, statement))
        answer = await asyncio.shield(self._beginning)
        job = self._job = Job.of(answer)
        self._beginning = None
        self._keep_session(answer)
        try:
            answer = await self._completed(answer, job, statement)
        except QueryFailed:
            self._job = None  # it has ended
            raise
        self._job = None
        return answer, job

    async def _completed(self, answer: Body, job: Job | None, statement: Statement) -> Body:
        """The answer when the job has ended well; the server lets wait for it."""
        while not answer.get("jobComplete", True):
            if job is None:
                raise ConnectionFailed("BigQuery answers with a query that runs, and does not name its job.")
            await asyncio.sleep(PAUSE_S)
            answer = await self._api.results(job, statement, wait_ms=NEXT_WAIT_MS, rows=FIRST_ROWS)
        if answer.get("errors") and job is not None:
            await self._require_success(job, statement)
        return answer

    async def _require_success(self, job: Job, statement: Statement) -> None:
        """`errors` of an answer may be no more than warnings: the job tells."""
        status = (await self._api.job(job)).get("status") or {}
        if error := status.get("errorResult"):
            raise query_failure(error, statement)

    def _request(self, statement: Statement, *, makes_session: bool) -> dict[str, Any]:
        body = self._query(statement, statement.text) | {
            "timeoutMs": FIRST_WAIT_MS,
            "maxResults": FIRST_ROWS,
            "formatOptions": {"timestampOutputFormat": TIMESTAMPS},
            "requestId": secrets.token_hex(16),
            "labels": {"tidemill": _label(self._options.application)},
        }
        if self._options.statement_timeout_s:
            body["jobTimeoutMs"] = str(max(1, round(self._options.statement_timeout_s * 1000)))
        if not self._id and (makes_session or _TEMPORARY.match(statement.text)):
            body["createSession"] = True
        if self._location:
            body["location"] = self._location
        return body

    def _query(self, statement: Statement, text: str) -> dict[str, Any]:
        """What a run and a dry run have in common."""
        config = self._api.config
        found: dict[str, Any] = {"query": text, "useLegacySql": False}
        if statement.arguments:
            found["parameterMode"] = "NAMED"
            found["queryParameters"] = [parameter(each) for each in statement.arguments]
        if config.dataset:
            found["defaultDataset"] = {"projectId": config.project, "datasetId": config.dataset}
        if config.maximum_bytes_billed:
            found["maximumBytesBilled"] = str(config.maximum_bytes_billed)
        if self._id:
            found["connectionProperties"] = [{"key": "session_id", "value": self._id}]
        return found

    async def _dry_run(self, statement: Statement, text: str) -> Body:
        return await self._api.dry_run(self._query(statement, text), statement, location=self._location)

    async def _require_reading(self, statement: Statement) -> None:
        """BigQuery has no sessions that only read. It is asked what the statement is; only reading is let through."""
        told = await self._dry_run(statement, statement.text)
        kind = str((told.get("query") or {}).get("statementType") or "unknown")
        if kind != "SELECT":
            raise QueryFailed(
                f"This run only reads, and to BigQuery the statement in line {statement.line} is {kind}, not SELECT."
            )

    def _keep_session(self, answer: Body) -> None:
        told = answer.get("sessionInfo") or {}
        if session_id := told.get("sessionId"):
            self._id = str(session_id)
            self._location = str(answer.get("location") or (self._job and self._job.location) or self._location)

    async def _in_time(
        self, work: Coroutine[Any, Any, tuple[Body, Job | None]], statement: Statement
    ) -> tuple[Body, Job | None]:
        """BigQuery may be late to end a job after its time."""
        limit_s = self._options.statement_timeout_s
        try:
            async with asyncio.timeout(limit_s or None):
                return await work
        except TimeoutError as error:
            await self._stop()
            raise QueryFailed(
                f"Canceled on a statement timeout: the statement in line {statement.line} ran for longer than "
                f"{limit_s:g} s."
            ) from error

    async def _stop(self) -> None:
        """Cancel what runs on the server, once it is known what that is."""
        beginning, self._beginning = self._beginning, None
        job, self._job = self._job, None
        if beginning is not None:
            with suppress(TidemillError):  # then nothing runs
                job = Job.of(await beginning)
        if job is not None:
            with suppress(TidemillError):  # it may have ended meanwhile, and else ends by its own timeout
                await self._api.cancel(job)

    def _require_going(self) -> None:
        if self._is_canceled:
            raise QueryFailed("The query was canceled.")


def _label(application: str) -> str:
    """Who asked, in the letters that labels have: the last word."""
    return _LABEL.sub("-", application.lower().split()[-1] if application.split() else "")[:63]
