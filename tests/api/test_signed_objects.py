"""Public links to objects: who may make them, what they lead to, how they end."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

import pytest

from tests.api.conftest import Api
from tidemill.db.queries import inline

W = "/api/w/main"
KEY = "u/dev/päge b+c.html"


async def put(api: Api, key: str = KEY, content: bytes = b"<script>1</script>") -> None:
    query = {"file_key": key, "content_type": "text/html"}
    answer = await api.developer.post(f"{W}/job_helpers/upload_s3_file", params=query, content=content)
    assert answer.status_code == 200, answer.text


async def sign(api: Api, *keys: str, **more: Any) -> list[dict[str, str]]:
    body = {"s3_objects": [{"s3": key} for key in keys or (KEY,)], **more}
    answer = await api.developer.post(f"{W}/apps/sign_s3_objects", json=body)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json()
    return found


def url(signed: Mapping[str, str], *, key: str = "") -> str:
    storage = signed.get("storage", "_default_")
    return f"{W}/s3_proxy/{storage}/{quote(key or signed['s3'])}?{signed['presigned']}"


async def test_whoever_has_a_link_reads_the_object(api: Api) -> None:
    await put(api)
    (signed,) = await sign(api)
    assert set(signed) == {"s3", "presigned"}
    got = await api.anonymous.get(url(signed))
    assert (got.status_code, got.content, got.headers["content-type"]) == (200, b"<script>1</script>", "text/html")
    assert "sandbox" in got.headers["content-security-policy"]
    part = await api.anonymous.get(url(signed), headers={"Range": "bytes=0-2"})
    assert (part.status_code, part.content) == (206, b"<sc")
    head = await api.anonymous.head(url(signed))
    assert (head.status_code, head.headers["content-length"]) == (200, "18")


async def test_link_is_read_only(api: Api) -> None:
    await put(api)
    (signed,) = await sign(api)
    for method in ("PUT", "POST", "DELETE"):
        assert (await api.anonymous.request(method, url(signed), content=b"x")).status_code in {400, 403}, method


async def test_only_who_may_read_may_share(api: Api) -> None:
    body = {"s3_objects": [{"s3": "u/ada/x"}]}
    answer = await api.developer.post(f"{W}/apps/sign_s3_objects", json=body)
    assert (answer.status_code, "cannot share" in answer.text) == (403, True)


async def test_right_is_asked_again_when_the_link_is_used(api: Api) -> None:
    """D09: at mint time and at use time."""
    key = "f/shared/x"
    await api.admin.post(f"{W}/folders/create", json={"name": "shared", "extra_perms": {"u/dev": True}})
    await put(api, key)
    (signed,) = await sign(api, key)
    assert (await api.anonymous.get(url(signed))).status_code == 200
    await api.admin.post(f"{W}/folders/update/shared", json={"extra_perms": {}})
    assert (await api.anonymous.get(url(signed))).status_code == 403


async def test_link_of_somebody_who_left_leads_nowhere(api: Api) -> None:
    await put(api)
    (signed,) = await sign(api)
    await api.admin.delete(f"{W}/users/delete/dev")
    answer = await api.anonymous.get(url(signed))
    assert (answer.status_code, "no member of the workspace any more" in answer.text) == (403, True)


def changed(signed: Mapping[str, str], **instead: str) -> dict[str, str]:
    query = {name: values[0] for name, values in parse_qs(signed["presigned"]).items()} | instead
    return {**signed, "presigned": urlencode(query)}


@pytest.mark.parametrize(
    "change",
    [
        {"expires": "9999999999"},
        {"link": "0" * 32},
        {"signature": "A" * 43},
        {"signature": "ä"},
        {"expires": "x"},
        {"link": "x"},
    ],
)
async def test_changed_link_is_refused(api: Api, change: dict[str, str]) -> None:
    await put(api)
    (signed,) = await sign(api)
    answer = await api.anonymous.get(url(changed(signed, **change)))
    assert (answer.status_code, "ask whoever gave it to you" in answer.text) == (403, True)


async def test_link_is_good_for_its_object_alone(api: Api) -> None:
    await put(api)
    await put(api, "u/dev/other")
    await api.admin.post(f"{W}/storages/create", json={"name": "second"})
    (signed,) = await sign(api)
    assert (await api.anonymous.get(url(signed, key="u/dev/other"))).status_code == 403
    assert (await api.anonymous.get(url({**signed, "storage": "second"}))).status_code == 403
    assert (await api.anonymous.get(url(signed).replace("/w/main/", "/w/other/"))).status_code == 403
    for trick in (f"{KEY}/", f"/{KEY}", KEY.replace("/", "//")):
        assert (await api.anonymous.get(url(signed, key=trick))).status_code == 403, trick


async def test_expired_link_leads_nowhere(api: Api) -> None:
    await put(api)
    (signed,) = await sign(api, expiry_secs=1)
    expires = int(parse_qs(signed["presigned"])["expires"][0])
    shortest = inline("select extract(epoch from max(expires_at) - max(created_at)) from object_link")
    assert 59 <= await api.parts.database.single.fetch_value(shortest) <= 60
    past = inline("update object_link set expires_at = now() - interval '1 second' where expires_at = to_timestamp(:t)")
    assert await api.parts.database.single.execute(past, t=expires) == 1
    answer = await api.anonymous.get(url(signed))
    assert answer.status_code == 403
    until = f"{datetime.fromtimestamp(expires, UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert answer.text.startswith(f"The link to 's3:///{KEY}' held until {until}")


async def test_longest_link_is_a_week(api: Api) -> None:
    await sign(api, expiry_secs=10**9)
    longest = inline("select extract(epoch from max(expires_at) - now()) <= 604800 from object_link")
    assert await api.parts.database.single.fetch_value(longest)


async def test_links_are_taken_back(api: Api) -> None:
    await put(api)
    first, second = await sign(api, KEY, KEY)
    listed = (await api.developer.get(f"{W}/object_links/list", params={"file_key": KEY})).json()
    assert [each["s3"] for each in listed] == [KEY, KEY]
    assert "signature" not in str(listed)
    assert (await api.operator.get(f"{W}/object_links/list")).json() == []
    gone = parse_qs(first["presigned"])["link"][0]
    assert (await api.operator.delete(f"{W}/object_links/revoke/{gone}")).status_code == 404
    assert (await api.developer.delete(f"{W}/object_links/revoke/{gone}")).status_code == 200
    assert [(await api.anonymous.get(url(each))).status_code for each in (first, second)] == [403, 200]
    assert len((await api.admin.post(f"{W}/object_links/revoke_all", json={"s3": KEY})).json()) == 1
    assert (await api.anonymous.get(url(second))).status_code == 403


async def test_missing_object_of_a_good_link_is_said_so(api: Api) -> None:
    (signed,) = await sign(api, "u/dev/none")
    answer = await api.anonymous.get(url(signed))
    assert (answer.status_code, "u/dev/none" in answer.text) == (404, True)


async def test_bounds(api: Api) -> None:
    assert await sign(api, s3_objects=[]) == []
    body = {"s3_objects": [{"s3": f"u/dev/{n}"} for n in range(1001)]}
    assert (await api.developer.post(f"{W}/apps/sign_s3_objects", json=body)).status_code == 400
