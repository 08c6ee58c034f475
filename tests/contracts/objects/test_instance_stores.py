"""Storages that the instance keeps itself, wherever it keeps them: apart from each other, and gone once erased."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import body, read
from tidemill.model.errors import StorageMisconfigured
from tidemill.settings import Settings
from tidemill.stores.objects.port import ObjectStore
from tidemill.wiring.instance_stores import InstanceStores, instance_stores


def on_disk(request: pytest.FixtureRequest) -> InstanceStores:
    return instance_stores(Settings(data_dir=request.getfixturevalue("tmp_path")))


def in_bucket(request: pytest.FixtureRequest) -> InstanceStores:
    bucket = request.getfixturevalue("object_servers").get("ministack").new_bucket()
    settings = Settings(
        objects_url=f"s3://{bucket['bucket']}/some/prefix",
        aws_region=str(bucket["region"]),
        aws_endpoint_url=str(bucket["endPoint"]),
        aws_access_key_id=str(bucket["accessKey"]),
        aws_secret_access_key=str(bucket["secretKey"]),
    )
    return instance_stores(settings)


def in_container(request: pytest.FixtureRequest) -> InstanceStores:
    container = request.getfixturevalue("object_servers").get("azurite").new_bucket()
    settings = Settings(
        objects_url=f"az://{container['containerName']}/some/prefix",
        azure_account=str(container["accountName"]),
        azure_key=str(container["accessKey"]),
        azure_endpoint_url=str(container["endPoint"]),
    )
    return instance_stores(settings)


def in_google(request: pytest.FixtureRequest) -> InstanceStores:
    bucket = request.getfixturevalue("object_servers").get("fake-gcs").new_bucket()
    settings = Settings(objects_url=f"gs://{bucket['bucket']}", google_storage_url=str(bucket["endPoint"]))
    return instance_stores(settings)


@pytest.fixture(params=[on_disk, in_bucket, in_container, in_google], ids=["on disk", "s3", "azure", "google"])
def kept(request: pytest.FixtureRequest) -> InstanceStores:
    make: Callable[[pytest.FixtureRequest], InstanceStores] = request.param
    return make(request)


@pytest.fixture
async def open_one(kept: InstanceStores) -> AsyncIterator[Callable[[str, str], ObjectStore]]:
    opened: list[ObjectStore] = []

    def open_and_remember(workspace: str, name: str) -> ObjectStore:
        opened.append(kept.open(workspace, name))
        return opened[-1]

    yield open_and_remember
    for store in opened:
        await store.close()


async def test_storages_share_nothing_and_outlive_their_store(
    open_one: Callable[[str, str], ObjectStore],
) -> None:
    places = [("main", "_default_"), ("main", "lake"), ("main2", "_default_"), ("main2", "lake")]
    for place in places:
        await open_one(*place).put("a/b", body("/".join(place).encode()))
    for place in places:
        store = open_one(*place)
        assert [entry.key for entry in await store.scan("")] == ["a/b"]
        assert await read(store, "a/b") == "/".join(place).encode()


async def test_a_workspace_is_erased_with_all_its_storages_and_no_others(
    kept: InstanceStores, open_one: Callable[[str, str], ObjectStore]
) -> None:
    for workspace in ("main", "main2"):
        for name in ("_default_", "lake"):
            await open_one(workspace, name).put("k", body(b"x"))
    await kept.erase("main")
    await kept.erase("main")
    assert await open_one("main", "lake").scan("") == []
    assert len(await open_one("main2", "lake").scan("")) == 1


async def test_what_is_whole_is_verified_without_a_word(
    kept: InstanceStores, open_one: Callable[[str, str], ObjectStore]
) -> None:
    await open_one("main", "lake").put("k", body(b"x" * 200_000))
    await kept.keep_up()
    assert [problem async for problem in kept.verify()] == []


async def test_a_byte_that_changed_on_disk_is_told_with_its_place_and_key(tmp_path: Path) -> None:
    """I11."""
    kept = instance_stores(Settings(data_dir=tmp_path))
    store = kept.open("main", "lake")
    await store.put("some/key", body(b"x" * 200_000))
    await store.close()
    (blob,) = [each for each in (tmp_path / "storage").rglob("*") if each.is_file() and each.stat().st_size == 200_000]
    blob.chmod(0o600)
    blob.write_bytes(b"x" * 199_999 + b"y")
    (problem,) = [problem async for problem in kept.verify()]
    assert "main/lake" in problem
    assert "some/key" in problem


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://b", "AWS_ACCESS_KEY_ID.*AWS_WEB_IDENTITY_TOKEN_FILE.*machine"),
        ("gs://b", "GOOGLE_APPLICATION_CREDENTIALS.*machine"),
        ("az://b", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("ftp://b", "none of s3://…, gs://…, az://…"),
    ],
)
def test_a_bucket_that_cannot_be_reached_so_says_what_to_set(url: str, why: str) -> None:
    with pytest.raises(StorageMisconfigured, match=why):
        instance_stores(Settings(objects_url=url)).open("main", "_default_")


def test_an_azure_account_without_credentials_says_what_to_set() -> None:
    settings = Settings(objects_url="az://container", azure_account="account")
    with pytest.raises(StorageMisconfigured, match=r"AZURE_STORAGE_ACCOUNT_KEY.*AZURE_FEDERATED_TOKEN_FILE"):
        instance_stores(settings).open("main", "_default_")
