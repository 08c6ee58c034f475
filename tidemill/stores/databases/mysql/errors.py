"""Turns what MySQL and pymysql say into our errors."""

import re
import ssl
from typing import Final

from pymysql import err

from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.port import Statement

_LOST: Final = frozenset({0, 1053, 1927, 2006, 2013, 2055, 4031})
_NEAR_LINE: Final = re.compile(r" at line (\d+)$")
_TIMEOUTS: Final = frozenset({1969, 3024})

_ADVICE: Final = {
    1044: "Check user and database: this user may not use it.",
    1045: "Check user and password.",
    1049: "Check database: there is none of that name.",
    1040: "The server has no connection left.",
    1129: "The server has blocked this address after too many errors: `flush hosts` there.",
    1130: "The server does not let this address in.",
    1698: "Check user and password: this user logs in by other means than a password.",
    3159: "Set ssl to true: the server wants TLS.",
    3118: "The account is locked.",
}


def connection_failed(error: Exception, *, secret: str) -> ConnectionFailed:
    """Of a connection that could not be made."""
    code, words = _parts(error)
    advice = _ADVICE.get(code, "")
    if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in words:
        advice = "Put the certificate of the server's authority into root_certificate_pem, and use the name it has."
    elif "SSL is required" in words or "doesn't support SSL" in words:
        advice = "The server has no TLS: set ssl to false."
    elif isinstance(error, OSError) and not advice:
        advice = "Check host and port, and that no firewall is in between."
    if secret:
        words = words.replace(secret, "***")
    return ConnectionFailed(f"The database cannot be reached: {words.rstrip('.')}. {advice}".rstrip())


def query_failed(error: Exception, statement: Statement | None) -> TidemillError:
    """Of a statement that the server refused, or that it did not get."""
    code, words = _parts(error)
    if code in _LOST or isinstance(error, OSError | err.InterfaceError | EOFError):
        return ConnectionFailed(f"The connection to the database was lost: {words.rstrip('.')}.")
    line = statement.line if statement else 1
    if match := _NEAR_LINE.search(words):
        words, line = words[: match.start()], line + int(match[1]) - 1
    place = f" (line {line})" if match else f" (statement at line {line})"
    timeout = " It ran into its timeout." if code in _TIMEOUTS else ""
    return QueryFailed(f"{words}{place if statement else ''}{timeout}\nError: {code}")


def _parts(error: Exception) -> tuple[int, str]:
    if isinstance(error, err.MySQLError) and len(error.args) == 2 and isinstance(error.args[0], int):
        return error.args[0], str(error.args[1])
    return 0, str(error) or type(error).__name__
