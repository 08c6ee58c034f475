"""The forms of storages hold every field that their backends read, at every depth."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tidemill.engine.egress import EVERYWHERE
from tidemill.model.resource_type import catalogue
from tidemill.server.objects.way import RESOURCE_TYPES
from tidemill.stores.objects import open_store

PEM: Final = (
    rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
)
VALUES: Final[dict[str, dict[str, object]]] = {
    "s3": {"bucket": "bucket", "accessKey": "a", "secretKey": "b"},
    "s3_aws_oidc": {"bucket": "bucket", "roleArn": "arn:aws:iam::1:role/r"},
    "azure_blob": {"accountName": "account", "containerName": "container", "tenantId": "t", "clientId": "c"},
    "azure_workload_identity": {"accountName": "acc", "containerName": "con", "tenantId": "t", "clientId": "c"},
    "gcloud_storage": {"bucket": "bucket", "serviceAccountKey": {"client_email": "a@b.c", "private_key": PEM}},
}


class Watched(dict[str, object]):
    """The value of a resource that notes what is read of it, as paths."""

    def __init__(self, value: Mapping[str, object], read: set[str], at: str = "") -> None:
        super().__init__(value)
        self._read = read
        self._at = at

    def get(self, key: str, default: Any = None) -> Any:
        self._read.add(self._at + key)
        found = super().get(key, default)
        return Watched(found, self._read, f"{self._at}{key}.") if isinstance(found, dict) else found

    __getitem__ = get


def fields_of(schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    for name, each in schema.get("properties", {}).items():
        yield at + name
        yield from fields_of(each, f"{at}{name}.")


def test_every_kind_of_resource_that_leads_to_a_bucket_is_here() -> None:
    assert set(VALUES) == RESOURCE_TYPES


@pytest.mark.parametrize("kind", VALUES)
async def test_a_form_has_what_its_backend_reads(kind: str) -> None:
    read: set[str] = set()
    await open_store(kind, Watched(VALUES[kind], read), egress=EVERYWHERE).close()
    form = set(fields_of(catalogue()[kind].schema))
    assert len(read) > 5
    assert read - form == set()
    # What is in the form and not read by the backend itself has another reader, or is of Google's key file.
    assert {each for each in form - read if "." not in each} <= {"federatedTokenFile"}
