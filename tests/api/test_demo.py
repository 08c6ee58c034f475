"""The demo is made whole, once."""

from pathlib import Path

from tests.api.conftest import Api
from tidemill.wiring.demo import SCRIPT, make_demo, source
from tidemill.wiring.login_file import KeptLogin, Login, read_login, write_login


async def new_login(api: Api, data_dir: Path) -> Login:
    login = Login(workspace="main", email="ada@x.org", password="unused", token=await api.token("ada@x.org"))
    write_login(data_dir, KeptLogin(login=login))
    return login


async def test_demo_has_a_script_a_resource_and_a_secret(api: Api, tmp_path: Path) -> None:
    await make_demo(api.app, tmp_path, await new_login(api, tmp_path))
    script = (await api.admin.get(f"/api/w/main/scripts/get/p/{SCRIPT}")).json()
    assert script["content"] == source()
    assert list(script["schema"]["properties"]) == ["prefix", "verbose"]
    assert script["lock"] == ""
    assert (await api.admin.get("/api/w/main/resources/get_value/f/demo/watch_settings")).json() == {"limit": 50}
    variable = (await api.admin.get("/api/w/main/variables/get/f/demo/watch_secret?decrypt_secret=false")).json()
    assert variable["is_secret"] is True
    kept = read_login(tmp_path)
    assert kept is not None
    assert kept.has_demo


async def test_demo_that_its_user_deleted_does_not_come_back(api: Api, tmp_path: Path) -> None:
    login = await new_login(api, tmp_path)
    await make_demo(api.app, tmp_path, login)
    assert (await api.admin.post(f"/api/w/main/scripts/delete/p/{SCRIPT}")).status_code == 200
    await make_demo(api.app, tmp_path, login)
    assert (await api.admin.get(f"/api/w/main/scripts/exists/p/{SCRIPT}")).json() is False


async def test_demo_that_was_interrupted_is_completed(api: Api, tmp_path: Path) -> None:
    login = await new_login(api, tmp_path)
    await api.admin.post("/api/w/main/folders/create", json={"name": "demo"})
    await make_demo(api.app, tmp_path, login)
    assert (await api.admin.get(f"/api/w/main/scripts/exists/p/{SCRIPT}")).json() is True


async def test_demo_that_is_refused_is_tried_again(api: Api, tmp_path: Path) -> None:
    login = Login(workspace="main", email="x@x.org", password="unused", token="revoked")
    write_login(tmp_path, KeptLogin(login=login))
    await make_demo(api.app, tmp_path, login)
    kept = read_login(tmp_path)
    assert kept is not None
    assert not kept.has_demo
