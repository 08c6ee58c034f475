"""Storages of a workspace: how they are set, what they lead to, and who may do what in them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.api.conftest import Api, InMemory
from tidemill.db import identity, look_ups, pool, transaction
from tidemill.db.queries import Query
from tidemill.model.errors import Denied, NotFound, StorageMisconfigured
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address
from tidemill.server.objects.usage import count

W = "/api/w/main"
EDIT = f"{W}/workspaces/edit_large_file_storage_config"
BUCKET = {"bucket": "b", "region": "", "useSSL": True, "endPoint": "", "pathStyle": False}


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def who(api: Api, username: str, workspace: str = "main") -> Principal:
    return await identity.principal_by_name(api.parts.database, f"{username}@x.org", workspace)


async def put(api: Api, username: str, at: Address, content: bytes = b"x") -> None:
    await api.parts.objects.put(await who(api, username), at, body(content))


async def get(api: Api, username: str, at: Address) -> bytes:
    reading = await api.parts.objects.get(await who(api, username), at)
    return b"".join([piece async for piece in reading.body])


async def edit(api: Api, wanted: dict[str, Any] | None, status: int = 200, *, client: str = "admin") -> str:
    answer = await getattr(api, client).post(EDIT, json={"large_file_storage": wanted})
    assert answer.status_code == status, answer.text
    return str(answer.text)


async def resource(api: Api, path: str, value: object, resource_type: str = "s3") -> None:
    answer = await api.admin.post(
        f"{W}/resources/create", json={"path": path, "value": value, "resource_type": resource_type}
    )
    assert answer.status_code == 201, answer.text


def opener(api: Api) -> InMemory:
    found = api.parts.objects._opener
    assert isinstance(found, InMemory)
    return found


async def shown(api: Api) -> Any:
    return (await api.admin.get(f"{W}/workspaces/get_settings")).json().get("large_file_storage")


async def test_the_default_storage_is_there_without_any_set_up(api: Api) -> None:
    assert await shown(api) is None
    names = await api.developer.get(f"{W}/workspaces/get_secondary_storage_names")
    assert names.json() == []
    names = await api.developer.get(f"{W}/workspaces/get_secondary_storage_names?include_default=true")
    assert names.json() == ["_default_"]
    assert (await api.developer.get(f"{W}/storages/list")).json() == [
        {"name": "_default_", "kind": "instance", "is_default": True}
    ]
    (default,) = (await api.admin.get(f"{W}/storages/list")).json()
    assert default["has_default_rules"] is True
    assert default["rules"][1] == {"pattern": "u/{username}/**", "allow": "read,write,delete,list"}


async def test_what_was_set_is_shown_as_windmill_shows_it(api: Api) -> None:
    await resource(api, "u/ada/lake", BUCKET)
    await resource(api, "u/ada/blob", {"accountName": "a"}, "azure_blob")
    wanted = {
        "type": "S3Storage",
        "s3_resource_path": "$res:u/ada/lake",
        "public_resource": True,
        "advanced_permissions": [{"pattern": "a/*", "allow": "read,list"}, {"pattern": "**", "allow": ""}],
        "secondary_storage": {
            "blobs": {"type": "AzureBlobStorage", "azure_blob_resource_path": "u/ada/blob"},
            "scratch": {"type": "FilesystemStorage"},
            "more.data-1": {},
        },
    }
    assert await edit(api, wanted) == "storages were set"
    assert await shown(api) == {
        **wanted,
        "secondary_storage": {
            "blobs": {
                "type": "AzureBlobStorage",
                "azure_blob_resource_path": "$res:u/ada/blob",
                "public_resource": False,
            },
            "more.data-1": {"public_resource": False},
            "scratch": {"public_resource": False},
        },
    }
    assert await edit(api, await shown(api)) == "storages were set"
    settings = (await api.developer.get(f"{W}/workspaces/get_settings")).json()
    assert "large_file_storage" not in settings
    names = await api.operator.get(f"{W}/workspaces/get_secondary_storage_names")
    assert names.json() == ["blobs", "more.data-1", "scratch"]
    await edit(api, None)
    assert await shown(api) is None


async def test_members_learn_the_names_of_storages_and_nothing_of_what_they_lead_to(api: Api) -> None:
    await resource(api, "u/ada/lake", BUCKET)
    await edit(api, {"secondary_storage": {"lake": {"type": "S3Storage", "s3_resource_path": "u/ada/lake"}}})
    listed = (await api.operator.get(f"{W}/storages/list")).json()
    assert listed[1] == {"name": "lake", "kind": "s3", "is_default": False}
    listed = (await api.admin.get(f"{W}/storages/list")).json()
    assert listed[1]["resource_path"] == "u/ada/lake"


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"type": "S3Storage"}, "S3Storage needs s3_resource_path"),
        ({"type": "AzureBlobStorage", "s3_resource_path": "u/ada/lake"}, "needs azure_blob_resource_path"),
        ({"type": "GoogleCloudStorage", "gcs_resource_path": ""}, "needs gcs_resource_path"),
        ({"type": "Floppy"}, "Floppy"),
        ({"type": "S3Storage", "s3_resource_path": "../etc"}, "Storage '_default_': '../etc' is not a path"),
        ({"type": "S3AwsOidc", "s3_resource_path": "u/ada/lake"}, "resource of type s3, and S3AwsOidc needs one of"),
        ({"advanced_permissions": [{"pattern": "a/*", "allow": "raed"}]}, "'raed'"),
        ({"advanced_permissions": [{"pattern": "[a", "allow": "read"}]}, "'[' is not closed"),
        ({"advanced_permissions": [{"pattern": "{username}/{group}", "allow": ""}]}, "one kind of token"),
        ({"advanced_permissions": [{"pattern": "a", "allow": ""}] * 201}, "at most 200 rules"),
        ({"secondary_storage": {"x": {}}}, "'x' is not the name of a storage"),
        ({"secondary_storage": {"Upper": {}}}, "is not the name of a storage"),
        ({"secondary_storage": {"_default_": {}}}, "is not the name of a storage"),
        ({"secondary_storage": {"a/b": {}}}, "is not the name of a storage"),
        ({"secondary_storage": {"a..b": {}}}, "is not the name of a storage"),
        ({"secondary_storage": {"lake": {"type": "S3Storage"}}}, "Storage 'lake': S3Storage needs"),
        ({"secondary_storage": {f"s{number:03}": {} for number in range(200)}}, "at most 200 storages"),
    ],
)
async def test_settings_that_cannot_be_are_refused_by_name(api: Api, wanted: dict[str, Any], why: str) -> None:
    await resource(api, "u/ada/lake", BUCKET)
    assert why in await edit(api, wanted, 400)
    assert await shown(api) is None


async def test_only_admins_set_storages(api: Api) -> None:
    for client in ("developer", "operator"):
        await edit(api, {}, 403, client=client)
    job = await api.job("ada")
    assert (await job.post(EDIT, json={})).status_code == 403


async def test_a_folder_of_the_host_is_for_superadmins_and_below_what_is_allowed(api: Api) -> None:
    """C05."""
    wanted = {"type": "FilesystemStorage", "root_path": "/allowed/here"}
    assert "only superadmins" in await edit(api, wanted, 403)
    assert "not below a folder" in await edit(api, {**wanted, "root_path": "/etc"}, 400, client="superadmin")
    await edit(api, wanted, client="superadmin")
    assert await shown(api) == {"public_resource": False, **wanted, "secondary_storage": {}}
    await put(api, "ada", Address("", "k"))
    assert ("/allowed/here/main", "_default_") in opener(api)._stores
    assert "only superadmins" in await edit(api, await shown(api), 403)


async def test_a_storage_leads_where_its_resource_says(api: Api) -> None:
    await resource(api, "u/ada/lake", BUCKET)
    await edit(api, {"secondary_storage": {"lake": {"type": "S3Storage", "s3_resource_path": "u/ada/lake"}}})
    await put(api, "dev", Address("lake", "u/dev/a"), b"one")
    assert await get(api, "dev", Address("lake", "u/dev/a")) == b"one"
    with pytest.raises(NotFound):
        await get(api, "dev", Address("", "u/dev/a"))
    with pytest.raises(Denied, match=r"Storage 'lake' \(s3\)"):
        await put(api, "dev", Address("lake", "u/ada/a"))
    assert opener(api).opened == [BUCKET]


async def test_a_storage_needs_no_right_of_its_callers_on_its_resource(api: Api) -> None:
    await resource(api, "u/ada/lake", {**BUCKET, "secretKey": "$var:u/ada/key"})
    await api.admin.post(f"{W}/variables/create", json={"path": "u/ada/key", "value": "s3cret", "is_secret": True})
    await edit(api, {"type": "S3Storage", "s3_resource_path": "u/ada/lake"})
    await put(api, "op", Address("", "u/op/a"))
    assert opener(api).opened == [{**BUCKET, "secretKey": "s3cret"}]
    assert (await api.developer.get(f"{W}/resources/get_value/u/ada/lake")).status_code == 404


async def test_a_change_is_seen_by_the_next_request(api: Api) -> None:
    """Of the settings, of the resource, and of a secret behind it, whichever server makes it."""
    await resource(api, "u/ada/lake", {**BUCKET, "secretKey": "$var:u/ada/key"})
    await api.admin.post(f"{W}/variables/create", json={"path": "u/ada/key", "value": "one", "is_secret": True})
    await edit(api, {"type": "S3Storage", "s3_resource_path": "u/ada/lake"})
    for _ in range(3):
        await put(api, "dev", Address("", "u/dev/a"))
    await api.admin.post(f"{W}/variables/update/u/ada/key", json={"value": "two"})
    for _ in range(3):
        await put(api, "dev", Address("", "u/dev/a"))
    await api.admin.post(f"{W}/resources/update_value/u/ada/lake", json={"value": {**BUCKET, "bucket": "c"}})
    for _ in range(3):
        await put(api, "dev", Address("", "u/dev/a"))
    assert [(each["bucket"], each.get("secretKey")) for each in opener(api).opened] == [
        ("b", "one"),
        ("b", "two"),
        ("c", None),
    ]
    await edit(
        api,
        {
            "type": "S3Storage",
            "s3_resource_path": "u/ada/lake",
            "advanced_permissions": [{"pattern": "u/{username}/*", "allow": "read"}],
        },
    )
    assert await get(api, "dev", Address("", "u/dev/a")) == b"x"
    with pytest.raises(Denied):
        await put(api, "dev", Address("", "u/dev/a"))
    assert len(opener(api).opened) == 3


async def test_a_storage_whose_resource_is_gone_says_what_to_do(api: Api) -> None:
    wanted = {"secondary_storage": {"lake": {"type": "S3Storage", "s3_resource_path": "u/ada/lake"}}}
    assert await edit(api, wanted) == "storages were set; these resources are not there yet: u/ada/lake"
    with pytest.raises(StorageMisconfigured, match="Storage 'lake' leads to the resource 'u/ada/lake', which is not"):
        await get(api, "ada", Address("lake", "a"))
    await resource(api, "u/ada/lake", "text", "s3")
    with pytest.raises(StorageMisconfigured, match=r"^Storage 'lake' \(s3\): The value of a .* must be an object"):
        await get(api, "ada", Address("lake", "a"))
    await api.admin.post(f"{W}/resources/update_value/u/ada/lake", json={"value": {"bucket": "$var:u/ada/none"}})
    with pytest.raises(StorageMisconfigured, match=r"\$var:u/ada/none"):
        await get(api, "ada", Address("lake", "a"))
    await api.admin.post(f"{W}/resources/update/u/ada/lake", json={"resource_type": "mysql", "value": {}})
    with pytest.raises(StorageMisconfigured, match="of type mysql, which is none of"):
        await get(api, "ada", Address("lake", "a"))


def by(path: str, key: str = "k") -> Address:
    return Address(key=key, resource=path)


async def test_who_may_read_a_resource_has_all_of_its_bucket(api: Api) -> None:
    await resource(api, "u/dev/own", BUCKET)
    await put(api, "dev", by("u/dev/own"), b"mine")
    assert await get(api, "dev", by("u/dev/own")) == b"mine"
    page = await api.parts.objects.scan(await who(api, "dev"), by("u/dev/own", ""))
    assert [entry.key for entry in page.entries] == ["k"]
    stranger = await who(api, "op")
    with pytest.raises(NotFound) as found:
        await api.parts.objects.get(stranger, by("u/dev/own"))
    with pytest.raises(NotFound) as missing:
        await api.parts.objects.get(stranger, by("u/dev/none"))
    assert str(found.value).replace("own", "none") == str(missing.value)
    with pytest.raises(NotFound):
        await api.parts.objects.get(await who(api, "out", "other"), by("u/dev/own"))


async def test_the_references_of_a_resource_are_resolved_as_whoever_calls(api: Api) -> None:
    await api.admin.post(f"{W}/variables/create", json={"path": "u/ada/key", "value": "s3cret", "is_secret": True})
    await resource(api, "u/dev/own", {**BUCKET, "secretKey": "$var:u/ada/key"})
    await put(api, "ada", by("u/dev/own"))
    for _ in range(2):
        with pytest.raises(StorageMisconfigured, match=r"\$var:u/ada/key"):
            await put(api, "dev", by("u/dev/own"))
    share = {"owner": "u/dev", "write": False}
    assert (await api.admin.post(f"{W}/acls/add/variable/u/ada/key", json=share)).status_code == 200
    for _ in range(3):
        await put(api, "dev", by("u/dev/own"))
    await api.admin.post(f"{W}/acls/remove/variable/u/ada/key", json={"owner": "u/dev"})
    with pytest.raises(StorageMisconfigured, match=r"\$var:u/ada/key"):
        await put(api, "dev", by("u/dev/own"))


async def test_a_public_resource_is_read_by_all_members_and_written_by_none(api: Api) -> None:
    await resource(api, "u/ada/lake", {**BUCKET, "secretKey": "$var:u/ada/key"})
    await api.admin.post(f"{W}/variables/create", json={"path": "u/ada/key", "value": "s3cret", "is_secret": True})
    lake = {"type": "S3Storage", "s3_resource_path": "u/ada/lake", "public_resource": True}
    await put(api, "ada", by("u/ada/lake"), b"public")
    with pytest.raises(NotFound):
        await get(api, "op", by("u/ada/lake"))
    await edit(api, {"secondary_storage": {"lake": lake}})
    assert await get(api, "op", by("u/ada/lake")) == b"public"
    assert len((await api.parts.objects.scan(await who(api, "op"), by("u/ada/lake", ""))).entries) == 1
    with pytest.raises(Denied, match="may not write"):
        await put(api, "op", by("u/ada/lake"))
    with pytest.raises(Denied, match="may not delete"):
        await api.parts.objects.delete(await who(api, "op"), by("u/ada/lake"))
    assert (await api.operator.get(f"{W}/resources/get_value/u/ada/lake")).status_code == 404
    await edit(api, {"secondary_storage": {"lake": {**lake, "public_resource": False}}})
    with pytest.raises(NotFound):
        await get(api, "op", by("u/ada/lake"))


async def test_a_resource_of_another_type_leads_to_no_bucket(api: Api) -> None:
    await resource(api, "u/dev/own", {"root_path": "/etc"}, "any")
    with pytest.raises(StorageMisconfigured, match="of type any, which is none of"):
        await get(api, "dev", by("u/dev/own"))


async def test_a_copy_goes_from_one_storage_to_another(api: Api) -> None:
    await edit(api, {"secondary_storage": {"scratch": {}}})
    await put(api, "dev", Address("", "u/dev/a"), b"a" * 100_000)
    dev = await who(api, "dev")
    await api.parts.objects.move(dev, Address("", "u/dev/a"), Address("scratch", "u/dev/b"))
    assert await get(api, "dev", Address("scratch", "u/dev/b")) == b"a" * 100_000
    with pytest.raises(NotFound):
        await get(api, "dev", Address("", "u/dev/a"))


async def test_what_is_wrong_with_one_storage_is_not_said_of_another(api: Api) -> None:
    await resource(api, "u/dev/lake", {**BUCKET, "bucket": "_"})
    opener(api).real.add("_")
    gone = {"type": "S3Storage", "s3_resource_path": "u/dev/gone"}
    await edit(api, {"secondary_storage": {"lake": {**gone, "s3_resource_path": "u/dev/lake"}, "gone": gone}})
    await put(api, "dev", Address("", "u/dev/a"))
    dev, at, objects = await who(api, "dev"), Address("", "u/dev/a"), api.parts.objects
    bucket = "'_' is no name of a bucket"
    for there, said in (
        (Address("lake", "u/dev/a"), rf"^Storage 'lake' \(s3\): {bucket}"),
        (by("u/dev/lake"), rf"^The bucket of the resource 'u/dev/lake' \(s3\): {bucket}"),
        (Address("gone", "u/dev/a"), "^Storage 'gone' leads to the resource 'u/dev/gone', which is not there"),
        (Address("none", "u/dev/a"), "^There is no storage 'none'"),
    ):
        for attempt in (
            objects.get(dev, there),
            objects.copy(dev, at, there),
            objects.copy(dev, there, at),
            objects.move(dev, at, there),
        ):
            with pytest.raises((StorageMisconfigured, NotFound), match=said):
                await attempt
    assert await get(api, "dev", at) == b"x"


async def test_storages_are_made_and_removed_one_by_one(api: Api) -> None:
    create, remove = f"{W}/storages/create", f"{W}/storages/delete/scratch"
    assert (await api.developer.post(create, json={"name": "scratch"})).status_code == 403
    assert (await api.admin.post(create, json={"name": "scratch"})).status_code == 201
    assert (await api.admin.post(create, json={"name": "scratch"})).status_code == 409
    assert (await api.admin.post(create, json={"name": "NO"})).status_code == 400
    bucket = await api.admin.post(create, json={"name": "lake", "resource_path": "u/ada/lake"})
    assert (bucket.status_code, "resource_path" in bucket.text) == (400, True)
    await put(api, "ada", Address("scratch", "a"))
    full = await api.admin.delete(remove)
    assert (full.status_code, full.text) == (409, "Storage 'scratch' is not empty: delete its objects first.")
    await api.parts.objects.delete(await who(api, "ada"), Address("scratch", "a"))
    assert (await api.developer.delete(remove)).status_code == 403
    assert (await api.admin.delete(remove)).status_code == 200
    assert (await api.admin.delete(remove)).status_code == 404
    assert (await api.admin.delete(f"{W}/storages/delete/_default_")).status_code == 404


async def test_a_storage_is_tried_out_step_by_step_by_admins(api: Api) -> None:
    url = f"{W}/storages/examine/_default_"
    steps = (await api.admin.post(url)).json()
    assert {step["outcome"] for step in steps} == {"fine"}
    assert [step["name"] for step in steps][:2] == ["list objects", "write an object"]
    assert (await api.parts.objects.scan(await who(api, "ada"), Address("", ""))).entries == []
    assert (await api.developer.post(url)).status_code == 403
    assert (await api.admin.post(f"{W}/storages/examine/nope")).status_code == 404


async def test_a_storage_that_leads_nowhere_is_not_tried_out(api: Api) -> None:
    await edit(api, {"secondary_storage": {"gone": {"type": "S3Storage", "s3_resource_path": "u/ada/gone"}}})
    answer = await api.admin.post(f"{W}/storages/examine/gone")
    assert answer.status_code >= 400
    assert "create it" in answer.text


async def test_a_bucket_that_is_not_ours_is_forgotten_with_all_that_is_in_it(api: Api) -> None:
    await resource(api, "u/ada/lake", BUCKET)
    await edit(api, {"secondary_storage": {"lake": {"type": "S3Storage", "s3_resource_path": "u/ada/lake"}}})
    await put(api, "ada", Address("lake", "a"))
    assert (await api.admin.delete(f"{W}/storages/delete/lake")).status_code == 200
    assert await get(api, "ada", by("u/ada/lake", "a")) == b"x"


async def test_a_workspace_of_the_same_name_starts_without_objects(api: Api) -> None:
    await api.superadmin.post("/api/workspaces/create", json={"id": "again", "name": "A", "username": "root"})
    root = await who(api, "root", "again")
    await api.parts.objects.put(root, Address("", "a"), body(b"x"))
    assert (await api.superadmin.delete("/api/workspaces/delete/again")).status_code == 200
    await api.superadmin.post("/api/workspaces/create", json={"id": "again", "name": "A", "username": "root"})
    root = await who(api, "root", "again")
    assert (await api.parts.objects.scan(root, Address())).entries == []


async def test_explain_tells_which_rule_decides(api: Api) -> None:
    url = f"{W}/storages/explain"
    answer = await api.developer.post(url, json={"key": "u/ada/a", "action": "read"})
    assert answer.json() == {
        "allowed": False,
        "reason": "Rule 9, '**', is the first that matches: it allows nothing.",
        "rule": 8,
        "pattern": "**",
        "allow": "",
    }
    answer = await api.developer.post(url, json={"key": "u/dev/a", "action": "list", "storage": "_default_"})
    assert (answer.json()["allowed"], answer.json()["rule"]) == (True, 1)
    answer = await api.admin.post(url, json={"key": "u/dev/a", "action": "write", "username": "dev"})
    assert answer.json()["allowed"] is True
    answer = await api.admin.post(url, json={"key": "u/dev/a", "action": "write"})
    assert (answer.json()["allowed"], answer.json()["rule"]) == (True, None)
    answer = await api.developer.post(url, json={"key": "u/op/a", "action": "read", "username": "op"})
    assert answer.status_code == 403
    assert (await api.admin.post(url, json={"key": "a", "action": "read", "username": "none"})).status_code == 404
    assert (await api.admin.post(url, json={"key": "a", "action": "look"})).status_code == 400


async def test_usage_counts_what_the_caller_may_list(api: Api) -> None:
    await put(api, "ada", Address("", "u/ada/a"), b"12345")
    await put(api, "ada", Address("", "u/dev/a"), b"123")
    await put(api, "ada", Address("", "u/dev/b/c"), b"1")
    answer = await api.developer.get(f"{W}/storages/usage")
    assert answer.json() == {
        "size_bytes": 4,
        "objects": 2,
        "complete": True,
        "folders": [{"prefix": "u/", "size_bytes": 4, "objects": 2}],
    }
    scanned = await count(api.parts.objects, await who(api, "ada"), Address(key="u/"), most_pages=0)
    assert (scanned.total.objects, scanned.complete) == (3, True)  # the store counted by itself: no page was read
    answer = await api.admin.get(f"{W}/storages/usage", params={"prefix": "u/"})
    assert [(each["prefix"], each["size_bytes"]) for each in answer.json()["folders"]] == [("u/ada/", 5), ("u/dev/", 4)]
    assert (await api.developer.get(f"{W}/storages/usage", params={"prefix": "u/ada/"})).status_code == 403
    assert (await api.developer.get(f"{W}/storages/usage", params={"storage": "none"})).status_code == 404


async def test_a_storage_that_leads_nowhere_keeps_what_was_counted(api: Api) -> None:
    await resource(api, "u/ada/lake", BUCKET)
    await edit(api, {"secondary_storage": {"lake": {"type": "S3Storage", "s3_resource_path": "$res:u/ada/lake"}}})
    await put(api, "ada", Address(storage="lake", key="a"), b"12")
    url = f"{W}/job_helpers/storage_usage?refresh=true"

    async def counted() -> list[tuple[str, int]]:
        answer = await api.admin.get(url)
        assert answer.status_code == 200, answer.text
        return [(each["storage"], each["bytes"]) for each in answer.json()["storages"]]

    assert await counted() == [("_default_", 0), ("lake", 2)]
    assert (await api.admin.delete(f"{W}/resources/delete/u/ada/lake")).is_success
    await put(api, "ada", Address(key="b"), b"1")
    assert await counted() == [("_default_", 1), ("lake", 2)]


async def test_the_usage_of_storages_is_counted_once_and_when_it_is_asked_for(api: Api) -> None:
    await edit(api, {"secondary_storage": {"scratch": {}}})
    await put(api, "ada", Address("", "a"), b"12345")
    url = f"{W}/job_helpers/storage_usage"
    first = (await api.developer.get(url)).json()
    assert first["total_bytes"] == 5
    assert [(each["storage"], each["bytes"], each["objects"]) for each in first["storages"]] == [
        ("_default_", 5, 1),
        ("scratch", 0, 0),
    ]
    await put(api, "ada", Address("scratch", "a"), b"12")
    assert (await api.developer.get(url)).json() == first
    again = (await api.developer.get(url, params={"refresh": True})).json()
    assert again["total_bytes"] == 7


async def test_settings_are_audited(api: Api) -> None:
    await edit(api, {"secondary_storage": {"scratch": {}}})
    await api.admin.post(f"{W}/storages/create", json={"name": "another"})
    await api.admin.delete(f"{W}/storages/delete/another")
    logs = (await api.admin.get(f"{W}/audit/list")).json()
    assert [(each["operation"], each["resource"]) for each in logs] == [
        ("storages.delete", "another"),
        ("storages.create", "another"),
        ("workspaces.edit_large_file_storage_config", "main"),
    ]


async def test_one_statement_finds_a_storage_that_did_not_change(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await resource(api, "u/ada/lake", {**BUCKET, "secretKey": "$var:u/ada/key"})
    await api.admin.post(f"{W}/variables/create", json={"path": "u/ada/key", "value": "one", "is_secret": True})
    await edit(api, {"type": "S3Storage", "s3_resource_path": "u/ada/lake"})
    dev = await who(api, "dev")
    for _ in range(2):
        await api.parts.objects.put(dev, Address("", "u/dev/a"), body(b"x"))
    await api.parts.objects.flush_log()
    names: list[str] = []
    for module in (pool, transaction):
        monkeypatch.setattr(module, "run", recording(module.run, names))  # type: ignore[attr-defined]
    monkeypatch.setattr(look_ups._Line, "ask", recording(look_ups._Line.ask, names))
    reading = await api.parts.objects.get(dev, Address("", "u/dev/a"))
    assert [piece async for piece in reading.body] == [b"x"]
    assert names == ["storages.find"]


def recording(run: Callable[..., Awaitable[Any]], names: list[str]) -> Callable[..., Awaitable[Any]]:
    """`run`, noting the names of the statements."""

    async def run_and_note(connection: Any, query: Query, *more: Any, **options: Any) -> Any:
        names.append(query.name)
        return await run(connection, query, *more, **options)

    return run_and_note
