"""What an answer of Azure Blob Storage that is not a success means."""

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
from tidemill.stores.objects.azure.config import AzureConfig
from tidemill.stores.objects.remote.http import Answer

_CODES: Final[dict[str, type[TidemillError]]] = {
    "BlobNotFound": NotFound,
    "ResourceNotFound": NotFound,
    "CannotVerifyCopySource": NotFound,
    "BlobAlreadyExists": PreconditionFailed,
    "ConditionNotMet": PreconditionFailed,
    "TargetConditionNotMet": PreconditionFailed,
    "SourceConditionNotMet": PreconditionFailed,
    "InvalidRange": RangeUnsatisfiable,
    "InvalidBlockList": BadRequest,
    "InvalidBlobOrBlock": BadRequest,
    "InvalidBlockId": BadRequest,
    "InvalidMetadata": BadRequest,
    "EmptyMetadataKey": BadRequest,
    "MetadataTooLarge": BadRequest,
    "Md5Mismatch": BadRequest,
    "RequestBodyTooLarge": TooLarge,
    "BlockCountExceedsLimit": TooLarge,
    "InvalidResourceName": InvalidKey,
    "OutOfRangeInput": InvalidKey,
    "InvalidUri": InvalidKey,
    "InvalidBlobType": Unsupported,
    "BlobArchived": Unsupported,
    "FeatureNotYetSupportedForHierarchicalNamespaceAccounts": Unsupported,
    "LeaseIdMissing": Unavailable,
    "LeaseAlreadyPresent": Unavailable,
    "PendingCopyOperation": Unavailable,
    "ServerBusy": Unavailable,
    "OperationTimedOut": Unavailable,
    "AuthorizationPermissionMismatch": StorageDenied,
    "AuthorizationProtocolMismatch": StorageDenied,
    "InsufficientAccountPermissions": StorageDenied,
    "AccountIsDisabled": StorageDenied,
    "KeyBasedAuthenticationNotPermitted": StorageDenied,
    "AccountMaxCapacityReached": StorageFull,
}
_STATUSES: Final[dict[int, type[TidemillError]]] = {
    401: StorageDenied,
    403: StorageDenied,
    404: NotFound,
    409: Unavailable,
    412: PreconditionFailed,
    413: TooLarge,
    416: RangeUnsatisfiable,
    501: Unsupported,
    507: StorageFull,
}
_CODE: Final = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE: Final = re.compile(rb"<Message>([^<\n]*)")
_CLOCK: Final = ("too old", "Request date header", "must be within")


def error_of(answer: Answer, config: AzureConfig, what: str) -> TidemillError:
    """`what` was tried, as in "read the object 'a'". The message says what to do, and never holds a key."""
    code = answer.headers.get("x-ms-error-code", "") or _found(_CODE, answer.body)
    message = _found(_MESSAGE, answer.body).rstrip(". ")[:300]
    host = config.endpoint.authority
    detail = _found(re.compile(rb"<AuthenticationErrorDetail>([^<]*)"), answer.body)
    if code == "ContainerNotFound":
        return StorageMisconfigured(
            f"There is no container {config.container!r} at {host}: make it, or mend containerName."
        )
    if code in ("AuthenticationFailed", "InvalidAuthenticationInfo"):
        if any(sign in message + detail for sign in _CLOCK):
            return StorageMisconfigured(f"The clock of this machine and that of {host} differ: set ours by NTP.")
        return StorageDenied(f"{host} refuses the credentials: check {_credentials(config)}.")
    if code == "AuthorizationFailure":  # of a firewall; emulators say it of a wrong key
        return StorageDenied(
            f"{host} lets nobody in with this: check {_credentials(config)}, and the firewall of the storage account."
        )
    if code == "AuthorizationPermissionMismatch":
        return StorageDenied(
            f"Could not {what}: the identity may not; give it the role Storage Blob Data Contributor on the container."
        )
    if code == "NoAuthenticationInformation":
        return StorageDenied(f"{host} wants credentials: fill in accessKey.")
    kind = _CODES.get(code) or _STATUSES.get(answer.status)
    kind = kind or (Unavailable if answer.status >= 429 else StorageMisconfigured)
    said = f"says {code}" + (f" ({message})" if message else "") if code else f"answers {answer.status}"
    return kind(f"Could not {what}: {host} {said}.")


def _credentials(config: AzureConfig) -> str:
    if config.access_key:
        return "accountName and accessKey"
    return "sasToken, which may have ended" if config.signature else "tenantId, clientId and accountName"


def _found(pattern: re.Pattern[bytes], body: bytes) -> str:
    found = pattern.search(body)
    return found[1].decode(errors="replace") if found else ""
