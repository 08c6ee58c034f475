"""Attributes of objects as headers of Azure, which takes names of metadata only where they could be variables of C#."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tidemill.stores.objects.port import Attributes, ObjectInfo
from tidemill.stores.objects.remote import headers

_METADATA: Final = "x-ms-meta-"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_ENCODED: Final = "tidemill_hex_"


def attribute_headers(attributes: Attributes) -> dict[str, str]:
    """To send with a new blob.

    Raises:
        BadRequest: a value holds what no header carries.
    """
    named = {_encode(name): value for name, value in attributes.metadata.items()}
    found = replace(attributes, metadata=named)
    return headers.attribute_headers(found, metadata=_METADATA, others="x-ms-blob-")


def read_info(key: str, told: Mapping[str, str], *, size_bytes: int) -> ObjectInfo:
    """Of the answer to a read."""
    info = headers.read_info(key, told, size_bytes=size_bytes, metadata=_METADATA)
    assert info.attributes is not None
    metadata = {_decode(name): value for name, value in info.attributes.metadata.items()}
    return replace(info, attributes=replace(info.attributes, metadata=metadata))


def _encode(name: str) -> str:
    if _NAME.fullmatch(name) and not name.startswith(_ENCODED):
        return name
    return _ENCODED + name.encode().hex()


def _decode(name: str) -> str:
    if not name.startswith(_ENCODED):
        return name
    try:
        return bytes.fromhex(name.removeprefix(_ENCODED)).decode()
    except ValueError:  # somebody else's
        return name
