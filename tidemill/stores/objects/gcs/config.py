"""How a bucket of Google Cloud Storage is reached, from the value of a resource `gcloud_storage`."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from tidemill.model.errors import StorageMisconfigured
from tidemill.stores.objects.remote.fields import Endpoint, Fields, endpoint
from tidemill.stores.service_account import ServiceAccount

_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
_HOST: Final = "storage.googleapis.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsConfig:
    """A bucket and who asks for it; without an account requests carry no token, as emulators take them.

    Attributes:
        prefix: all keys are below it; it ends with `/` unless it is empty.
        ca_certificate: PEM, of authorities to trust beside the usual ones.
    """

    bucket: str
    endpoint: Endpoint
    account: ServiceAccount | None
    prefix: str = ""
    ca_certificate: str = ""

    @property
    def origin(self) -> str:
        """Scheme, host and port that requests go to."""
        return f"{self.endpoint.scheme}://{self.endpoint.authority}"

    @classmethod
    def of(cls, value: Mapping[str, object], *, is_open: bool = False) -> Self:
        """From the value of a resource. `is_open`: it needs no account.

        Raises:
            StorageMisconfigured: a field is missing or wrong.
        """
        fields = Fields(value)
        bucket = fields.needed("bucket")
        if _BUCKET.fullmatch(bucket) is None:
            raise StorageMisconfigured(f"{bucket[:80]!r} is no name of a bucket: check bucket.")
        is_elsewhere = bool(fields.text("endPoint"))
        return cls(
            bucket=bucket,
            endpoint=endpoint(fields.text("endPoint", _HOST), tls=fields.truth("useSSL", default=True)),
            account=_account(value.get("serviceAccountKey"), is_optional=is_elsewhere or is_open),
            prefix=fields.prefix(),
            ca_certificate=fields.text("caCertificate"),
        )


def _account(found: object, *, is_optional: bool) -> ServiceAccount | None:
    """Of the JSON file that Google gives, as a text or parsed."""
    if isinstance(found, str) and found.strip():
        try:
            found = json.loads(found)
        except ValueError as error:
            raise StorageMisconfigured(
                "The field serviceAccountKey is not JSON: paste the whole key file, from brace to brace."
            ) from error
    if not found or (isinstance(found, dict) and not found.get("private_key") and is_optional):
        if is_optional:
            return None
        raise StorageMisconfigured("The field serviceAccountKey of the storage's resource is empty: fill it in.")
    if not isinstance(found, dict) or found.get("type", "service_account") != "service_account":
        raise StorageMisconfigured("The field serviceAccountKey is not the key of a service account.")
    fields = Fields(found)
    account = ServiceAccount.of(fields)
    if not account.token_uri.startswith("https://") and not is_optional:
        raise StorageMisconfigured("The field token_uri of serviceAccountKey does not begin with https://.")
    return account
