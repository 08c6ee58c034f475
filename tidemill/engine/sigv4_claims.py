"""Who says to have signed a request, and whether it is true. The clock and the keys are handed in."""

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from tidemill.engine import sigv4
from tidemill.engine.s3_faults import S3Fault
from tidemill.engine.sigv4 import Request, Scope

MAX_SKEW: Final = timedelta(minutes=15)

_DIGITS: Final = re.compile(r"[0-9]{1,10}")
_HEX256: Final = re.compile(r"[0-9a-f]{64}")
_PAYLOADS: Final = frozenset(
    {sigv4.UNSIGNED, sigv4.STREAMING, sigv4.STREAMING_TRAILER, sigv4.STREAMING_UNSIGNED_TRAILER}
)
_SIGNATURE: Final = "X-Amz-Signature"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its signature.

    Attributes:
        moment: as it was sent (`20260131T235959Z`).
        expires_s: how long a presigned request is good; 0 where the signature is in a header.
        payload: the SHA-256 of the body in hex, `UNSIGNED-PAYLOAD`, or one of the `STREAMING-…`.
        token: the session token that was sent along, "" for none.
    """

    access_key: str
    scope: Scope
    moment: str
    expires_s: int
    signed_names: tuple[str, ...]
    signature: str
    payload: str
    token: str


def read(request: Request) -> Claim:
    """The claim of a request, from its `Authorization` header or its query. Nothing of it is checked yet but its form.

    Raises:
        S3Fault: there is none (AccessDenied), there are two, or it is malformed.
    """
    headers = dict(request.headers)
    query = dict(request.query)
    in_query = _SIGNATURE in query or "X-Amz-Credential" in query or "X-Amz-Algorithm" in query
    authorization = [value for name, value in request.headers if name == "authorization"]
    if (authorization and in_query) or len(authorization) > 1:
        raise S3Fault("InvalidArgument", "Only one authentication mechanism is allowed: a header or the query.")
    if in_query:
        return _of_query(request, query, headers)
    if authorization:
        return _of_header(authorization[0], headers)
    if "Signature" in query or "AWSAccessKeyId" in query:
        raise S3Fault("InvalidRequest", "Signature version 2 is not supported: please use AWS4-HMAC-SHA256.")
    raise S3Fault("AccessDenied", "Anonymous access is not allowed: sign the request (AWS4-HMAC-SHA256).")


def _of_header(text: str, headers: dict[str, str]) -> Claim:
    algorithm, _, rest = text.partition(" ")
    if algorithm != sigv4.ALGORITHM:
        raise S3Fault("InvalidRequest", "The authorization mechanism is not supported: please use AWS4-HMAC-SHA256.")
    fields: dict[str, str] = {}
    for each in rest.split(","):
        name, separator, value = each.strip().partition("=")
        if not separator or name in fields:
            raise S3Fault("AuthorizationHeaderMalformed")
        fields[name] = value
    if set(fields) != {"Credential", "SignedHeaders", "Signature"}:
        raise S3Fault("AuthorizationHeaderMalformed", "It needs Credential, SignedHeaders and Signature.")
    payload = headers.get("x-amz-content-sha256", "")
    if not payload:
        raise S3Fault("MissingSecurityHeader", "Missing required header for this request: x-amz-content-sha256.")
    access_key, scope = _credential(fields["Credential"], "AuthorizationHeaderMalformed")
    return Claim(
        access_key=access_key,
        scope=scope,
        moment=_moment(headers, scope),
        expires_s=0,
        signed_names=_names(fields["SignedHeaders"], "AuthorizationHeaderMalformed"),
        signature=fields["Signature"],
        payload=_payload(payload),
        token=headers.get("x-amz-security-token", ""),
    )


def _of_query(request: Request, query: dict[str, str], headers: dict[str, str]) -> Claim:
    fault = "AuthorizationQueryParametersError"
    if len(query) != len(request.query):
        raise S3Fault(fault, "A query parameter comes twice.")
    wanted = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", _SIGNATURE)
    if missing := [name for name in wanted if not query.get(name)]:
        raise S3Fault(fault, f"Query-string authentication version 4 requires {', '.join(missing)}.")
    if query["X-Amz-Algorithm"] != sigv4.ALGORITHM:
        raise S3Fault(fault, f"X-Amz-Algorithm only supports {sigv4.ALGORITHM}.")
    expires = query["X-Amz-Expires"]
    if _DIGITS.fullmatch(expires) is None or not 1 <= int(expires) <= sigv4.MAX_EXPIRES_S:
        raise S3Fault(fault, f"X-Amz-Expires must be between 1 and {sigv4.MAX_EXPIRES_S} seconds.")
    access_key, scope = _credential(query["X-Amz-Credential"], fault)
    return Claim(
        access_key=access_key,
        scope=scope,
        moment=_stamp(query["X-Amz-Date"], scope, fault),
        expires_s=int(expires),
        signed_names=_names(query["X-Amz-SignedHeaders"], fault),
        signature=query[_SIGNATURE],
        payload=_payload(query.get("X-Amz-Content-Sha256") or headers.get("x-amz-content-sha256") or sigv4.UNSIGNED),
        token=query.get("X-Amz-Security-Token", ""),
    )


def read_post(fields: Mapping[str, str]) -> Claim:
    """The claim of a form that a browser posts; names of fields in lower case. What is signed is its `policy`.

    Raises:
        S3Fault: there is none, or it is malformed.
    """
    wanted = ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
    if missing := [name for name in wanted if not fields.get(name)]:
        raise S3Fault("AccessDenied", f"The form has no field {', '.join(missing)}: only signed forms are taken.")
    if fields["x-amz-algorithm"] != sigv4.ALGORITHM:
        raise S3Fault("InvalidArgument", f"x-amz-algorithm only supports {sigv4.ALGORITHM}.")
    access_key, scope = _credential(fields["x-amz-credential"], "InvalidArgument")
    return Claim(
        access_key=access_key,
        scope=scope,
        moment=_stamp(fields["x-amz-date"], scope, "InvalidArgument"),
        expires_s=0,
        signed_names=(),
        signature=fields["x-amz-signature"],
        payload=sigv4.UNSIGNED,
        token=fields.get("x-amz-security-token", ""),
    )


def check_time(claim: Claim, now: datetime) -> None:
    """Whether the claim is of now: within 15 minutes, or within what a presigned request says.

    Raises:
        S3Fault: it is too old, expired, or from the future.
    """
    moment = sigv4.parse_time(claim.moment)
    if claim.expires_s:
        if now > moment + timedelta(seconds=claim.expires_s):
            raise S3Fault("AccessDenied", "Request has expired.")
        if moment > now + MAX_SKEW:
            raise S3Fault("AccessDenied", "Request is not yet valid.")
    elif abs(now - moment) > MAX_SKEW:
        raise S3Fault("RequestTimeTooSkewed")


def check(claim: Claim, request: Request, key: bytes) -> None:
    """Whether the request was signed with `key` (a `sigv4.signing_key`), and all of it that matters.

    Raises:
        S3Fault: another key or another request (SignatureDoesNotMatch), or `host` or an `x-amz-…` header, which could
            change what the request means, is not covered.
    """
    signed = set(claim.signed_names)
    loose = {name for name, _ in request.headers if name.startswith("x-amz-")} - signed - {"x-amz-content-sha256"}
    if "host" not in signed or loose:  # the hash of the body is a line of its own of what is signed
        named = ", ".join(sorted(loose)) or "host"
        raise S3Fault("AccessDenied", f"There were headers present in the request which were not signed: {named}.")
    query = [(name, value) for name, value in request.query if name != _SIGNATURE]
    whole = Request(request.method, request.path, query, request.headers)
    canonical = sigv4.canonical_request(whole, claim.signed_names, claim.payload)
    wanted = sigv4.signature(key, sigv4.string_to_sign(claim.moment, claim.scope, canonical))
    compare_signatures(wanted, claim.signature)


def check_post(claim: Claim, policy: str, key: bytes) -> None:
    """Whether the policy of a form (base64, as it was sent) was signed with `key`.

    Raises:
        S3Fault: it was not.
    """
    compare_signatures(sigv4.signature(key, policy), claim.signature)


def compare_signatures(wanted: str, given: str) -> None:
    """Whether they are the same; takes the same time whatever is given.

    Raises:
        S3Fault: they are not.
    """
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise S3Fault("SignatureDoesNotMatch")


def _credential(text: str, fault: str) -> tuple[str, Scope]:
    """`key/date/region/service/aws4_request`; the key of a form or a token may hold `/` itself."""
    parts = text.rsplit("/", 4)
    if len(parts) != 5 or not parts[0]:
        raise S3Fault(fault, "The Credential is malformed; expecting '<access-key>/YYYYMMDD/REGION/s3/aws4_request'.")
    access_key, date, region, service, terminator = parts
    if service != "s3" or terminator != sigv4.TERMINATOR:
        raise S3Fault(fault, f"The Credential must be for the service 's3' and end with '{sigv4.TERMINATOR}'.")
    return access_key, Scope(date, region)


def _names(text: str, fault: str) -> tuple[str, ...]:
    names: Sequence[str] = text.split(";")
    if list(names) != sorted(set(names)) or text != text.lower() or "" in names:
        raise S3Fault(fault, "SignedHeaders must be in lower case, sorted and without repetition.")
    return tuple(names)


def _moment(headers: dict[str, str], scope: Scope) -> str:
    if "x-amz-date" in headers:
        return _stamp(headers["x-amz-date"], scope, "AccessDenied")
    try:
        moment = parsedate_to_datetime(headers.get("date", ""))
    except ValueError as error:
        raise S3Fault("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header.") from error
    return _stamp(sigv4.time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), scope, "AccessDenied")


def _stamp(text: str, scope: Scope, fault: str) -> str:
    try:
        sigv4.parse_time(text)
    except ValueError as error:
        raise S3Fault(fault, "The date must be in the ISO 8601 basic format, as in 20260131T235959Z.") from error
    if text[:8] != scope.date:
        raise S3Fault(fault, f"The date of the credential is {scope.date!r}, that of the request {text[:8]!r}.")
    return text


def _payload(text: str) -> str:
    if text not in _PAYLOADS and _HEX256.fullmatch(text) is None:
        raise S3Fault(
            "InvalidArgument", "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-…, or a SHA-256 in hex."
        )
    return text
