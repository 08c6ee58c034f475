"""Copies inside of a bucket of S3 without passing through us; what is too large for one request goes in parts."""

from dataclasses import replace
from typing import Final
from urllib.parse import quote

from tidemill.stores.objects.port import Attributes, ObjectInfo, Part
from tidemill.stores.objects.remote.xml import parse
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.headers import attribute_headers
from tidemill.stores.objects.s3.xml import parse_time

MAX_COPY_BYTES: Final = 5 * 1024**3
"""Of one request."""
MIN_PIECE_BYTES: Final = 5 * 1024**2
_PIECES: Final = 8


def source_header(client: S3Client, key: str) -> str:
    """`x-amz-copy-source`."""
    return quote(f"/{client.config.bucket}/{client.config.prefix}{key}", safe="/-._~")


async def copy_whole(client: S3Client, source: ObjectInfo, target: str, attributes: Attributes | None) -> ObjectInfo:
    """By one request; None keeps the attributes."""
    headers = {"x-amz-copy-source": source_header(client, source.key)}
    if attributes is not None:
        headers |= {"x-amz-metadata-directive": "REPLACE", **attribute_headers(attributes)}
    answer = await client.call_slow("PUT", target, what=_what(source.key), headers=headers)
    result = parse(answer.body)
    return replace(
        source,
        key=target,
        modified_at=parse_time(result.findtext("LastModified", "")),
        etag=result.findtext("ETag", "").strip('"'),
        attributes=attributes if attributes is not None else source.attributes,
    )


async def copy_parts(client: S3Client, source: ObjectInfo, target: str, upload: str, *, max_bytes: int) -> list[Part]:
    """The parts of `upload` that hold the bytes of `source`, each of at most `max_bytes`."""
    step = max(MIN_PIECE_BYTES, min(max_bytes, -(-source.size_bytes // _PIECES)))
    parts: list[Part] = []
    for number, start in enumerate(range(0, source.size_bytes, step), start=1):
        end = min(source.size_bytes, start + step)
        answer = await client.call_slow(
            "PUT",
            target,
            what=_what(source.key),
            query=[("partNumber", str(number)), ("uploadId", upload)],
            headers={
                "x-amz-copy-source": source_header(client, source.key),
                "x-amz-copy-source-range": f"bytes={start}-{end - 1}",
                "x-amz-copy-source-if-match": f'"{source.etag}"',
            },
        )
        etag = parse(answer.body).findtext("ETag", "").strip('"')
        parts.append(Part(number=number, size_bytes=end - start, etag=etag))
    return parts


def _what(key: str) -> str:
    return f"copy the object {key!r}"
