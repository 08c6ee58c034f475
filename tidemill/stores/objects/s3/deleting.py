"""Removes many objects of a bucket of S3 at once."""

import base64
import hashlib
from collections.abc import Sequence

from tidemill.model.errors import StorageDenied, StorageMisconfigured, TidemillError, Unavailable, Unsupported
from tidemill.stores.objects.remote.bodies import Held
from tidemill.stores.objects.remote.together import each
from tidemill.stores.objects.s3.client import S3Client
from tidemill.stores.objects.s3.xml import can_carry, deletion, parse_not_deleted


async def delete_batch(client: S3Client, keys: Sequence[str]) -> dict[str, Exception]:
    """Remove them; those that could not be removed, each with why. At most 1000.

    Keys that XML cannot carry go one by one, and so do all where the server has no request for many.
    """
    failed: dict[str, Exception] = {}
    together = [key for key in keys if can_carry(key)]
    single = [key for key in keys if not can_carry(key)]
    if together:
        try:
            failed |= await _delete_together(client, together)
        except (Unsupported, StorageMisconfigured):  # Google's S3 interface, Alibaba's, older servers
            single = list(keys)
    return failed | await _delete_singly(client, single)


async def _delete_together(client: S3Client, keys: Sequence[str]) -> dict[str, Exception]:
    prefix = client.config.prefix
    body = deletion([prefix + key for key in keys])
    checksum = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
    answer = await client.call(
        "POST",
        None,
        what="delete objects",
        query=[("delete", "")],
        headers={"content-md5": checksum, "content-type": "application/xml"},
        body=Held([body]),
    )
    return {
        key.removeprefix(prefix): _error(key.removeprefix(prefix), code, message)
        for key, (code, message) in parse_not_deleted(answer.body).items()
        if code != "NoSuchKey"
    }


async def _delete_singly(client: S3Client, keys: Sequence[str]) -> dict[str, Exception]:
    async def delete(key: str) -> None:
        await client.call("DELETE", key, what=f"delete the object {key!r}")

    return await each(keys, delete)


def _error(key: str, code: str, message: str) -> TidemillError:
    kind = StorageDenied if code == "AccessDenied" else Unavailable
    return kind(f"Could not delete the object {key!r}: the storage says {code} ({message[:300]}).")
