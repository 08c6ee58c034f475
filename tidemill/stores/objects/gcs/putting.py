"""Puts objects into Google Cloud Storage: small ones by one request, large ones piece by piece in a session."""

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from tidemill.model.errors import PreconditionFailed, StorageMisconfigured, TidemillError, Unavailable
from tidemill.stores.objects.gcs.client import GcsClient, Query, metadata_of
from tidemill.stores.objects.port import ALWAYS, NO_ATTRIBUTES, Attributes, Condition
from tidemill.stores.objects.remote.bodies import HELD_BYTES, Held, Source


async def put_object(
    client: GcsClient,
    key: str,
    source: Source,
    *,
    what: str,
    attributes: Attributes = NO_ATTRIBUTES,
    condition: Condition = ALWAYS,
) -> Any:
    """Write all of `source`; what the server tells of the object."""
    query = condition_query(key, condition)
    resource = {"name": client.config.prefix + key, **metadata_of(attributes)}
    first = await source.take(HELD_BYTES)
    if await source.is_at_end():
        return await _put_whole(client, resource, first, what=what, query=query)
    return await _put_by_session(client, resource, source, first, what=what, query=query)


def condition_query(key: str, condition: Condition) -> list[tuple[str, str]]:
    """A condition as Google has it: by the generation of an object, 0 where there is none.

    Raises:
        PreconditionFailed: no object of this kind of storage can have the etag.
    """
    if condition == ALWAYS:
        return []
    if not condition.create and not condition.etag.isdecimal():
        raise PreconditionFailed(f"The object {key!r} has not the ETag {condition.etag}.")
    return [("ifGenerationMatch", "0" if condition.create else condition.etag)]


async def _put_whole(client: GcsClient, resource: Mapping[str, object], held: Held, *, what: str, query: Query) -> Any:
    boundary = secrets.token_hex(16)
    kind = f"content-type: {resource['contentType']}\r\n" if "contentType" in resource else ""
    head = f"--{boundary}\r\ncontent-type: application/json\r\n\r\n{json.dumps(resource)}\r\n--{boundary}\r\n{kind}\r\n"
    answer = await client.call(
        "POST",
        client.upload_path,
        what=what,
        query=[("uploadType", "multipart"), *query],
        headers={"content-type": f"multipart/related; boundary={boundary}"},
        body=Held([head.encode(), *held.parts, f"\r\n--{boundary}--".encode()]),
        once=bool(query),
    )
    return json.loads(answer.body)


async def _put_by_session(
    client: GcsClient, resource: Mapping[str, object], source: Source, first: Held, *, what: str, query: Query
) -> Any:
    """Nothing is seen of the object before the last piece is there. A session that fails is given up."""
    path, session = await _open_session(client, resource, what=what, query=query)
    try:
        start, held = 0, first
        while True:
            is_last = await source.is_at_end()
            end = start + held.size_bytes
            answer = await client.call(
                "PUT",
                path,
                what=what,
                query=session,
                headers={"content-range": f"bytes {start}-{end - 1}/{end if is_last else '*'}"},
                body=held,
            )
            if answer.status != 308:
                return json.loads(answer.body)
            kept = _kept(answer.headers.get("range", ""))
            _check_progress(start, kept, end, what)
            held = await source.take_behind(held, kept - start)
            start = kept
    except BaseException:
        with suppress(TidemillError):
            await client.call("DELETE", path, what=what, query=session)
        raise


async def _open_session(
    client: GcsClient, resource: Mapping[str, object], *, what: str, query: Query
) -> tuple[str, list[tuple[str, str]]]:
    """Path and query of a new session. Its address is at the same host; it is not left to the answer to say another."""
    answer = await client.call(
        "POST",
        client.upload_path,
        what=what,
        query=[("uploadType", "resumable"), ("name", str(resource["name"])), *query],
        headers={"content-type": "application/json"},
        body=Held([json.dumps(resource).encode()]),
    )
    found = answer.headers.get("x-guploader-uploadid", "")
    if not found:
        fields = dict(
            part.partition("=")[::2] for part in urlsplit(answer.headers.get("location", "")).query.split("&")
        )
        found = fields.get("upload_id", "")
    if not found:
        raise StorageMisconfigured(f"Could not {what}: the answer is none of Google Cloud Storage; check endPoint.")
    return client.upload_path, [("uploadType", "resumable"), ("upload_id", found)]


def _check_progress(start: int, kept: int, end: int, what: str) -> None:
    if not start < kept <= end:
        raise Unavailable(f"Could not {what}: the storage kept nothing of a piece; send it again.")


def _kept(told: str) -> int:
    """How many bytes a session has, of the header `Range`."""
    last = told.rpartition("-")[2]
    return int(last) + 1 if last.isdecimal() else 0
