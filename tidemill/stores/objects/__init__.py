"""Object stores: one port, one file a backend, and the table that names them all."""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from tidemill.engine.egress import Egress
from tidemill.registry import Entry, lookup
from tidemill.stores.objects.port import ObjectStore
from tidemill.stores.objects.remote.identity import Prove, nobody

BACKENDS: Final = {
    "local": Entry("tidemill.stores.objects.local.store:LocalStore"),
    "memory": Entry("tidemill.stores.objects.memory:MemoryStore"),
    "azure_blob": Entry("tidemill.stores.objects.azure.store:AzureStore"),
    "azure_instance": Entry("tidemill.stores.objects.azure.store:InstanceStore"),
    "azure_machine": Entry("tidemill.stores.objects.azure.store:MachineStore"),
    "azure_workload_identity": Entry("tidemill.stores.objects.azure.store:IdentityStore"),
    "gcloud_storage": Entry("tidemill.stores.objects.gcs.store:GcsStore"),
    "gcloud_machine": Entry("tidemill.stores.objects.gcs.store:MachineStore"),
    "s3": Entry("tidemill.stores.objects.s3.store:S3Store"),
    "s3_aws_oidc": Entry("tidemill.stores.objects.s3.store:RoleStore"),
    "s3_machine": Entry("tidemill.stores.objects.s3.store:MachineStore"),
}
"""The kind of a storage -> its backend.

The kinds `…_machine` and `…_instance` are for the instance alone: no resource has such a type.
"""


class Backend(Protocol):
    """What an entry of the table leads to."""

    @classmethod
    def open(cls, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> ObjectStore:
        """A store as the value of a resource says. It does not connect yet: what is wrong out there shows at first use.

        It connects only where `egress` lets it; `prove` is asked by those that are reached by an identity.

        Raises:
            StorageMisconfigured: the value lacks something, or has what cannot be.
        """
        ...


def open_store(kind: str, value: Mapping[str, object], *, egress: Egress, prove: Prove = nobody) -> ObjectStore:
    """The store of this kind that `value` tells of; close it after use. It connects only where `egress` lets it.

    `prove` is asked for tokens by those that are reached by an identity.

    Raises:
        BadRequest: there is no such kind; the message lists what there is.
        MissingExtra: its vendor's library is not installed.
        StorageMisconfigured: the value lacks something, or has what cannot be.
    """
    backend = cast("type[Backend]", lookup(BACKENDS, "kind of object storage", kind))
    return backend.open(value, egress=egress, prove=prove)
