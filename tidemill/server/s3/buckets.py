"""Buckets, which are the storages of the workspace."""

from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from tidemill.db import storages
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import AlreadyExists, Conflict, NotFound
from tidemill.model.identity import CredentialKind
from tidemill.model.object_address import DEFAULT
from tidemill.server.objects.manage import create_storage, delete_storage
from tidemill.server.s3 import xml
from tidemill.server.s3.answers import Answer, document, iso_date, nothing
from tidemill.server.s3.body import read_small
from tidemill.server.s3.call import Call
from tidemill.server.s3.listings import shown_owner

_CREATED: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Clients want to be told when a bucket was made; a storage may be older than its setting, so we do not say."""


async def list_buckets(call: Call) -> Answer:
    """All storages of the workspace; the default one first."""
    settings = await storages.all_of(call.parts.database.single, call.caller.workspace)
    names = [DEFAULT, *sorted({setting.name for setting in settings} - {DEFAULT})]
    shown = [
        xml.element("Bucket", xml.text("Name", name), xml.text("CreationDate", iso_date(_CREATED))) for name in names
    ]
    return document("ListAllMyBucketsResult", shown_owner(call), xml.element("Buckets", *shown))


async def head_bucket(call: Call) -> Answer:
    """Whether there is such a storage."""
    async with call.objects.storage(call.caller, call.at):
        return nothing(("x-amz-bucket-region", "us-east-1"))


async def bucket_location(call: Call) -> Answer:
    """The region: an empty one, which stands for us-east-1."""
    async with call.objects.storage(call.caller, call.at):
        return document("LocationConstraint")


async def create_bucket(call: Call) -> Answer:
    """Make a storage that the instance keeps itself. The region that a client names is of no meaning here.

    Clients such as rclone make a bucket before they write, whoever they are: of one that is there they are told so.
    """
    await read_small(call.body)
    with suppress(NotFound):
        async with call.objects.storage(call.caller, call.at):
            raise S3Fault("BucketAlreadyOwnedByYou")
    _require_admin(call)
    try:
        await create_storage(call.parts.database, call.caller, call.request.bucket)
    except AlreadyExists as error:  # somebody was faster just now
        raise S3Fault("BucketAlreadyOwnedByYou") from error
    return nothing(("location", f"/{call.request.bucket}"))


async def delete_bucket(call: Call) -> Answer:
    """Remove a storage that the instance keeps itself and that is empty."""
    _require_admin(call)
    async with call.objects.storage(call.caller, call.at) as storage:
        if storage.is_default:
            raise S3Fault("AccessDenied", "The default storage cannot be removed.")
        if storage.kind != storages.INSTANCE:
            raise S3Fault("AccessDenied", "A storage that a resource leads to is removed in the workspace's settings.")
    try:
        await delete_storage(call.parts.database, call.objects, call.caller, call.request.bucket)
    except Conflict as error:
        raise S3Fault("BucketNotEmpty", str(error)) from error
    return nothing(status=HTTPStatus.NO_CONTENT)


def _require_admin(call: Call) -> None:
    if not call.caller.is_admin or call.caller.credential.kind is CredentialKind.JOB:
        raise S3Fault("AccessDenied", "Only admins of the workspace may make and remove storages.")
