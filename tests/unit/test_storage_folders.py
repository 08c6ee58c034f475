"""What of the host the storages of workspaces may use: folders to be put into, files with tokens (C05)."""

from pathlib import Path

import pytest

from tidemill.engine.egress import Egress
from tidemill.model.errors import BadRequest, StorageMisconfigured
from tidemill.stores.objects.remote.identity import Prove, nobody
from tidemill.wiring.instance_stores import Folders
from tidemill.wiring.objects import Stores


def prove_as(subject: str) -> Prove:
    return nobody


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    for name in ("allowed", "allowed-not", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "allowed" / "link").symlink_to(tmp_path / "elsewhere")
    return Stores(Folders(tmp_path / "own"), [tmp_path / "allowed"], Egress(), prove_as=prove_as)


@pytest.mark.parametrize(
    "name", ["allowed", "allowed/a", "allowed/a/b", "allowed/../allowed/a", "elsewhere/../allowed"]
)
def test_what_is_really_below_an_allowed_folder_is_taken(stores: Stores, tmp_path: Path, name: str) -> None:
    stores.check_folder(f"{tmp_path}/{name}")


@pytest.mark.parametrize(
    "name", ["", "allowed-not", "elsewhere", "allowed/../elsewhere", "allowed/link", "allowed/link/a", "allowed/\0"]
)
async def test_what_is_elsewhere_is_refused(stores: Stores, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRequest):
        stores.check_folder(f"{tmp_path}/{name}")
    with pytest.raises(StorageMisconfigured):
        await stores.folder(f"{tmp_path}/{name}", "main", "lake")


@pytest.mark.parametrize("path", ["", "allowed", "./allowed", "~/x"])
def test_a_path_must_be_absolute(stores: Stores, path: str) -> None:
    with pytest.raises(BadRequest, match="absolute"):
        stores.check_folder(path)


def test_nothing_is_allowed_where_nothing_is_set(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="none is set"):
        Stores(Folders(tmp_path), [], Egress(), prove_as=prove_as).check_folder(str(tmp_path))


async def test_only_the_folder_of_the_workspace_is_erased(stores: Stores, tmp_path: Path) -> None:
    for workspace in ("main", "main2"):
        (tmp_path / "own" / workspace / "x").mkdir(parents=True)
    await stores.erase("main")
    await stores.erase("main")
    assert [each.name for each in (tmp_path / "own").iterdir()] == ["main2"]


AZURE = {"accountName": "account", "containerName": "container", "tenantId": "t", "clientId": "c"}


@pytest.mark.parametrize(
    "named", ["/etc/passwd", "{folder}/token/../other", "{folder}/tokens", "{folder}", "token", "~"]
)
async def test_a_resource_reads_no_file_that_is_not_listed(tmp_path: Path, named: str) -> None:
    stores = Stores(Folders(tmp_path), [tmp_path], Egress(), prove_as=prove_as, token_files=[tmp_path / "token"])
    value: dict[str, object] = {**AZURE, "federatedTokenFile": named.format(folder=tmp_path)}
    with pytest.raises(StorageMisconfigured, match="TIDEMILL_TOKEN_FILES"):
        await stores.bucket("azure_blob", value, subject="resource::main::u/a/r")


async def test_a_listed_file_proves_who_asks(tmp_path: Path) -> None:
    stores = Stores(Folders(tmp_path), [], Egress(), prove_as=prove_as, token_files=[tmp_path / "token"])
    store = await stores.bucket(
        "azure_blob", {**AZURE, "federatedTokenFile": str(tmp_path / "token")}, subject="resource::main::u/a/r"
    )
    with pytest.raises(StorageMisconfigured, match="cannot be read here"):
        await store.head("k")
    await store.close()
