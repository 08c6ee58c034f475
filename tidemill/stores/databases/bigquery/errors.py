"""What BigQuery says when it refuses, in our errors: its own words, the reason, and the line of the script."""

import re
from collections.abc import Mapping
from typing import Any, Final

from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.bigquery.config import BigQueryConfig
from tidemill.stores.databases.json_http import Reply
from tidemill.stores.databases.port import Statement

_POSITION: Final = re.compile(r"\[(\d+):(\d+)\]")
_MOST_CHARS: Final = 20_000


def failure_of(reply: Reply, config: BigQueryConfig, statement: Statement | None) -> TidemillError:
    """Of an answer with an error's status."""
    told = reply.body.get("error")
    if not isinstance(told, dict):
        return ConnectionFailed(
            f"{config.origin} answers as BigQuery does not (HTTP {reply.status} {reply.text[:200]}). Check endPoint."
        )
    words = str(told.get("message") or f"HTTP {reply.status}")
    errors = told.get("errors") or [{}]
    reason = str(errors[0].get("reason") or told.get("status") or "")
    return _login_failure(reply.status, reason, words, config) or query_failure(
        {"message": words, "reason": reason}, statement
    )


def query_failure(error: Mapping[str, Any], statement: Statement | None) -> QueryFailed:
    """Of an `ErrorProto`."""
    words = str(error.get("message") or "The query failed.")[:_MOST_CHARS]
    reason = str(error.get("reason") or "")
    told = f"{words} ({reason})" if reason else words
    if statement is None:
        return QueryFailed(told)
    if _POSITION.search(words):
        return QueryFailed(_POSITION.sub(lambda found: _place(found, statement), told))
    place = f"(statement at line {statement.line})"
    if reason == "notFound" and "in location" in words:
        return QueryFailed(f"{told} {place} Datasets are found where the job runs: check location in the resource.")
    return QueryFailed(f"{told} {place}")


def _place(found: re.Match[str], statement: Statement) -> str:
    """`[2:5]` of the statement, as a place of the script."""
    return f"line {statement.line + int(found[1]) - 1}, column {found[2]}"


def _login_failure(status: int, reason: str, words: str, config: BigQueryConfig) -> ConnectionFailed | None:
    """Where not the statement but the account or project is refused."""
    account = config.account.email if config.account else "The caller"
    if status == 401:
        return ConnectionFailed(f"BigQuery refuses the token of {account}: {words} Check the key of the account.")
    if "bigquery.jobs.create" in words:
        return ConnectionFailed(
            f"{account} may not run queries in the project {config.project}: {words} Give it the role BigQuery Job "
            "User (roles/bigquery.jobUser) there, or check project_id."
        )
    if reason in {"accessNotConfigured", "SERVICE_DISABLED"}:
        return ConnectionFailed(f"The BigQuery API is off in the project {config.project}: {words}")
    if status in {403, 404} and re.search(r"(Not found: Project|Cannot parse .*project)", words):
        return ConnectionFailed(f"There is no such project: {words} Check project_id.")
    return None
