"""What an answer of an S3 server that is not a success means."""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
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
from tidemill.stores.objects.remote.http import Answer
from tidemill.stores.objects.s3.config import S3Config
from tidemill.stores.objects.s3.xml import Failure, parse_failure

_CODES: Final[dict[str, type[TidemillError]]] = {
    "NoSuchKey": NotFound,
    "NoSuchUpload": NotFound,
    "NoSuchVersion": NotFound,
    "AccessDenied": StorageDenied,
    "AllAccessDisabled": StorageDenied,
    "AccountProblem": StorageDenied,
    "InvalidPayer": StorageDenied,
    "PreconditionFailed": PreconditionFailed,
    "ConditionalRequestConflict": PreconditionFailed,
    "InvalidRange": RangeUnsatisfiable,
    "EntityTooSmall": BadRequest,
    "InvalidPart": BadRequest,
    "InvalidPartOrder": BadRequest,
    "MalformedXML": BadRequest,
    "BadDigest": BadRequest,
    "IncompleteBody": BadRequest,
    "MetadataTooLarge": BadRequest,
    "EntityTooLarge": TooLarge,
    "KeyTooLongError": InvalidKey,
    "KeyTooLong": InvalidKey,
    "InvalidURI": InvalidKey,
    "InvalidObjectName": InvalidKey,
    "XMinioInvalidObjectName": InvalidKey,
    "XMinioObjectExistsAsDirectory": InvalidKey,
    "XMinioParentIsObject": InvalidKey,
    "QuotaExceeded": StorageFull,
    "InsufficientStorage": StorageFull,
    "XMinioStorageFull": StorageFull,
    "XMinioAdminBucketQuotaExceeded": StorageFull,
    "StorageQuotaExceeded": StorageFull,
    "SlowDown": Unavailable,
    "ServiceUnavailable": Unavailable,
    "InternalError": Unavailable,
    "RequestTimeout": Unavailable,
    "OperationAborted": Unavailable,
    "NotImplemented": Unsupported,
    "MethodNotAllowed": Unsupported,
    "InvalidObjectState": Unsupported,
}
_STATUSES: Final[dict[int, type[TidemillError]]] = {
    403: StorageDenied,
    404: NotFound,
    412: PreconditionFailed,
    413: TooLarge,
    416: RangeUnsatisfiable,
    429: Unavailable,
    501: Unsupported,
    507: StorageFull,
}
_KEYS_WRONG: Final = "check accessKey and secretKey"


def error_of(answer: Answer, config: S3Config, what: str) -> TidemillError:
    """`what` was tried, as in "read the object 'a'". The message says what to do, and never holds a key."""
    failure = parse_failure(answer.body)
    advice = _ADVICE.get(failure.code)
    if advice is not None:
        return advice(answer, failure, config)
    if answer.status in (301, 307, 400) and (region := failure.region or _region(answer, config)):
        return other_region(region, config)
    if is_elsewhere(answer):
        return StorageMisconfigured(f"{config.host} sends on to another address: check endPoint and region.")
    kind = _CODES.get(failure.code) or _STATUSES.get(answer.status)
    kind = kind or (Unavailable if answer.status >= 500 else StorageMisconfigured)
    return kind(f"Could not {what}: {config.host} {_said(answer, failure, config)}.")


def is_elsewhere(answer: Answer) -> bool:
    """Whether it is an answer of a server that has the bucket under another address."""
    return answer.status in (301, 302, 307, 308)


def region_of(answer: Answer, config: S3Config) -> str:
    """The region that an answer sends to, "" where there is nothing to mend."""
    if 200 <= answer.status < 300:
        return ""
    failure = parse_failure(answer.body)
    region = failure.region or _region(answer, config)
    return "" if region == config.region else region


def _said(answer: Answer, failure: Failure, config: S3Config) -> str:
    if failure.code:
        message = failure.message.rstrip(". ")
        for secret in filter(None, (config.secret_key, config.token, config.access_key)):
            message = message.replace(secret, "•••")
        return f"says {failure.code}" + (f" ({message[:300]})" if message else "")
    if answer.body.lstrip()[:1] == b"<" and answer.status < 500 and answer.status != 404:
        return f"answers {answer.status} with something other than S3: is endPoint that of the S3 service?"
    return f"answers {answer.status}"


def _no_bucket(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    return StorageMisconfigured(
        f"There is no bucket {config.bucket!r} at {config.endpoint.authority}: make it, or mend bucket or endPoint."
    )


def _unknown_key(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    return StorageDenied(f"{config.endpoint.authority} does not know the access key id: check accessKey.")


def _wrong_secret(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    return StorageDenied(f"{config.endpoint.authority} refuses the signature: check secretKey.")


def _wrong_token(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    return StorageDenied(
        f"The session token has expired or does not belong to these keys ({failure.code}): renew accessKey, secretKey "
        "and token together."
    )


def _clock(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        by = "by more than 15 minutes"
    else:
        minutes = (datetime.now(UTC) - theirs.replace(tzinfo=UTC)).total_seconds() / 60
        by = f"{abs(minutes):.0f} minutes {'ahead' if minutes > 0 else 'behind'}"
    return StorageMisconfigured(
        f"The clock of this machine and that of {config.endpoint.authority} differ (ours is {by}): set ours by NTP."
    )


def other_region(region: str, config: S3Config) -> TidemillError:
    """What it means that the bucket is in that region."""
    return StorageMisconfigured(
        f"The bucket {config.bucket!r} is in the region {region} and not in {config.region}: set region to {region}."
    )


def _redirect(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    if region := failure.region or _region(answer, config):
        return other_region(region, config)
    place = f" at {failure.endpoint}" if failure.endpoint else ""
    return StorageMisconfigured(
        f"The bucket {config.bucket!r} is reached elsewhere{place}: set endPoint and region to where it is, "
        f"and pathStyle to {str(not config.path_style).lower()} where that is the difference."
    )


def _region(answer: Answer, config: S3Config) -> str:
    region = answer.headers.get("x-amz-bucket-region", "")
    return "" if region == config.region else region


def _malformed(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    if failure.region:
        return other_region(failure.region, config)
    return StorageDenied(f"{config.endpoint.authority} cannot read the signature: {_KEYS_WRONG}, and region.")


def _bad_bucket_name(answer: Answer, failure: Failure, config: S3Config) -> TidemillError:
    return StorageMisconfigured(f"{config.endpoint.authority} has no bucket of a name like {config.bucket!r}: mend it.")


_ADVICE: Final[dict[str, Callable[[Answer, Failure, S3Config], TidemillError]]] = {
    "NoSuchBucket": _no_bucket,
    "InvalidBucketName": _bad_bucket_name,
    "InvalidAccessKeyId": _unknown_key,
    "SignatureDoesNotMatch": _wrong_secret,
    "ExpiredToken": _wrong_token,
    "InvalidToken": _wrong_token,
    "TokenRefreshRequired": _wrong_token,
    "RequestTimeTooSkewed": _clock,
    "AuthorizationHeaderMalformed": _malformed,
    "PermanentRedirect": _redirect,
    "TemporaryRedirect": _redirect,
    "IllegalLocationConstraintException": _redirect,
}
