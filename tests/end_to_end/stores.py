"""Workspaces that keep their objects in different places: a folder of the instance, and buckets of real servers."""

import secrets
from dataclasses import dataclass
from typing import Final

import httpx
import pytest

from tests.end_to_end.running import WAIT_TIMEOUT_S, Tidemill
from tests.object_servers import ObjectServers

RESOURCE: Final = "u/admin/bucket"
SERVERS: Final = {
    "ceph": ("s3", "S3Storage", "s3_resource_path"),
    "azurite": ("azure_blob", "AzureBlobStorage", "azure_blob_resource_path"),
    "fake-gcs": ("gcloud_storage", "GoogleCloudStorage", "gcs_resource_path"),
}
"""Type of the resource, type of the storage in the settings of a workspace, and what names the resource there."""


@dataclass(frozen=True)
class Stores:
    """Workspaces by where they keep their objects, and the values of the resources that lead to the buckets."""

    workspaces: dict[str, str]
    buckets: dict[str, dict[str, object]]

    @property
    def names(self) -> str:
        """The workspaces, as programs take them."""
        return ",".join(self.workspaces.values())

    @property
    def strict(self) -> str:
        """Those whose servers cannot keep every key."""
        return ",".join(name for place, name in self.workspaces.items() if place in {"azurite", "fake-gcs"})


def make_stores(tidemill: Tidemill, servers: ObjectServers) -> Stores:
    """A workspace for each place that there is on this machine."""
    workspaces, buckets = {"folder": tidemill.workspace}, {}
    for server in SERVERS:
        try:
            buckets[server] = servers.get(server).new_bucket()
        except pytest.skip.Exception:
            continue
        workspaces[server] = make_workspace(tidemill, server, buckets[server])
    return Stores(workspaces, buckets)


def make_workspace(tidemill: Tidemill, server: str, bucket: dict[str, object]) -> str:
    """A workspace whose default storage is set from a resource, as its admin does it."""
    resource_type, kind, field = SERVERS[server]
    workspace = f"{server}-{secrets.token_hex(4)}"
    headers = {"Authorization": f"Bearer {tidemill.token}"}
    with httpx.Client(base_url=f"{tidemill.url}/api/", headers=headers, timeout=WAIT_TIMEOUT_S) as http:
        resource = {"path": RESOURCE, "value": bucket, "resource_type": resource_type}
        for route, body in (
            ("workspaces/create", {"id": workspace, "name": workspace, "username": "admin"}),
            (f"w/{workspace}/resources/create", resource),
            (
                f"w/{workspace}/workspaces/edit_large_file_storage_config",
                {"large_file_storage": {"type": kind, field: f"$res:{RESOURCE}"}},
            ),
        ):
            answer = http.post(route, json=body)
            assert answer.is_success, (route, answer.status_code, answer.text)
    return workspace
