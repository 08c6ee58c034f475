"""Stars: each has their own, and they tell nothing of what may not be seen."""

import httpx
import pytest

from tests.api.conftest import Api
from tidemill.server.routes import favorites

W = "/api/w/main"
SOURCE = "def main():\n    return 1\n"


async def post(client: httpx.AsyncClient, route: str, body: object, status: int = 200) -> str:
    answer = await client.post(f"{W}/{route}", json=body)
    assert answer.status_code == status, answer.text
    return answer.text


async def fill(client: httpx.AsyncClient, owner: str) -> None:
    script = {"path": f"u/{owner}/s", "content": SOURCE, "language": "python3", "summary": "A script"}
    await post(client, "scripts/create", script, 201)
    flow = {"path": f"u/{owner}/f", "summary": "A flow", "value": {"modules": []}}
    await post(client, "flows/create", flow, 201)
    resource = {"path": f"u/{owner}/r", "value": {}, "resource_type": "any", "description": "A resource"}
    await post(client, "resources/create", resource, 201)


async def starred(client: httpx.AsyncClient) -> list[tuple[str, str, str, str]]:
    answer = await client.get(f"{W}/favorites/list")
    assert answer.status_code == 200, answer.text
    return [(each["favorite_kind"], each["path"], each["summary"], each["about"]) for each in answer.json()]


async def listed(client: httpx.AsyncClient, noun: str, **query: str) -> dict[str, bool]:
    answer = await client.get(f"{W}/{noun}/list", params=query)
    assert answer.status_code == 200, answer.text
    return {each["path"]: each.get("starred", False) for each in answer.json()}


async def test_each_has_their_own_stars(api: Api) -> None:
    await fill(api.developer, "dev")
    for kind, path in (("script", "u/dev/s"), ("flow", "u/dev/f"), ("resource", "u/dev/r"), ("script", "u/dev/s")):
        await post(api.developer, "favorites/star", {"path": path, "favorite_kind": kind})
    assert await starred(api.developer) == [
        ("flow", "u/dev/f", "A flow", "flow"),
        ("resource", "u/dev/r", "A resource", "any"),
        ("script", "u/dev/s", "A script", "python3"),
    ]
    assert await starred(api.admin) == []
    assert await listed(api.developer, "scripts") == {"u/dev/s": True}
    assert await listed(api.admin, "scripts") == {"u/dev/s": False}
    await post(api.developer, "favorites/unstar", {"path": "u/dev/f", "favorite_kind": "flow"})
    assert [kind for kind, *_ in await starred(api.developer)] == ["resource", "script"]
    assert await listed(api.developer, "flows") == {"u/dev/f": False}


@pytest.mark.parametrize("noun", ["scripts", "flows"])
async def test_lists_show_those_with_a_star_alone(api: Api, noun: str) -> None:
    await fill(api.developer, "dev")
    await fill(api.admin, "ada")
    kind = noun.removesuffix("s")
    assert await listed(api.admin, noun, starred_only="true") == {}
    await post(api.admin, "favorites/star", {"path": f"u/ada/{kind[0]}", "favorite_kind": kind})
    assert await listed(api.admin, noun, starred_only="true") == {f"u/ada/{kind[0]}": True}
    assert len(await listed(api.admin, noun)) == 2


async def test_what_may_not_be_seen_gets_no_star_and_shows_none(api: Api) -> None:
    await fill(api.admin, "ada")
    for kind in ("script", "flow", "resource"):
        hidden = await api.developer.post(
            f"{W}/favorites/star", json={"path": f"u/ada/{kind[0]}", "favorite_kind": kind}
        )
        absent = await api.developer.post(f"{W}/favorites/star", json={"path": "u/ada/x", "favorite_kind": kind})
        assert (hidden.status_code, absent.status_code) == (404, 404)
        assert hidden.text == absent.text.replace("u/ada/x", f"u/ada/{kind[0]}")
    await post(api.admin, "acls/add/script/u/ada/s", {"owner": "u/dev"})
    await post(api.developer, "favorites/star", {"path": "u/ada/s", "favorite_kind": "script"})
    assert len(await starred(api.developer)) == 1
    await post(api.admin, "acls/remove/script/u/ada/s", {"owner": "u/dev"})
    assert await starred(api.developer) == []
    await post(api.developer, "favorites/unstar", {"path": "u/ada/s", "favorite_kind": "script"})


async def test_what_is_gone_is_not_shown(api: Api) -> None:
    await fill(api.admin, "ada")
    for kind in ("script", "flow", "resource"):
        await post(api.admin, "favorites/star", {"path": f"u/ada/{kind[0]}", "favorite_kind": kind})
    await post(api.admin, "scripts/archive/p/u/ada/s", {})
    await post(api.admin, "flows/archive/u/ada/f", {"archived": True})
    assert (await api.admin.delete(f"{W}/resources/delete/u/ada/r")).status_code == 200
    assert await starred(api.admin) == []


async def test_other_kinds_too_many_and_jobs_are_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await fill(api.admin, "ada")
    await post(api.admin, "favorites/star", {"path": "u/ada/s", "favorite_kind": "app"}, 501)
    await post(api.admin, "favorites/star", {"path": "nowhere", "favorite_kind": "script"}, 400)
    job = await api.job("ada")
    await post(job, "favorites/star", {"path": "u/ada/s", "favorite_kind": "script"}, 403)
    monkeypatch.setattr(favorites, "MOST", 1)
    await post(api.admin, "favorites/star", {"path": "u/ada/s", "favorite_kind": "script"})
    await post(api.admin, "favorites/star", {"path": "u/ada/f", "favorite_kind": "flow"}, 409)
