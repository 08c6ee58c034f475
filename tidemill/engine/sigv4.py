"""AWS Signature Version 4 as S3 has it: what is signed and how. Reading and checking is in `sigv4_claims.py`.

Paths and queries are handled decoded: what is signed, what is decided on and what is stored are one and the same text.
The canonical form encodes it anew, so it does not matter how a client had percent-encoded it.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
UNSIGNED: Final = "UNSIGNED-PAYLOAD"
STREAMING: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_TRAILER: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING_UNSIGNED_TRAILER: Final = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
EMPTY_SHA256: Final = hashlib.sha256(b"").hexdigest()
MAX_EXPIRES_S: Final = 7 * 24 * 3600

_CHUNK: Final = "AWS4-HMAC-SHA256-PAYLOAD"
_TRAILER: Final = "AWS4-HMAC-SHA256-TRAILER"
_UNRESERVED: Final = "-._~"
_STAMP: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_SPACES: Final = re.compile(r" +")
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._~-]*")
"""Nothing of it has to be encoded."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and when a signature is good: `date` as `20260131`."""

    date: str
    region: str
    service: str = "s3"

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed of a request.

    Attributes:
        path: decoded, with its leading `/`.
        query: decoded names and values, without `X-Amz-Signature`.
        headers: names in lower case; one name may come more than once. `host` is among them.
    """

    method: str
    path: str
    query: Pairs
    headers: Pairs


@dataclass(frozen=True, slots=True)
class Keys:
    """Who signs. `token`: the session token that goes with temporary keys, "" for none."""

    access_key: str
    secret_key: str
    token: str = ""


def encode_path(path: str) -> str:
    """`path` percent-encoded as S3 wants it: once, with `/` kept."""
    return path if _PLAIN_PATH.fullmatch(path) else quote(path, safe="/" + _UNRESERVED)


def encode_query(query: Collection[tuple[str, str]]) -> str:
    """The query percent-encoded, in canonical order."""
    if not query:
        return ""
    return "&".join(
        f"{name}={value}"
        for name, value in sorted((quote(n, safe=_UNRESERVED), quote(v, safe=_UNRESERVED)) for n, v in query)
    )


def time_text(moment: datetime) -> str:
    """`moment` (aware) as `X-Amz-Date` has it."""
    utc = moment.astimezone(UTC)
    return f"{utc.year:04}{utc.month:02}{utc.day:02}T{utc.hour:02}{utc.minute:02}{utc.second:02}Z"


def parse_time(text: str) -> datetime:
    """The moment of an `X-Amz-Date`.

    Raises:
        ValueError: it is not of the form `20260131T235959Z`.
    """
    if _STAMP.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not of the form 20260131T235959Z.")
    return datetime.fromisoformat(text)


def signing_key(secret_key: str, scope: Scope) -> bytes:
    """The key that signs everything of one day, region and service."""
    key = ("AWS4" + secret_key).encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, text: str) -> str:
    """The signature of `text` under a `signing_key`."""
    return hmac.digest(key, text.encode(), "sha256").hex()


def canonical_request(request: Request, signed_names: Sequence[str], payload_hash: str) -> str:
    """The text whose hash is signed. `signed_names`: the headers that are, in lower case and sorted.

    A header that is signed but not there counts as an empty one.
    """
    values = dict.fromkeys(signed_names, "")
    seen = set()
    for name, value in request.headers:
        if name in values:
            plain = _without_blanks(value)
            values[name] = f"{values[name]},{plain}" if name in seen else plain
            seen.add(name)
    lines = "".join([f"{name}:{value}\n" for name, value in values.items()])
    return "\n".join(
        (
            request.method,
            encode_path(request.path),
            encode_query(request.query),
            lines,
            ";".join(signed_names),
            payload_hash,
        )
    )


def _without_blanks(value: str) -> str:
    """Without those around it, and none that follows another."""
    value = value.strip()
    return _SPACES.sub(" ", value) if "  " in value else value


def string_to_sign(moment: str, scope: Scope, canonical: str) -> str:
    """What `signature` is made of; `moment` as `X-Amz-Date` has it."""
    return f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def chunk_to_sign(moment: str, scope: Scope, *, previous: str, sha256: str) -> str:
    """What the signature of a chunk is made of. `previous`: that of the chunk before, or of the request."""
    return f"{_CHUNK}\n{moment}\n{scope}\n{previous}\n{EMPTY_SHA256}\n{sha256}"


def trailer_to_sign(moment: str, scope: Scope, *, previous: str, sha256: str) -> str:
    """What the signature of the trailer is made of. `sha256`: of its lines `name:value`, each ended by a line feed."""
    return f"{_TRAILER}\n{moment}\n{scope}\n{previous}\n{sha256}"


def sign(
    request: Request,
    keys: Keys,
    *,
    region: str,
    moment: datetime,
    payload_hash: str,
    key_of: Callable[[str, Scope], bytes] = signing_key,
) -> dict[str, str]:
    """The headers to send besides those of `request`: `Authorization` and the `X-Amz-…` that it covers.

    All headers of `request` are signed. `payload_hash`: of the body in hex, or `UNSIGNED` (over TLS only). `key_of`
    gives what `signing_key` does, perhaps from memory.
    """
    stamp = time_text(moment)
    scope = Scope(stamp[:8], region)
    added = {"x-amz-content-sha256": payload_hash, "x-amz-date": stamp}
    if keys.token:
        added["x-amz-security-token"] = keys.token
    whole = Request(request.method, request.path, request.query, (*request.headers, *added.items()))
    names = sorted({name for name, _ in whole.headers})
    text = string_to_sign(stamp, scope, canonical_request(whole, names, payload_hash))
    made = signature(key_of(keys.secret_key, scope), text)
    authorization = (
        f"{ALGORITHM} Credential={keys.access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={made}"
    )
    return {**added, "authorization": authorization}


def presign(request: Request, keys: Keys, *, region: str, moment: datetime, expires_s: int) -> str:
    """The whole query (percent-encoded) that lets anybody send `request` for `expires_s` seconds, at most a week."""
    stamp = time_text(moment)
    scope = Scope(stamp[:8], region)
    names = sorted({name for name, _ in request.headers})
    query = [
        *request.query,
        ("X-Amz-Algorithm", ALGORITHM),
        ("X-Amz-Credential", f"{keys.access_key}/{scope}"),
        ("X-Amz-Date", stamp),
        ("X-Amz-Expires", str(expires_s)),
        ("X-Amz-SignedHeaders", ";".join(names)),
    ]
    if keys.token:
        query.append(("X-Amz-Security-Token", keys.token))
    whole = Request(request.method, request.path, query, request.headers)
    text = string_to_sign(stamp, scope, canonical_request(whole, names, UNSIGNED))
    return f"{encode_query(query)}&X-Amz-Signature={signature(signing_key(keys.secret_key, scope), text)}"
