"""Every error that Tidemill raises, each with a stable code.

A message says what is wrong and how to mend it, in a sentence that may be shown to the caller: it never holds a secret.
`server/errors.py` turns codes into HTTP statuses; `docs/reference/errors.md` lists them.
"""

from typing import ClassVar


class TidemillError(Exception):
    """Something went wrong inside; the log of the server tells more. All errors of Tidemill derive from this one."""

    code: ClassVar[str] = "internal"


class BadRequest(TidemillError):
    """The request is well formed but says something that cannot be."""

    code = "bad_request"


class InvalidPath(BadRequest):
    """A path is not of the form `u/<user>/<name>` or `f/<folder>/<name>`."""

    code = "invalid_path"


class InvalidName(BadRequest):
    """A name (workspace, user, group, folder, tag, ...) has a form that is not allowed."""

    code = "invalid_name"


class InvalidKey(BadRequest):
    """The key of an object has a form that is not allowed, or that its storage cannot keep."""

    code = "invalid_key"


class InvalidPart(BadRequest):
    """A multipart upload is to be completed with a part that is not there, or not as it is named."""

    code = "invalid_part"


class PartTooSmall(BadRequest):
    """A part of a multipart upload that is not the last has less than 5 MiB."""

    code = "part_too_small"


class InvalidJson(BadRequest):
    """A body is not JSON that Tidemill keeps faithfully (see `model/jsontext.py`)."""

    code = "invalid_json"


class InvalidSchema(BadRequest):
    """A JSON schema is not one."""

    code = "invalid_schema"


class InvalidScript(BadRequest):
    """A script's source cannot be parsed, or has no entry point."""

    code = "invalid_script"


class InvalidFlow(BadRequest):
    """A flow cannot be read; the message names the place in it, as a JSON pointer."""

    code = "invalid_flow"


class LockFailed(TidemillError):
    """The dependencies of a script could not be resolved."""

    code = "lock_failed"


class InterpolationFailed(BadRequest):
    """A `$var:` or `$res:` reference leads nowhere, or in a circle. The message names the chain."""

    code = "interpolation_failed"


class ExpressionFailed(BadRequest):
    """An expression of a flow or schedule cannot be parsed or evaluated; the message names it, and what was missing."""

    code = "expression_failed"


class ResultGone(ExpressionFailed):
    """A flow that was started again needs a result of an earlier run, which was removed since; the message names it."""

    code = "result_gone"


class Unauthenticated(TidemillError):
    """No credential, or one that is unknown, expired or revoked."""

    code = "unauthenticated"


class Denied(TidemillError):
    """The caller is known and may not do this."""

    code = "denied"


class NotFound(TidemillError):
    """There is no such thing, or the caller may not know of it: both look the same."""

    code = "not_found"


class AlreadyExists(TidemillError):
    """Something of that name is there."""

    code = "already_exists"


class Conflict(TidemillError):
    """The present state does not allow it (a stale parent, a job already completed, ...)."""

    code = "conflict"


class Outdated(TidemillError):
    """What was decided upon has changed meanwhile, so nothing was done: send it again."""

    code = "outdated"


class VersionMismatch(Conflict):
    """`If-Match` names another version than the current one.

    Attributes:
        current: the version that is there now, as in its `ETag`; 0 where there is none.
    """

    code = "version_mismatch"

    def __init__(self, message: str, *, current: int) -> None:
        super().__init__(message)
        self.current = current


class WritePending(Conflict):
    """Another step of a flow has written the state, which counts once that step has ended: read it again later."""

    code = "write_pending"


class StateChanged(Conflict):
    """A step cannot end with what it has written to a state, since somebody else has changed that meanwhile.

    Attributes:
        path: of the state.
    """

    code = "state_changed"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"The state '{path}' was changed by somebody else after this step had written it, so nothing of what the "
            "step wrote to states counts."
        )
        self.path = path


class LeaseLost(Conflict):
    """The job was given to another attempt; what this one sends is refused."""

    code = "lease_lost"


class PreconditionFailed(TidemillError):
    """An object is not as the request says it must be: it is there already, or has another ETag."""

    code = "precondition_failed"


class RangeUnsatisfiable(TidemillError):
    """The bytes that were asked for lie outside of the object; the message tells its size."""

    code = "range_unsatisfiable"


class IdempotencyMismatch(BadRequest):
    """An `Idempotency-Key` was used before with another request."""

    code = "idempotency_mismatch"


class IdempotencyInFlight(Conflict):
    """The first request with this `Idempotency-Key` has not been answered yet."""

    code = "idempotency_in_flight"


class TooLarge(TidemillError):
    """A body, a value or a result is over a limit; the message names the limit and the way out."""

    code = "too_large"


class PreviewFailed(TidemillError):
    """An object cannot be read as what it seems to be; the message says where, or how its reader ended."""

    code = "preview_failed"


class ContentDamaged(TidemillError):
    """A stored value is not what was put; the message names its digest."""

    code = "content_damaged"


class TooManyRequests(TidemillError):
    """Throttled. `retry_after_s` says when to come back."""

    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(TidemillError):
    """Something that Tidemill needs (its database, an object store) does not answer now; send it again."""

    code = "unavailable"


class StorageDenied(TidemillError):
    """A storage refuses the credentials that were set for it, or does not let them do this."""

    code = "storage_denied"


class StorageMisconfigured(TidemillError):
    """A storage cannot be used as it is set: no such bucket, another region, another kind of endpoint."""

    code = "storage_misconfigured"


class AddressClosed(TidemillError):
    """A resource leads to an address that the server must not connect to."""

    code = "address_closed"


class StorageFull(TidemillError):
    """A storage has no room left."""

    code = "storage_full"


class ConnectionFailed(TidemillError):
    """A user's database cannot be reached, refuses the credentials, or was lost; the message names the fix."""

    code = "connection_failed"


class QueryFailed(TidemillError):
    """A user's database refuses a statement; the message is its own words, with the place where it tells one."""

    code = "query_failed"


class WaitTimeout(TidemillError):
    """What was waited for has not come in time; the message names the job, which goes on."""

    code = "wait_timeout"


class Unsupported(TidemillError):
    """Tidemill does not have this (yet); the message names the way that there is."""

    code = "unsupported"


class MissingExtra(TidemillError):
    """An optional package is not installed; the message names the extra to install."""

    code = "missing_extra"


class SecretsUnreadable(TidemillError):
    """The root key does not open what is stored: it is missing, or belongs to another instance."""

    code = "secrets_unreadable"


class SandboxUnavailable(TidemillError):
    """Jobs cannot be isolated on this host; the message names the cause and the ways out."""

    code = "sandbox_unavailable"


class DatabaseUnusable(TidemillError):
    """Our Postgres cannot be started or used as it is; the message names the way out."""

    code = "database_unusable"


class ConfigurationError(TidemillError):
    """A setting is missing or wrong; the message names it."""

    code = "configuration"


def error_of(code: str, message: str) -> TidemillError:
    """The error that another process of ours told by its code; of a code that is not known, the base of all."""
    waiting = [TidemillError]
    while waiting:
        found = waiting.pop()
        if found.code == code and found.__init__ is Exception.__init__:
            return found(message)
        waiting += found.__subclasses__()
    return TidemillError(message)
