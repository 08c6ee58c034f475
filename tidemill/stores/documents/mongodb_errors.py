"""Turns errors of MongoDB's driver into ours, in the server's own words and without secrets."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from bson.errors import BSONError
from pymongo import errors as driver

from tidemill.engine.documents.bson_tree import Unfit
from tidemill.engine.documents.operations import Change
from tidemill.model.errors import BadRequest, ConnectionFailed, QueryFailed, TidemillError, Unsupported

_LOGIN_REFUSED: Final = frozenset({18, 8000, 334})
_TIMED_OUT: Final = frozenset({50, 262})
_NO_TRANSACTIONS: Final = ("Transaction numbers", "transactions are not supported", "does not support sessions")


@contextmanager
def translated(where: str, secrets: Sequence[str], changes: Sequence[Change] = ()) -> Iterator[None]:
    """What the driver raises in the block is raised as an error of ours. `changes` are the writes that are sent."""
    try:
        yield
    except driver.BulkWriteError as error:
        raise QueryFailed(without(_bulk_message(error, changes), secrets)) from error
    except driver.OperationFailure as error:
        raise _refused(error, where, secrets) from error
    except driver.PyMongoError as error:
        raise _failed(error, where, secrets) from error
    except BSONError as error:
        raise QueryFailed(without(f"The server sent what is not BSON: {error}.", secrets)) from error
    except Unfit as error:
        raise BadRequest(f"What is to be sent does not fit: {error}.") from error
    except OSError as error:  # a name in DNS that mongodb+srv needs, a certificate that cannot be read
        raise ConnectionFailed(without(f"Cannot connect to {where}: {error}.", secrets)) from error


def without(text: str, secrets: Sequence[str]) -> str:
    """`text` with what must stay secret taken out."""
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _refused(error: driver.OperationFailure, where: str, secrets: Sequence[str]) -> TidemillError:
    details = error.details or {}
    words = without(str(details.get("errmsg") or error.args[0]), secrets)
    if error.code in _LOGIN_REFUSED:
        return ConnectionFailed(
            f"{where} refuses the login ({words.rstrip('.')}). Look at username, password and db (where the user is) "
            "in the resource's credential."
        )
    if error.code in _TIMED_OUT or error.timeout:
        return QueryFailed(f"The server ended the operation, since it took longer than allowed: {words}")
    if any(sign in words for sign in _NO_TRANSACTIONS):
        return Unsupported(
            f"This server has no transactions ({words}): they need a replica set or a sharded "
            "cluster. Leave `transaction` out, or change one document at a time."
        )
    name = details.get("codeName")
    told = f" (MongoDB error {error.code}{f', {name}' if name else ''})" if error.code is not None else ""
    return QueryFailed(f"{words}{told}")


def _failed(error: driver.PyMongoError, where: str, secrets: Sequence[str]) -> TidemillError:
    words = without(str(error).partition(", Timeout:")[0].partition(" (configured timeouts:")[0].rstrip("."), secrets)
    match error:
        case driver.ServerSelectionTimeoutError():
            return ConnectionFailed(f"Cannot connect to {where}: {words}.{_advice(str(error))}")
        case driver.ExecutionTimeout() | driver.WTimeoutError():
            return QueryFailed(f"The operation took longer than allowed: {words}.")
        case driver.ConnectionFailure():
            if error.timeout:
                return QueryFailed(f"The operation took longer than allowed: {words}.")
            return ConnectionFailed(f"The connection to {where} was lost: {words}.{_advice(str(error))}")
        case driver.ConfigurationError() if "DNS" in words or "SRV" in words:
            return ConnectionFailed(f"Cannot find the servers of {where}: {words}. Look at the host in the resource.")
        case driver.ConfigurationError() | driver.InvalidURI() | driver.InvalidName():
            return BadRequest(f"The database's resource or the name of a collection does not fit: {words}.")
        case driver.InvalidOperation() | driver.DocumentTooLarge():
            return QueryFailed(f"{words}.")
        case _:
            return QueryFailed(f"{type(error).__name__}: {words}.")


def _advice(text: str) -> str:
    """What to look at."""
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return " The server's certificate is not trusted: put that of its authority into root_certificate_pem."
    if "SSL" in text or "TLS" in text:
        return " Is TLS on at the server? If not, set tls to false in the resource."
    if "connection closed" in text:
        return " If the server wants TLS, set tls to true in the resource."
    if "Name or service not known" in text or "not resolve" in text or "No address" in text or "does not exist" in text:
        return " Look at the host in the resource."
    if "No replica set members" in text or "ReplicaSetNoPrimary" in text:
        return (
            " Its members give addresses that cannot be reached from here: set directConnection to true for one server."
        )
    return " Is the server running, and open to this host (firewall, Atlas network access list)?"


def _bulk_message(error: driver.BulkWriteError, changes: Sequence[Change]) -> str:
    details = error.details
    failures = details.get("writeErrors") or []
    if not failures:
        concern = details.get("writeConcernErrors") or [{}]
        return f"The writes were done, but not confirmed as asked: {concern[0].get('errmsg', 'no reason given')}."
    first = failures[0]
    index = first.get("index", 0)
    line = changes[index].line if 0 <= index < len(changes) else 0
    done = sum(details.get(name, 0) for name in ("nInserted", "nUpserted", "nModified", "nRemoved"))
    place = f"line {line}, " if line else ""
    more = f" {len(failures) - 1} more failed." if len(failures) > 1 else ""
    return (
        f"{place}write {index + 1} of {len(changes)}: {first.get('errmsg')} (MongoDB error {first.get('code')}). "
        f"{done} documents were changed by the others.{more}"
    )
