"""Attributes as headers of S3."""

from typing import Final

from tidemill.stores.objects.port import Attributes
from tidemill.stores.objects.remote import headers

METADATA: Final = "x-amz-meta-"


def attribute_headers(attributes: Attributes) -> dict[str, str]:
    """See `remote.headers.attribute_headers`."""
    return headers.attribute_headers(attributes, metadata=METADATA)
