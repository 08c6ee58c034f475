"""What an S3 endpoint refuses a request with: the codes of Amazon S3 with their statuses, as its clients know them."""

from http import HTTPStatus
from typing import ClassVar, Final

from tidemill.model.errors import TidemillError

FAULTS: Final[dict[str, tuple[HTTPStatus, str]]] = {
    "AccessDenied": (HTTPStatus.FORBIDDEN, "Access Denied"),
    "AuthorizationHeaderMalformed": (
        HTTPStatus.BAD_REQUEST,
        "The authorization header that you provided is not valid.",
    ),
    "AuthorizationQueryParametersError": (
        HTTPStatus.BAD_REQUEST,
        "The query parameters of the signature are not valid.",
    ),
    "BadDigest": (HTTPStatus.BAD_REQUEST, "The digest that you specified did not match what we received."),
    "BadRequest": (HTTPStatus.BAD_REQUEST, "Bad Request"),
    "BucketAlreadyExists": (HTTPStatus.CONFLICT, "There is a storage of this name already."),
    "BucketAlreadyOwnedByYou": (HTTPStatus.CONFLICT, "You have a storage of this name already."),
    "BucketNotEmpty": (HTTPStatus.CONFLICT, "The bucket that you tried to delete is not empty."),
    "EntityTooLarge": (HTTPStatus.BAD_REQUEST, "Your proposed upload exceeds the maximum allowed size."),
    "EntityTooSmall": (HTTPStatus.BAD_REQUEST, "Your proposed upload is smaller than the minimum allowed size."),
    "ExpiredToken": (HTTPStatus.BAD_REQUEST, "The provided token has expired."),
    "IncompleteBody": (HTTPStatus.BAD_REQUEST, "The body ended before the number of bytes that was announced."),
    "InsufficientStorage": (HTTPStatus.INSUFFICIENT_STORAGE, "The storage has no room left."),
    "InternalError": (HTTPStatus.INTERNAL_SERVER_ERROR, "We encountered an internal error. Please try again."),
    "InvalidAccessKeyId": (HTTPStatus.FORBIDDEN, "The access key ID that you provided is not known here."),
    "InvalidArgument": (HTTPStatus.BAD_REQUEST, "Invalid argument."),
    "InvalidBucketName": (HTTPStatus.BAD_REQUEST, "The specified bucket is not valid."),
    "InvalidDigest": (HTTPStatus.BAD_REQUEST, "The Content-MD5 or checksum value that you specified is not valid."),
    "InvalidPart": (
        HTTPStatus.BAD_REQUEST,
        "One or more of the specified parts could not be found, or its ETag differs.",
    ),
    "InvalidPartNumber": (
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        "The requested part number is not satisfiable.",
    ),
    "InvalidPartOrder": (HTTPStatus.BAD_REQUEST, "The list of parts was not in ascending order."),
    "InvalidPolicyDocument": (HTTPStatus.BAD_REQUEST, "The content of the form does not meet the policy's form."),
    "InvalidRange": (HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "The requested range is not satisfiable."),
    "InvalidRequest": (HTTPStatus.BAD_REQUEST, "Invalid request."),
    "InvalidTag": (HTTPStatus.BAD_REQUEST, "The tag that you provided is not valid."),
    "InvalidToken": (HTTPStatus.BAD_REQUEST, "The provided token is malformed or otherwise not valid."),
    "InvalidURI": (HTTPStatus.BAD_REQUEST, "Could not parse the specified URI."),
    "KeyTooLongError": (HTTPStatus.BAD_REQUEST, "Your key is too long: it has at most 1024 bytes."),
    "MalformedPOSTRequest": (
        HTTPStatus.BAD_REQUEST,
        "The body of your POST request is not well-formed multipart/form-data.",
    ),
    "MalformedXML": (
        HTTPStatus.BAD_REQUEST,
        "The XML that you provided was not well formed or not of the expected form.",
    ),
    "MetadataTooLarge": (HTTPStatus.BAD_REQUEST, "Your metadata headers exceed the maximum allowed metadata size."),
    "MethodNotAllowed": (HTTPStatus.METHOD_NOT_ALLOWED, "The specified method is not allowed against this resource."),
    "MissingContentLength": (HTTPStatus.LENGTH_REQUIRED, "You must provide the Content-Length HTTP header."),
    "MissingSecurityHeader": (HTTPStatus.BAD_REQUEST, "Your request is missing a required header."),
    "NoSuchBucket": (HTTPStatus.NOT_FOUND, "The specified bucket does not exist."),
    "NoSuchKey": (HTTPStatus.NOT_FOUND, "The specified key does not exist."),
    "NoSuchTagSet": (HTTPStatus.NOT_FOUND, "There is no tag set."),
    "NoSuchUpload": (HTTPStatus.NOT_FOUND, "The specified multipart upload does not exist."),
    "NotImplemented": (HTTPStatus.NOT_IMPLEMENTED, "This is not implemented."),
    "NotModified": (HTTPStatus.NOT_MODIFIED, "Not Modified"),
    "PreconditionFailed": (HTTPStatus.PRECONDITION_FAILED, "At least one of the preconditions did not hold."),
    "RequestTimeTooSkewed": (
        HTTPStatus.FORBIDDEN,
        "The difference between the request time and the server's time is too large.",
    ),
    "ServiceUnavailable": (HTTPStatus.SERVICE_UNAVAILABLE, "Please try again."),
    "SignatureDoesNotMatch": (
        HTTPStatus.FORBIDDEN,
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    ),
    "SlowDown": (HTTPStatus.SERVICE_UNAVAILABLE, "Please reduce your request rate."),
    "StorageUnusable": (HTTPStatus.FAILED_DEPENDENCY, "The storage cannot be used as it is set."),
    "XAmzContentSHA256Mismatch": (
        HTTPStatus.BAD_REQUEST,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
}
"""Code -> status and the sentence where nothing more exact is said."""


class S3Fault(TidemillError):
    """A request to the S3 endpoint that is refused in S3's own words. `etag`: of the object that is not modified."""

    code: ClassVar[str] = "s3"

    def __init__(self, s3_code: str, message: str = "", *, etag: str = "") -> None:
        self.s3_code = s3_code
        self.etag = etag
        self.status, usual = FAULTS[s3_code]
        super().__init__(message or usual)
