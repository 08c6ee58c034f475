"""Signing in by password, browser sessions, throttling, and requests that another site forged."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.api.conftest import BASE_URL, PASSWORD, Api, audited
from tidemill.db import accounts
from tidemill.db.passwords import hash_password
from tidemill.db.queries import inline

CSRF = {"X-Tidemill-CSRF": "1"}


@pytest.fixture
async def eve(api: Api) -> httpx.AsyncClient:
    """A browser that has not signed in yet; its user is a developer of `main` with a password."""
    await api.person("eve")
    async with api.parts.database.system() as tx:
        await accounts.set_password(tx, "eve@x.org", await hash_password(PASSWORD))
    return await api.client()


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, email: str = "eve@x.org") -> httpx.Response:
    return await client.post("/api/auth/login", json={"email": email, "password": password})


async def test_login_answers_the_token_and_sets_a_cookie(api: Api, eve: httpx.AsyncClient) -> None:
    answer = await sign_in(eve, email=" EVE@x.org ")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"token={answer.text};")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert attributes == {"HttpOnly", "SameSite=lax", "Path=/", f"Max-Age={7 * 86400}"}
    assert (await eve.get("/api/users/email")).text == "eve@x.org"
    bearer = await api.client(answer.text)
    assert (await bearer.get("/api/users/email")).text == "eve@x.org"
    assert [record["username"] for record in await audited(api, "users.login")] == ["eve@x.org"]


async def test_logout_ends_the_session_for_every_copy_of_it(api: Api, eve: httpx.AsyncClient) -> None:
    copy = await api.client((await sign_in(eve)).text)
    assert (await eve.post("/api/auth/logout", headers=CSRF)).status_code == 200
    assert not eve.cookies
    assert (await copy.get("/api/users/email")).status_code == 401


async def test_logout_leaves_personal_tokens_alone(api: Api) -> None:
    assert (await api.developer.post("/api/auth/logout")).status_code == 200
    assert (await api.developer.get("/api/users/email")).status_code == 200


async def test_unknown_disabled_passwordless_and_wrong_look_the_same(api: Api, eve: httpx.AsyncClient) -> None:
    await api.superadmin.post(
        "/api/users/create", json={"email": "off@x.org", "super_admin": False, "password": PASSWORD}
    )
    await api.superadmin.post("/api/users/update/off@x.org", json={"disabled": True})
    answers = [
        await sign_in(eve, "wrong"),
        await sign_in(eve, "x" * 100_000),
        await sign_in(eve, email="nobody@x.org"),
        await sign_in(eve, email="off@x.org"),
        await sign_in(eve, email="dev@x.org"),
        await sign_in(eve, email="not an e-mail"),
        await sign_in(eve, email=""),
    ]
    assert {(each.status_code, each.text) for each in answers} == {(401, "The e-mail or the password is wrong.")}


async def test_what_is_typed_for_unknown_accounts_is_not_kept(api: Api, eve: httpx.AsyncClient) -> None:
    await sign_in(eve, email="my-password-in-the-wrong-field")
    assert (
        b"my-password"
        not in (await api.superadmin.get("/api/w/main/audit/list", params={"all_workspaces": True})).content
    )
    failures = await audited(api, "users.login_failure")
    assert len(failures) == 1


async def test_tries_on_an_account_are_throttled_even_with_the_right_password(api: Api, eve: httpx.AsyncClient) -> None:
    for _ in range(10):
        assert (await sign_in(eve, "wrong")).status_code == 401
    refused = await sign_in(eve)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 90


async def test_unknown_accounts_are_throttled_alike(api: Api, eve: httpx.AsyncClient) -> None:
    for _ in range(10):
        await sign_in(eve, email="nobody@x.org")
    assert (await sign_in(eve, email="nobody@x.org")).status_code == 429


async def test_tries_from_an_address_are_throttled_over_accounts(api: Api, eve: httpx.AsyncClient) -> None:
    for number in range(10):
        await sign_in(eve, email=f"nobody{number}@x.org")
    assert (await sign_in(eve)).status_code == 429


async def test_throttling_wears_off_try_by_try(api: Api, eve: httpx.AsyncClient) -> None:
    for _ in range(11):
        await sign_in(eve, "wrong")
    await pass_time(api, "100 seconds")
    assert (await sign_in(eve, "wrong")).status_code == 401
    assert (await sign_in(eve)).status_code == 429
    await pass_time(api, "100 seconds")
    assert (await sign_in(eve)).status_code == 200


async def test_signing_in_forgets_the_tries_of_the_account_only(api: Api, eve: httpx.AsyncClient) -> None:
    for _ in range(9):
        await sign_in(eve, "wrong")
    assert (await sign_in(eve)).status_code == 200
    levels = await api.parts.database.single.fetch_all(inline("select level from login_throttle"))
    assert [round(row["level"]) for row in levels] == [9]


async def pass_time(api: Api, interval: str) -> None:
    await api.parts.database.single.execute(
        inline("update login_throttle set at = at - :interval::interval"), interval=interval
    )


BROKEN = [
    b"",
    b"[]",
    b"{}",
    b'{"email": 1, "password": "x"}',
    b'{"email": "a@b"}',
    b"\xff",
    b'{"email":"a\\u0000","password":"b"}',
]


@pytest.mark.parametrize("body", BROKEN)
async def test_bad_login_bodies_are_refused(api: Api, body: bytes) -> None:
    assert (await api.anonymous.post("/api/auth/login", content=body)).status_code == 400


async def test_password_change_ends_the_other_sessions(api: Api, eve: httpx.AsyncClient) -> None:
    await sign_in(eve)
    other = await api.client((await sign_in(await api.client())).text)
    changed = await eve.post("/api/users/setpassword", json={"password": "another-long-one"}, headers=CSRF)
    assert changed.status_code == 200, changed.text
    assert (await other.get("/api/users/email")).status_code == 401
    assert (await eve.get("/api/users/email")).status_code == 200
    assert (await sign_in(await api.client())).status_code == 401
    assert (await sign_in(await api.client(), "another-long-one")).status_code == 200


async def test_a_superadmin_who_sets_a_password_ends_all_sessions(api: Api, eve: httpx.AsyncClient) -> None:
    await sign_in(eve)
    answer = await api.superadmin.post("/api/users/set_password_of/eve@x.org", json={"password": "another-long-one"})
    assert answer.status_code == 200
    assert (await eve.get("/api/users/email")).status_code == 401


async def test_a_session_that_expired_is_none(api: Api, eve: httpx.AsyncClient) -> None:
    await sign_in(eve)
    await api.parts.database.single.execute(inline("update token set expires_at = now() where kind = 'session'"))
    assert (await eve.get("/api/users/email")).status_code == 401


FORGED = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": BASE_URL + ".evil.example"},
    {"Origin": BASE_URL.replace("http:", "https:")},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Origin": BASE_URL, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "X-Tidemill-CSRF": "1"},
    {"Origin": "https://evil.example", "Host": "evil.example"},
    {"Origin": "https://evil.example", "X-Forwarded-Host": "evil.example"},
    {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"},
    {},
]


@pytest.mark.parametrize("headers", FORGED, ids=str)
async def test_forged_changes_by_cookie_change_nothing(
    api: Api, eve: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await sign_in(eve)
    answer = await eve.post("/api/w/main/folders/create", content=b'{"name": "forged"}', headers=headers)
    assert answer.status_code == 403, answer.text
    assert (await api.admin.get("/api/w/main/folders/exists/forged")).json() is False


@pytest.mark.parametrize(
    "headers", [CSRF, {"Origin": BASE_URL}, {"Sec-Fetch-Site": "same-origin"}, {"Origin": BASE_URL, **CSRF}], ids=str
)
async def test_changes_by_cookie_from_our_own_pages_are_taken(
    api: Api, eve: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    await sign_in(eve)
    assert (await eve.post("/api/w/main/folders/create", json={"name": "mine"}, headers=headers)).status_code == 201


async def test_programs_may_send_a_personal_token_as_cookie(api: Api) -> None:
    client = await api.client(Cookie=f"token={await api.token('dev@x.org')}")
    assert (await client.post("/api/w/main/folders/create", json={"name": "mine"})).status_code == 201
    answer = await client.post(
        "/api/w/main/folders/create", json={"name": "two"}, headers={"Origin": "https://evil.example"}
    )
    assert answer.status_code == 403


async def test_another_site_cannot_sign_its_visitors_in(api: Api, eve: httpx.AsyncClient) -> None:
    answer = await eve.post(
        "/api/auth/login",
        json={"email": "eve@x.org", "password": PASSWORD},
        headers={"Origin": "https://evil.example"},
    )
    assert answer.status_code == 403
    assert not eve.cookies


async def test_no_answer_lets_other_origins_read(api: Api) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Origin": BASE_URL}):
        answer = await api.developer.get("/api/w/main/users/whoami", headers=headers)
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_of_a_body_without_end_little_is_taken_in(api: Api) -> None:
    """Whoever has not signed in must not be able to fill the memory of the server."""
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while given < 1000:
            given += 1
            yield b" " * 65536

    answer = await api.anonymous.post("/api/auth/login", content=endless())
    assert (answer.status_code, answer.headers["x-tidemill-error"]) == (413, "too_large")
    assert given < 10
