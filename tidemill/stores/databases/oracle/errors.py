"""Turns what Oracle and oracledb say into our errors."""

import re
import ssl
from typing import Final

import oracledb

from tidemill.model.errors import ConnectionFailed, QueryFailed, TidemillError
from tidemill.stores.databases.port import Statement

_HELP: Final = re.compile(r"\n?Help: https://\S+")
_CONNECTION: Final = re.compile(r" \(CONNECTION_ID=[^)]*\)")
_CANCELED: Final = "ORA-01013"
_LOST: Final = frozenset(
    {
        *("DPY-1001", "DPY-4011", "DPI-1010", "DPI-1080", "ORA-00028", "ORA-01012", "ORA-01089", "ORA-01092"),
        *("ORA-02396", "ORA-03113", "ORA-03114", "ORA-03135", "ORA-12537", "ORA-12547", "ORA-12570", "ORA-12571"),
    }
)
_ADVICE: Final = {
    "ORA-01017": "Check user and password.",
    "ORA-01045": "The user lacks the right create session.",
    "ORA-28000": "The account is locked.",
    "ORA-28001": "The password has expired: set another one.",
    "ORA-12505": "Check database: the listener knows no such SID.",
    "ORA-12514": "Check database: the listener knows no such service.",
    "ORA-12516": "The server has no connection left.",
    "ORA-12519": "The server has no connection left.",
    "DPY-6001": "Check database: the listener knows no such service.",
    "DPY-6003": "Check database: the listener knows no such SID.",
    "DPY-3010": "Its release is older than 12.1, which the driver does not speak to.",
    "DPY-3001": "The server wants encryption by Oracle's own means; use tcps://, or turn that off there.",
    "DPY-4001": "Fill in user and password.",
}


def code_of(error: Exception) -> str:
    """Such as `ORA-00942`; "" where it has none."""
    detail = error.args[0] if error.args else None
    return str(getattr(detail, "full_code", "") or "")


def connection_failed(error: Exception, *, secret: str) -> ConnectionFailed:
    """Of a connection that could not be made."""
    code, words = code_of(error), _words(error)
    cause = _root(error)
    if isinstance(cause, ssl.SSLCertVerificationError) or code == "DPY-6006":
        advice = "Put the certificate of the server's authority into root_certificate_pem, and use the name it has."
    else:
        advice = next((found for known, found in _ADVICE.items() if known in {code, _inner(words)}), "")
        advice = advice or "Check host and port in database, and that no firewall is in between."
    if secret:
        words = words.replace(secret, "***")
    return ConnectionFailed(f"The database cannot be reached: {words.rstrip('.')}. {advice}")


def query_failed(error: Exception, statement: Statement | None, *, sent: str = "") -> TidemillError:
    """Of a statement that the server refused, or that it did not get. `sent` is its text as it went out."""
    code, words = code_of(error), _words(error)
    if code in _LOST or not isinstance(error, oracledb.Error):
        return ConnectionFailed(f"The connection to the database was lost: {words.rstrip('.')}.")
    if code == _CANCELED:
        return QueryFailed("The query was canceled.")
    if statement is None:
        return QueryFailed(words)
    offset = getattr(error.args[0], "offset", 0) or 0
    if not offset:
        return QueryFailed(f"{words} (statement at line {statement.line})")
    before = sent.encode()[:offset].decode(errors="ignore")
    line = statement.line + before.count("\n")
    column = len(before) - before.rfind("\n")
    return QueryFailed(f"{words} (line {line}, column {column})")


def _words(error: Exception) -> str:
    text = _CONNECTION.sub("", _HELP.sub("", str(error))).strip()
    return " ".join(text.splitlines()) if text.startswith("DPY-6") else text or type(error).__name__


def _inner(words: str) -> str:
    """The listener's own code within the driver's words."""
    match = re.search(r"ORA-\d{5}", words)
    return match[0] if match else ""


def _root(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error
