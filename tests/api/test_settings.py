"""Settings of the instance."""

import pytest

from tests.api.conftest import Api, audited
from tidemill.model.rootkey import key_id_of

G = "/api/settings/global"


async def test_a_setting_is_null_until_it_is_made(api: Api) -> None:
    assert (await api.developer.get(f"{G}/custom_tags")).content == b"null"
    made = await api.superadmin.post(f"{G}/custom_tags", json={"value": ["gpu", "big"]})
    assert made.status_code == 200, made.text
    assert (await api.developer.get(f"{G}/custom_tags")).json() == ["gpu", "big"]
    assert (await api.developer.get("/api/workers/custom_tags")).json() == ["gpu", "big"]
    assert (await api.operator.get("/api/w/main/workers/custom_tags")).json() == ["gpu", "big"]
    listed = (await api.superadmin.get("/api/settings/list_global")).json()
    assert listed == [{"name": "custom_tags", "value": ["gpu", "big"]}]
    for body in ({"value": None}, {}):
        assert (await api.superadmin.post(f"{G}/custom_tags", json=body)).status_code == 200
        assert (await api.developer.get(f"{G}/custom_tags")).content == b"null"
    assert [each["resource"] for each in await audited(api, "settings.update")] == ["custom_tags"] * 3


async def test_settings_are_the_superadmins(api: Api) -> None:
    for caller in (api.admin, api.developer):
        assert (await caller.post(f"{G}/custom_tags", json={"value": ["x"]})).status_code == 403
        assert (await caller.get("/api/settings/list_global")).status_code == 403
        assert (await caller.get(f"{G}/hub_api_secret")).status_code == 403
        assert (await caller.get(f"{G}/automate_username_creation")).content == b"null"
    assert (await api.superadmin.get(f"{G}/uid")).content == b"null"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("custom_tags", "x"),
        ("custom_tags", [1]),
        ("automate_username_creation", "yes"),
        ("smtp_password", "x"),
        ("a", 1),
    ],
)
async def test_bad_settings_are_refused(api: Api, name: str, value: object) -> None:
    assert (await api.superadmin.post(f"{G}/{name}", json={"value": value})).status_code == 400


async def test_keys_stand_as_they_are_and_are_not_shown(api: Api) -> None:
    found = await api.superadmin.get("/api/settings/keys")
    assert found.status_code == 200, found.text
    standing = found.json()
    assert standing["root_key_id"] == key_id_of(bytes(range(32)))
    assert (standing["wrapped_by_others"], standing["signing_keys"]) == (0, [])
    assert standing["wrapped"] >= 2
    await api.developer.post("/api/w/main/oidc/token/sts.example")
    signing = (await api.superadmin.get("/api/settings/keys")).json()["signing_keys"]
    assert [each["published_until"] for each in signing] == [None]
    for caller in (api.admin, api.developer):
        assert (await caller.get("/api/settings/keys")).status_code == 403
