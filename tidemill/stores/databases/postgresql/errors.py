"""Turns what Postgres and libpq say into our errors: their own words, the place, and how to mend it."""

import re
from typing import Final

from psycopg import Error
from psycopg.pq import DiagnosticField
from psycopg.pq.abc import PGresult

from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.port import Statement

_GONE: Final = frozenset({"57P01", "57P02", "57P03", "57P05"})
"""The server ends the connection: it is shut down, crashed, or we were idle for too long."""
INSIDE_TRANSACTION: Final = frozenset({"25001", "2D000"})
"""The statement cannot be run inside of a transaction, or wants to end the one that it is in. Nothing was done."""

_ADVICE: Final = (
    (
        r"password authentication failed|SCRAM|SASL authentication failed|no password supplied",
        "Check user and password.",
    ),
    (r'role ".*" does not exist', "Check user."),
    (r'database ".*" does not exist|no such database', "Check dbname; names are case-sensitive."),
    (r"Endpoint ID is not specified", "Use the host name that Neon shows, not an address."),
    (r"Tenant or user not found", "A pooler of Supabase wants the user as postgres.<project>."),
    (
        r"Name or service not known|could not translate host name|nodename nor servname|No address associated"
        r"|Temporary failure in name resolution|failed to resolve host",
        "Check host: no such name is known.",
    ),
    (r"Connection refused", "Check host and port, and that the server listens to other machines."),
    (
        r"timeout expired|timed out|Network is unreachable|No route to host",
        "Check host and port; a firewall or a list of allowed addresses may be in between.",
    ),
    (r"does not support SSL|SSL is not (supported|enabled)", "The server has no TLS: sslmode=prefer goes without."),
    (
        r"certificate verify failed|signature failure|self.signed certificate|unable to get local issuer",
        "Put the certificate of the server's authority into root_certificate_pem.",
    ),
    (r"server certificate for .* does not match host name", "Use the host name that the certificate has."),
    (r"root certificate file", "Put the certificate of the server's authority into root_certificate_pem."),
    (r"requires a valid client certificate|connection requires .*certificate", "Fill in the client's certificate."),
    (r"private key|certificate file", "Check client_certificate_pem and client_key_pem: they are to be a pair."),
    (r"pg_hba.conf.*no encryption", "Set sslmode to require or verify-full."),
    (r"pg_hba.conf", "The server does not let this user or address in."),
    (r"too many (clients|connections)|remaining connection slots", "The server has no connection left: use a pooler."),
)


def connection_failed(error: Error | OSError, *, secret: str) -> ConnectionFailed:
    """Of a connection that could not be made. `secret` is the password, which is taken out should it be told."""
    words = _scrubbed(" ".join(str(error).split()), secret)
    words = re.sub(r"^connection (failed: |is bad: )?", "", words)
    advice = next((advice for pattern, advice in _ADVICE if re.search(pattern, words, re.IGNORECASE)), "")
    return ConnectionFailed(f"The database cannot be reached: {words.rstrip('.')}. {advice}".rstrip())


def connection_lost(error: Exception | str) -> ConnectionFailed:
    """Of a connection that was there."""
    words = " ".join(str(error).split()).rstrip(".") or "the server closed it"
    return ConnectionFailed(f"The connection to the database was lost: {words}. What was not committed is undone.")


def from_driver(error: Error) -> TidemillError:
    """Of a query of ours to the catalogue."""
    if error.sqlstate is None:
        return connection_lost(error)
    return QueryFailed(f"{error}\nSQLSTATE: {error.sqlstate}")


def sqlstate(result: PGresult) -> str:
    return (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()


def query_failed(result: PGresult, statement: Statement | None, *, has_place: bool = True) -> TidemillError:
    """Of a statement that the server refused. `has_place` is false where it was sent within another one."""
    state = sqlstate(result)
    if state in _GONE:
        return connection_lost(_field(result, DiagnosticField.MESSAGE_PRIMARY))
    return QueryFailed("\n".join(_lines(result, statement, state, has_place=has_place)))


def _lines(result: PGresult, statement: Statement | None, state: str, *, has_place: bool) -> list[str]:
    words = _field(result, DiagnosticField.MESSAGE_PRIMARY) or result.error_message.decode(errors="replace").strip()
    position = _field(result, DiagnosticField.STATEMENT_POSITION)
    lines = [words]
    if statement and has_place and position.isdigit():
        lines[0] += f" ({place(statement, int(position))})"
    elif statement:
        lines[0] += f" (statement at line {statement.line})"
    for label, field in (
        ("Detail", DiagnosticField.MESSAGE_DETAIL),
        ("Hint", DiagnosticField.MESSAGE_HINT),
        ("Where", DiagnosticField.CONTEXT),
    ):
        if text := _field(result, field):
            lines.append(f"{label}: {text}")
    return [*lines, f"SQLSTATE: {state}"]


def place(statement: Statement, position: int) -> str:
    """Line of the script and column, of a position in the statement that counts characters from 1."""
    before = statement.text[: position - 1]
    line = statement.line + before.count("\n")
    return f"line {line}, column {len(before) - (before.rfind(chr(10)) + 1) + 1}"


def _field(result: PGresult, field: DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode(errors="replace")


def _scrubbed(text: str, secret: str) -> str:
    return text.replace(secret, "***") if secret else text
