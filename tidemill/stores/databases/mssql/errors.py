"""Turns what SQL Server and pytds say into our errors."""

import ssl
from collections.abc import Sequence
from typing import Final

from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.mssql.driver import NoTls, Refused, ServerMessage
from tidemill.stores.databases.port import Statement

_ADVICE: Final = {
    916: "Check user and dbname: this user may not use the database.",
    4060: "Check dbname: there is none of that name for this user.",
    18450: "Check user: the server wants integrated logins.",
    18452: "Check user: the server wants a Windows login, which is not supported.",
    18456: "Check user and password.",
    18470: "The login is disabled.",
    18486: "The login is locked.",
    18487: "The password has expired: set another one.",
    18488: "The password must be changed before its first use.",
    40532: "Check user: Azure wants user@server.",
    40613: "The database is being started: try again in a minute.",
    40615: "Add this machine's address to the firewall of the server in Azure.",
}
_TERMINATED: Final = 3621
"""`The statement has been terminated`: it says nothing of its own."""


def connection_failed(error: Exception, *, secret: str) -> ConnectionFailed:
    """Of a connection that could not be made."""
    words, advice = str(error) or type(error).__name__, ""
    if isinstance(error, Refused):
        advice = next((_ADVICE[each.number] for each in error.messages if each.number in _ADVICE), "")
    elif isinstance(error, NoTls):
        advice = "Set encrypt to false, or give the server a certificate."
    elif isinstance(error, ssl.SSLCertVerificationError):
        advice = (
            "Put the certificate of the server's authority into ca_cert, and use the name that it has; trust_cert "
            "takes any certificate."
        )
    elif isinstance(error, ssl.SSLError):
        advice = "The server speaks no TLS that is safe enough; its owner can renew it."
    else:
        advice = "Check host and port, and that no firewall is in between."
    if secret:
        words = words.replace(secret, "***")
    return ConnectionFailed(f"The database cannot be reached: {words.rstrip('.')}. {advice}".rstrip())


def connection_lost(error: Exception, told: Sequence[ServerMessage] = ()) -> ConnectionFailed:
    """Of one that has been made. `told` is what the server said before it left."""
    words = " ".join(each.text for each in told) or str(error) or "it was closed"
    return ConnectionFailed(f"The connection to the database was lost: {words.rstrip('.')}.")


def query_failed(error: Refused, statement: Statement | None) -> TidemillError:
    """Of a batch that the server refused, in whole or in part."""
    messages = [each for each in error.messages if each.number != _TERMINATED] or error.messages
    return QueryFailed("\n".join(_told(each, statement) for each in messages))


def _told(message: ServerMessage, statement: Statement | None) -> str:
    if message.procedure:
        place = f" (procedure {message.procedure}, line {message.line})"
    elif statement is None:
        place = ""
    else:
        place = f" (line {statement.line + max(message.line, 1) - 1})"
    return f"{message.text}{place}\nError: {message.number}, state {message.state}"
