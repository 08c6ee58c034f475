"""What an answer of Google Cloud Storage that is not a success means."""

import json
import re
from typing import Final

from tidemill.model.errors import (
    BadRequest,
    InvalidKey,
    NotFound,
    PreconditionFailed,
    RangeUnsatisfiable,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    TidemillError,
    TooLarge,
    Unavailable,
    Unsupported,
)
from tidemill.stores.objects.gcs.config import GcsConfig
from tidemill.stores.objects.remote.http import Answer

_STATUSES: Final[dict[int, type[TidemillError]]] = {
    400: BadRequest,
    401: StorageDenied,
    403: StorageDenied,
    404: NotFound,
    410: NotFound,
    412: PreconditionFailed,
    413: TooLarge,
    416: RangeUnsatisfiable,
    501: Unsupported,
    507: StorageFull,
}
_SAID: Final = re.compile(rb"<Code>([^<]*)</Code>.*?<(?:Details|Message)>([^<]*)<", re.DOTALL)
_QUOTA: Final = ("quotaExceeded", "storageQuota", "QuotaExceeded")


def error_of(answer: Answer, config: GcsConfig, what: str) -> TidemillError:
    """`what` was tried, as in "read the object 'a'". The message says what to do, and never holds a key."""
    reason, message = _read(answer.body)
    who = config.account.email if config.account else "nobody in particular"
    host = config.endpoint.authority
    if reason == "NoSuchBucket" or (answer.status == 404 and "bucket does not exist" in message):
        return no_bucket(config)
    if answer.status == 403 and "accountDisabled" in reason:
        return StorageDenied(f"Could not {what}: billing is off for the bucket {config.bucket!r}; turn it on.")
    if answer.status in (403, 429) and any(word in reason for word in _QUOTA):
        return StorageFull(f"Could not {what}: a quota is used up ({message}); raise it, or remove something.")
    if answer.status == 401:
        return StorageDenied(f"{host} refuses the token of {who}: check serviceAccountKey.")
    if answer.status == 403:
        return StorageDenied(
            f"Could not {what}: {who} may not ({message or reason or answer.status}); grant it Storage Object Admin on "
            "the bucket."
        )
    if answer.status in (301, 302, 307):
        return StorageMisconfigured(f"{host} sends on to another address: check endPoint.")
    if answer.status == 400 and "name" in message.lower() and "object" in message.lower():
        return InvalidKey(f"Could not {what}: {host} says: {message}")
    kind = _STATUSES.get(answer.status) or (Unavailable if answer.status >= 429 else StorageMisconfigured)
    said = (
        f"says {reason} ({message})" if message and reason else f"answers {answer.status} {message or reason}".rstrip()
    )
    return kind(f"Could not {what}: {host} {said}.")


def no_bucket(config: GcsConfig) -> StorageMisconfigured:
    """The one error that looks like a missing object."""
    return StorageMisconfigured(
        f"There is no bucket {config.bucket!r} at {config.endpoint.authority}: make it, or mend bucket."
    )


def _read(body: bytes) -> tuple[str, str]:
    """Reason and message, of JSON or of XML; "" where the answer is something else."""
    if found := _SAID.search(body):
        return found[1].decode(errors="replace"), found[2].decode(errors="replace")[:300]
    try:
        told = json.loads(body)["error"]
        reasons = [str(each.get("reason", "")) for each in told.get("errors", [])]
        return " ".join(reasons), str(told.get("message", "")).rstrip(". ")[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", ""
