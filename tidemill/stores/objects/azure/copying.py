"""Copies inside of a storage account, which Azure makes by itself."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from tidemill.model.errors import TidemillError, Unavailable
from tidemill.stores.objects.azure.attributes import attribute_headers
from tidemill.stores.objects.azure.client import AzureClient
from tidemill.stores.objects.port import ALWAYS, Attributes, Condition, ObjectInfo
from tidemill.stores.objects.remote.headers import read_etag, read_time
from tidemill.stores.objects.remote.hidden import HIDDEN

_POLL_S: Final = 0.5


def condition_headers(condition: Condition) -> dict[str, str]:
    """A condition as Azure has it."""
    if condition.create:
        return {"if-none-match": "*"}
    return {"if-match": f'"{condition.etag}"'} if condition.etag else {}


async def copy_blob(
    client: AzureClient, source: ObjectInfo, target: str, *, what: str, condition: Condition = ALWAYS
) -> ObjectInfo:
    """With all attributes. Inside of one account it is done when Azure answers; where it is not, it is waited for."""
    headers = {
        "x-ms-copy-source": client.source_url(source.key),
        "x-ms-source-if-match": f'"{source.etag}"',
        **condition_headers(condition),
    }
    answer = await client.call("PUT", target, what=what, headers=headers, once=condition != ALWAYS)
    told: Mapping[str, str] = answer.headers
    while told.get("x-ms-copy-status") == "pending":
        await asyncio.sleep(_POLL_S)
        told = (await client.call("HEAD", target, what=what)).headers
    if told.get("x-ms-copy-status") != "success":
        raise Unavailable(f"Could not {what}: Azure says {told.get('x-ms-copy-status-description', 'nothing')}.")
    return replace(source, key=target, modified_at=read_time(told.get("last-modified", "")), etag=read_etag(told))


async def copy_with_attributes(
    client: AzureClient, source: ObjectInfo, target: str, *, attributes: Attributes, what: str, condition: Condition
) -> ObjectInfo:
    """With other attributes: they are set on a copy that nobody sees, which then goes to its place in one step."""
    between = f"{HIDDEN}copy-{secrets.token_hex(8)}"
    headers = attribute_headers(attributes)
    metadata = {name: value for name, value in headers.items() if name.startswith("x-ms-meta-")}
    try:
        await copy_blob(client, source, between, what=what)
        await client.call("PUT", between, what=what, query=[("comp", "properties")], headers=_only(headers, metadata))
        await client.call("PUT", between, what=what, query=[("comp", "metadata")], headers=metadata)
        copied = await copy_blob(client, await client.head(between), target, what=what, condition=condition)
        return replace(copied, attributes=attributes)
    finally:
        with suppress(TidemillError):
            await client.call("DELETE", between, what=what)


def _only(headers: Mapping[str, str], but: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in but}
