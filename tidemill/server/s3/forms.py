"""Uploads by a form in a browser, which somebody with an access key signed: the policy says what may be uploaded."""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from tidemill.engine.s3_faults import S3Fault
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, named
from tidemill.server.objects.service import Objects
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, document, nothing
from tidemill.server.s3.attributes import read_attributes
from tidemill.server.s3.body import MAX_OBJECT_BYTES, received
from tidemill.server.s3.form_reading import FormReader, is_form_type
from tidemill.server.s3.request import S3Request

_UNCHECKED: Final = frozenset({"x-amz-signature", "file", "policy", "awsaccesskeyid", "bucket"})
_IGNORED: Final = "x-ignore-"


@dataclass(frozen=True, slots=True)
class Form:
    """A form up to its file. `fields`: names in lower case."""

    fields: Mapping[str, str]
    reader: FormReader

    @property
    def key(self) -> str:
        """The key that the object gets."""
        return self.fields.get("key", "").replace("${filename}", self.reader.filename)


@dataclass(frozen=True, slots=True)
class Size:
    """What a policy allows the file to have."""

    least: int = 0
    most: int = MAX_OBJECT_BYTES


def is_form(request: S3Request) -> bool:
    """Whether it is one: a POST to a bucket with a body of that type."""
    is_post = request.method == "POST" and request.bucket and not request.key and not request.query
    return bool(is_post) and is_form_type(request.headers.get("content-type", ""))


async def read_form(request: S3Request) -> Form:
    """The form, read up to its file.

    Raises:
        S3Fault: it is malformed.
    """
    reader = FormReader(request.headers["content-type"], received(request))
    return Form(await reader.fields(), reader)


def check_policy(form: Form, *, bucket: str, now: datetime) -> Size:
    """Whether the policy is still good and allows each field; how large the file may be.

    Raises:
        S3Fault: it has expired, does not allow a field, or is malformed.
    """
    policy = _policy(form.fields["policy"])
    if _expiration(policy) <= now:
        raise S3Fault("AccessDenied", "Invalid according to Policy: Policy expired.")
    conditions = policy.get("conditions")
    if not isinstance(conditions, list):
        raise S3Fault("InvalidPolicyDocument", "The policy has no list of conditions.")
    size, checked = Size(), set()
    for condition in conditions:
        kind, name, value = _condition(condition)
        if kind == "content-length-range":
            size = Size(int(name), int(value))
            continue
        given = bucket if name == "bucket" else form.key if name == "key" else form.fields.get(name, "")
        if not (given == value if kind == "eq" else given.startswith(value)):
            raise S3Fault("AccessDenied", f"Invalid according to Policy: Policy Condition failed: {name!r}.")
        checked.add(name)
    extra = {name for name in form.fields if name not in _UNCHECKED and not name.startswith(_IGNORED)} - checked
    if extra or "bucket" not in checked or "key" not in checked:
        named_ = ", ".join(sorted(extra)) or "bucket and key"
        raise S3Fault("AccessDenied", f"Invalid according to Policy: Extra input fields: {named_}.")
    return size


async def store(form: Form, request: S3Request, caller: Principal, objects: Objects, *, size: Size) -> Answer:
    """Write the file."""
    fields = form.fields
    if fields.get("acl", "private") != "private":
        raise S3Fault("NotImplemented", "There is no access list but 'private': rules of the storage decide.")
    at = Address(named(request.bucket), form.key)
    info = await objects.put(caller, at, _bounded(form.reader.file(), size), attributes=read_attributes(fields))
    etag = f'"{info.etag}"'
    if target := fields.get("success_action_redirect", ""):
        return nothing(("location", _redirect(target, request.bucket, form.key, etag)), status=HTTPStatus.SEE_OTHER)
    headers = (("etag", etag),)
    if fields.get("success_action_status") == "201":
        made = document(
            "PostResponse", xml.text("Bucket", request.bucket), xml.text("Key", form.key), xml.text("ETag", etag)
        )
        return Answer(HTTPStatus.CREATED, (*made.headers, *headers), made.body)
    status = HTTPStatus.OK if fields.get("success_action_status") == "200" else HTTPStatus.NO_CONTENT
    return nothing(*headers, status=status)


async def _bounded(file: AsyncIterator[bytes], size: Size) -> AsyncIterator[bytes]:
    taken = 0
    async for piece in file:
        taken += len(piece)
        if taken > size.most:
            raise S3Fault("EntityTooLarge")
        yield piece
    if taken < size.least:
        raise S3Fault("EntityTooSmall")


def _redirect(target: str, bucket: str, key: str, etag: str) -> str:
    parts = urlsplit(target)
    if parts.scheme not in {"http", "https"} or "\r" in target or "\n" in target:
        raise S3Fault("InvalidArgument", "success_action_redirect must be an http(s) URL.")
    query = urlencode(
        [*parse_qsl(parts.query, keep_blank_values=True), ("bucket", bucket), ("key", key), ("etag", etag)]
    )
    return urlunsplit(parts._replace(query=query))


def _policy(text: str) -> dict[str, object]:
    try:
        policy = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise S3Fault("InvalidPolicyDocument", "The policy is not JSON in base64.") from error
    if not isinstance(policy, dict):
        raise S3Fault("InvalidPolicyDocument", "The policy is not an object.")
    return policy


def _expiration(policy: dict[str, object]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(policy.get("expiration", "")))
    except ValueError as error:
        raise S3Fault("InvalidPolicyDocument", "The policy's expiration is not a date.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _condition(condition: object) -> tuple[str, str, str]:
    """(`eq` or `starts-with`, name in lower case, value), or (`content-length-range`, least, most)."""
    match condition:
        case {**pairs} if len(pairs) == 1:
            name, value = next(iter(pairs.items()))
            return "eq", str(name).lower(), str(value)
        case ["content-length-range", int(least), int(most)]:
            return "content-length-range", str(least), str(most)
        case [("eq" | "starts-with") as kind, str(name), str(value)] if name.startswith("$"):
            return kind, name[1:].lower(), value
        case _:
            raise S3Fault("InvalidPolicyDocument", "A condition of the policy is of no known form.")
