"""Turns errors into answers: one table from codes to statuses. Bodies are plain text, as Windmill's clients want."""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tidemill.model.errors import TidemillError, TooManyRequests, Unavailable, VersionMismatch

CODE_HEADER: Final = "X-Tidemill-Error"
RETRY_AFTER_S: Final = 2

STATUSES: Final[dict[str, HTTPStatus]] = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "invalid_path": HTTPStatus.BAD_REQUEST,
    "invalid_name": HTTPStatus.BAD_REQUEST,
    "invalid_json": HTTPStatus.BAD_REQUEST,
    "invalid_key": HTTPStatus.BAD_REQUEST,
    "invalid_part": HTTPStatus.BAD_REQUEST,
    "part_too_small": HTTPStatus.BAD_REQUEST,
    "invalid_schema": HTTPStatus.BAD_REQUEST,
    "invalid_script": HTTPStatus.BAD_REQUEST,
    "invalid_flow": HTTPStatus.BAD_REQUEST,
    "interpolation_failed": HTTPStatus.BAD_REQUEST,
    "expression_failed": HTTPStatus.BAD_REQUEST,
    "result_gone": HTTPStatus.GONE,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "denied": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "already_exists": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "outdated": HTTPStatus.CONFLICT,
    "version_mismatch": HTTPStatus.CONFLICT,
    "write_pending": HTTPStatus.CONFLICT,
    "state_changed": HTTPStatus.CONFLICT,
    "lease_lost": HTTPStatus.CONFLICT,
    "idempotency_in_flight": HTTPStatus.CONFLICT,
    "precondition_failed": HTTPStatus.PRECONDITION_FAILED,
    "range_unsatisfiable": HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "idempotency_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "lock_failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "query_failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "preview_failed": HTTPStatus.UNPROCESSABLE_ENTITY,
    "too_many_requests": HTTPStatus.TOO_MANY_REQUESTS,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    "content_damaged": HTTPStatus.INTERNAL_SERVER_ERROR,
    "configuration": HTTPStatus.INTERNAL_SERVER_ERROR,
    "secrets_unreadable": HTTPStatus.INTERNAL_SERVER_ERROR,
    "missing_extra": HTTPStatus.NOT_IMPLEMENTED,
    "unsupported": HTTPStatus.NOT_IMPLEMENTED,
    "wait_timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "connection_failed": HTTPStatus.FAILED_DEPENDENCY,
    "storage_denied": HTTPStatus.FAILED_DEPENDENCY,
    "storage_misconfigured": HTTPStatus.FAILED_DEPENDENCY,
    "address_closed": HTTPStatus.FAILED_DEPENDENCY,
    "storage_full": HTTPStatus.INSUFFICIENT_STORAGE,
    "s3": HTTPStatus.BAD_REQUEST,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "database_unusable": HTTPStatus.SERVICE_UNAVAILABLE,
    "sandbox_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Code -> status. A code that is missing here fails a test."""


def answer(error: TidemillError) -> Response:
    """The response that tells `error`: its sentence as text, its code in `X-Tidemill-Error`."""
    headers = {CODE_HEADER: error.code}
    match error:
        case VersionMismatch():
            headers["ETag"] = f'"{error.current}"'
        case TooManyRequests():
            headers["Retry-After"] = str(error.retry_after_s)
        case Unavailable():
            headers["Retry-After"] = str(RETRY_AFTER_S)
        case _:
            pass
    return PlainTextResponse(str(error), status_code=STATUSES[error.code], headers=headers)


async def on_error(_request: Request, error: Exception) -> Response:
    """Handler of every `TidemillError` that a route raises."""
    assert isinstance(error, TidemillError)
    return answer(error)
