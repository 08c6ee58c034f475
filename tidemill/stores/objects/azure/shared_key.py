"""Signatures of Azure Storage by the key of an account: of requests, and of addresses that others may use."""

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlencode

VERSION: Final = "2021-12-02"
_SIGNED: Final = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


def date_text(moment: datetime) -> str:
    """As `x-ms-date` has it."""
    return format_datetime(moment, usegmt=True)


def authorization(
    account: str,
    key: bytes,
    *,
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    size_bytes: int,
) -> str:
    """The header of that name. `path` is escaped; `headers` are all that count, with names in lower case."""
    told = {**headers, "content-length": str(size_bytes) if size_bytes else ""}
    own = sorted((name, value) for name, value in headers.items() if name.startswith("x-ms-"))
    lines = [method, *(told.get(name, "") for name in _SIGNED)]
    lines += [f"{name}:{value}" for name, value in own]
    lines.append(f"/{account}{path}")
    lines += [f"{name.lower()}:{value}" for name, value in sorted(query)]
    return f"SharedKey {account}:{_signature(key, lines)}"


def signed_query(
    account: str, key: bytes, *, container: str, blob: str, permissions: str, until: datetime, tls_only: bool
) -> str:
    """The query that lets anybody do what `permissions` say (`r` to read) with a blob until then."""
    expiry = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    protocol = "https" if tls_only else "https,http"
    resource = f"/blob/{account}/{container}/{blob}"
    lines = [permissions, "", expiry, resource, "", "", protocol, VERSION, "b", "", "", "", "", "", "", ""]
    return urlencode(
        {
            "sp": permissions,
            "se": expiry,
            "spr": protocol,
            "sv": VERSION,
            "sr": "b",
            "sig": _signature(key, lines),
        }
    )


def _signature(key: bytes, lines: Sequence[str]) -> str:
    return base64.b64encode(hmac.digest(key, "\n".join(lines).encode(), "sha256")).decode()
