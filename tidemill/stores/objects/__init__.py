"""Object stores: one port, one file a backend, and the table that names them all."""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from tidemill.engine.egress import Egress
from tidemill.registry import Entry, lookup
from tidemill.stores.objects.port import ObjectStore

BACKENDS: Final = {
    "local": Entry("tidemill.stores.objects.local.store:LocalStore"),
    "memory": Entry("tidemill.stores.objects.memory:MemoryStore"),
    "azure_blob": Entry("tidemill.stores.objects.azure.store:AzureStore"),
    "azure_workload_identity": Entry("tidemill.stores.objects.azure.store:AzureStore"),
    "gcloud_storage": Entry("tidemill.stores.objects.gcs.store:GcsStore"),
    "s3": Entry("tidemill.stores.objects.s3.store:S3Store"),
    "s3_aws_oidc": Entry("tidemill.stores.objects.s3.store:RoleStore"),
}
"""The kind of a storage -> its backend."""


class Backend(Protocol):
    """What an entry of the table leads to."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress) -> ObjectStore:
        """A store as the value of a resource says. It does not connect yet: what is wrong out there shows at first use.

        It connects only where `egress` lets it.

        Raises:
            StorageMisconfigured: the value lacks something, or has what cannot be.
        """
        ...


def open_store(kind: str, value: Mapping[str, object], *, egress: Egress) -> ObjectStore:
    """The store of this kind that `value` tells of; close it after use. It connects only where `egress` lets it.

    Raises:
        BadRequest: there is no such kind; the message lists what there is.
        MissingExtra: its vendor's library is not installed.
        StorageMisconfigured: the value lacks something, or has what cannot be.
    """
    backend = cast("type[Backend]", lookup(BACKENDS, "kind of object storage", kind))
    return backend.open(value, egress=egress)
