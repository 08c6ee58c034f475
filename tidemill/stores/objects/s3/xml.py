"""The XML of S3: what is sent, and what comes back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote_plus
from xml.sax.saxutils import escape

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.port import Folder, ObjectInfo, Part
from tidemill.stores.objects.remote.pages import Page
from tidemill.stores.objects.remote.xml import parse, parse_qualified

_QUOTE: Final = '(?:&quot;|&#34;|")?'
_PLAIN_OBJECT: Final = re.compile(
    "<Key>([^<&]*)</Key><LastModified>([^<&]*)</LastModified>"
    f'<ETag>{_QUOTE}([^<&"]*){_QUOTE}</ETag>(?:<Checksum[A-Z][a-z]+>[^<]*</Checksum[A-Z][a-z]+>)*'
    "<Size>([0-9]+)</Size>(?:<.*)?",
    re.DOTALL,
)
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as S3 tells it; all is "" where the answer is something else."""

    code: str = ""
    message: str = ""
    region: str = ""
    endpoint: str = ""


def parse_failure(body: bytes) -> Failure:
    """Of an answer that is not a success."""
    try:
        root = parse(body)
    except StorageMisconfigured:
        return Failure()
    if root.tag == "ErrorResponse":  # as STS tells it
        root = root.find("Error") or root
    return Failure(
        root.findtext("Code", ""),
        root.findtext("Message", ""),
        root.findtext("Region", ""),
        root.findtext("Endpoint", ""),
    )


def parse_listing(body: bytes) -> Page:
    """Of ListObjectsV2. Names are looked up with their namespace: taking it off 10,000 elements takes too long."""
    objects, body = _take_objects(body)
    root = parse_qualified(body)
    names = root.tag.removesuffix("ListBucketResult")
    key, size, modified, etag = f"{names}Key", f"{names}Size", f"{names}LastModified", f"{names}ETag"
    text = _decoded if root.findtext(f"{names}EncodingType") == "url" else str
    objects += [
        ObjectInfo(
            key=text(entry.findtext(key, "")),
            size_bytes=int(entry.findtext(size, "0")),
            modified_at=parse_time(entry.findtext(modified, "")),
            etag=entry.findtext(etag, "").strip('"'),
        )
        for entry in root.iterfind(f"{names}Contents")
    ]
    prefix = f"{names}Prefix"
    folders = [Folder(text(entry.findtext(prefix, ""))) for entry in root.iterfind(f"{names}CommonPrefixes")]
    more = root.findtext(f"{names}IsTruncated", "false") == "true"
    return Page(objects, folders, root.findtext(f"{names}NextContinuationToken", "") if more else "")


def _take_objects(body: bytes) -> tuple[list[ObjectInfo], bytes]:
    """The objects of a listing in the plain form that all servers use, and what is left of it for a parser.

    None are taken, and all is left, where a single one looks otherwise: a parser takes four times as long.
    """
    if b"<EncodingType>url</EncodingType>" not in body or b"<!" in body or not body.isascii():
        return [], body
    head, *parts = body.decode("ascii").split("<Contents>")
    objects, rest = [], [head]
    for part in parts:
        entry, end, after = part.partition("</Contents>")
        found = _PLAIN_OBJECT.fullmatch(entry)
        if found is None or not end:
            return [], body
        key, modified, etag, size = found.groups()
        objects.append(ObjectInfo(key=_decoded(key), size_bytes=int(size), modified_at=parse_time(modified), etag=etag))
        rest.append(after)
    return objects, "".join(rest).encode()


def _decoded(text: str) -> str:
    """Slashes are what most keys have to decode."""
    text = text.replace("%2F", "/")
    return unquote_plus(text) if "%" in text or "+" in text else text


def parse_not_deleted(body: bytes) -> Mapping[str, tuple[str, str]]:
    """Of DeleteObjects: key -> code and message."""
    return {
        entry.findtext("Key", ""): (entry.findtext("Code", ""), entry.findtext("Message", ""))
        for entry in parse(body).iterfind("Error")
    }


def completion(parts: Sequence[Part]) -> bytes:
    """The body of CompleteMultipartUpload."""
    return _document(
        "CompleteMultipartUpload",
        "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>&quot;{escape(part.etag)}&quot;</ETag></Part>"
            for part in parts
        ),
    )


def deletion(keys: Sequence[str]) -> bytes:
    """The body of DeleteObjects. The keys hold nothing that XML cannot carry."""
    return _document(
        "Delete", "<Quiet>true</Quiet>" + "".join(f"<Object><Key>{_escape(key)}</Key></Object>" for key in keys)
    )


def can_carry(key: str) -> bool:
    """XML 1.0 has no control characters."""
    return all((character >= " " and character not in "\ufffe\uffff") or character in "\t\n\r" for character in key)


def parse_time(text: str) -> datetime:
    """As in a listing."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _document(name: str, content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{name} xmlns="{_NAMESPACE}">{content}</{name}>'.encode()


def _escape(text: str) -> str:
    """Line ends and tabs as references, for parsers make blanks and line feeds of them."""
    return escape(text, {"\t": "&#9;", "\n": "&#10;", "\r": "&#13;"})
