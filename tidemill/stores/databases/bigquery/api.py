"""The calls of BigQuery's REST interface that statements need.

https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs tells of requests and answers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from tidemill.engine.egress import Egress
from tidemill.stores.databases.bigquery.config import BigQueryConfig
from tidemill.stores.databases.bigquery.errors import failure_of
from tidemill.stores.databases.bigquery.tokens import Tokens
from tidemill.stores.databases.json_http import JsonHttp, Reply
from tidemill.stores.databases.port import Statement
from tidemill.stores.renewed import Now

Body = Mapping[str, Any]

TIMESTAMPS: Final = "ISO8601_STRING"
"""The only form that keeps what timestamps of twelve digits hold."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job by its address."""

    project: str
    id: str
    location: str

    @classmethod
    def of(cls, answer: Body) -> "Job | None":
        """That an answer tells of; None where no job was made."""
        told = answer.get("jobReference") or {}
        if not told.get("jobId"):
            return None
        return cls(str(told.get("projectId", "")), str(told["jobId"]), str(told.get("location", "")))


class BigQueryApi:
    """One project, as one account sees it."""

    def __init__(self, config: BigQueryConfig, egress: Egress, *, now: Now) -> None:
        self.config = config
        self._http = JsonHttp(egress, advice="Check endPoint and firewalls.")
        self._tokens = (
            Tokens(config.account, config.key, self._http, now=now) if config.account and config.key else None
        )
        self._base = f"{config.origin}/bigquery/v2/projects/"

    async def query(self, body: Body, statement: Statement | None) -> Body:
        """`jobs.query`: begins it, and waits a while for its end. Sent twice, it runs once, by its `requestId`."""
        return await self._call("POST", f"{self._own}/queries", statement, body=body)

    async def dry_run(self, query: Body, statement: Statement, *, location: str) -> Body:
        """`jobs.insert` of a job that does not run: its statistics."""
        body: dict[str, Any] = {"configuration": {"dryRun": True, "query": query}}
        if location:
            body["jobReference"] = {"projectId": self.config.project, "location": location}
        answer = await self._call("POST", f"{self._own}/jobs", statement, body=body)
        found: Body = answer.get("statistics") or {}
        return found

    async def results(
        self, job: Job, statement: Statement | None, *, wait_ms: int = 0, rows: int = 0, page: str = ""
    ) -> Body:
        """`jobs.getQueryResults`: a page, after a wait for the end of the job."""
        query = {
            "location": job.location,
            "timeoutMs": str(wait_ms),
            "maxResults": str(rows),
            "pageToken": page,
            "formatOptions.timestampOutputFormat": TIMESTAMPS,
        }
        given = {name: value for name, value in query.items() if value}
        return await self._call("GET", f"{_at(job, 'queries')}", statement, query=given)

    async def job(self, job: Job) -> Body:
        """`jobs.get`."""
        return await self._call("GET", _at(job, "jobs"), None, query=_located(job))

    async def cancel(self, job: Job) -> None:
        """`jobs.cancel`: the server is told; the job ends a moment later."""
        await self._call("POST", f"{_at(job, 'jobs')}/cancel", None, query=_located(job), body={})

    async def found(self, path: Sequence[str], *, page: str = "") -> Body:
        """A thing of the project, or a page of a list of such."""
        query = {"maxResults": "1000", "pageToken": page} if page else {"maxResults": "1000"}
        return await self._call(
            "GET", "/".join([self._own, *(quote(each, safe="") for each in path)]), None, query=query
        )

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.close()

    @property
    def _own(self) -> str:
        return quote(self.config.project, safe=":")

    async def _call(
        self,
        method: str,
        path: str,
        statement: Statement | None,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
    ) -> Body:
        url = self._base + path
        reply: Reply = await self._http.send(method, url, headers=self._headers, query=query, body=body)
        if reply.status != 200 or not reply.body:
            raise failure_of(reply, self.config, statement)
        return reply.body

    async def _headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {await self._tokens.get()}"} if self._tokens else {}


def _at(job: Job, kind: str) -> str:
    return f"{quote(job.project, safe=':')}/{kind}/{quote(job.id, safe='')}"


def _located(job: Job) -> Mapping[str, str]:
    return {"location": job.location} if job.location else {}
