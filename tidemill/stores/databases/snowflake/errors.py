"""What Snowflake says when it refuses, in our errors: its own words, its code, and the line of the script."""

import re
from typing import Final

from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.json_http import Reply
from tidemill.stores.databases.port import Statement
from tidemill.stores.databases.snowflake.config import SnowflakeConfig
from tidemill.stores.databases.snowflake.together import Together

_POSITION: Final = re.compile(r"line (\d+) at position (-?\d+)")
_LATE: Final = 408
_NO_WAREHOUSE: Final = "000606"
_MISSING: Final = {"390189": "role", "390201": "warehouse, database and role"}
"""Codes of what a request asks for and the account does not have, or not for the user."""
_MOST_CHARS: Final = 20_000


def failure_of(reply: Reply, config: SnowflakeConfig, statement: Statement | Together | None) -> TidemillError:
    """Of an answer with an error's status."""
    words = str(reply.body.get("message") or "").strip()[:_MOST_CHARS]
    code = str(reply.body.get("code") or "")
    if not words:
        return ConnectionFailed(
            f"{config.origin} answers as Snowflake's SQL API does not (HTTP {reply.status}). Check account_identifier."
        )
    if code in _MISSING:
        return ConnectionFailed(f"{words} ({code}) Check {_MISSING[code]} in the resource.")
    if reply.status in {401, 403} or code.startswith(("3901", "3903")):
        return _login_failure(words, code, config)
    if reply.status == _LATE:
        words = f"Canceled on a statement timeout: {words}"
    if isinstance(statement, Together):
        return _of_several(words, code, statement)
    return _query_failure(f"{words} ({code})" if code else words, code, statement)


def _login_failure(words: str, code: str, config: SnowflakeConfig) -> ConnectionFailed:
    if config.token:
        return ConnectionFailed(f"Snowflake refuses the token: {words} ({code}) It may have ended: check token.")
    return ConnectionFailed(
        f"Snowflake refuses the login of {config.username} to {config.account}: {words} ({code}) Check "
        "account_identifier and username, that the public key of private_key is registered with the user, and that the "
        "clock of this machine is right."
    )


def _of_several(words: str, code: str, together: Together) -> QueryFailed:
    """Of one of them, if that is told; where values were written into it, places are not those of the script."""
    found = together.failed(words)
    if found is None:
        return _query_failure(f"{words} ({code})" if code else words, code, None)
    told, statement = found
    return _query_failure(_POSITION.sub("there", told) if statement.arguments else told, code, statement)


def _query_failure(told: str, code: str, statement: Statement | None) -> QueryFailed:
    if code == _NO_WAREHOUSE:
        told = f"{told} Fill in warehouse in the resource."
    if statement is None:
        return QueryFailed(told)
    if _POSITION.search(told):
        return QueryFailed(_POSITION.sub(lambda found: _place(found, statement), told))
    return QueryFailed(f"{told} (statement at line {statement.line})")


def _place(found: re.Match[str], statement: Statement) -> str:
    """Lines count from 1 and positions from 0."""
    return f"line {statement.line + max(1, int(found[1])) - 1}, column {int(found[2]) + 1}"
