"""D14: no write by a browser's session is taken from another site's page, on any route; links name us alone."""

import re

import httpx
import pytest

from tests.api.conftest import BASE_URL, PASSWORD, Api
from tidemill.db import accounts
from tidemill.db.passwords import hash_password
from tidemill.server.policy import POLICIES, Who

WRITES = [
    key for key, policy in POLICIES.items() if policy.writes and policy.who is not Who.PUBLIC and not policy.signed
]
ELSEWHERE = "https://evil.example"


@pytest.fixture
async def browser(api: Api) -> httpx.AsyncClient:
    """The session of a superadmin, as a browser holds it."""
    async with api.parts.database.system() as tx:
        await accounts.set_password(tx, "root@x.org", await hash_password(PASSWORD))
    client = await api.client()
    answer = await client.post("/api/auth/login", json={"email": "root@x.org", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return client


def address(template: str) -> str:
    return re.sub(r"{(\w+)(?::path)?}", lambda found: "main" if found[1] == "workspace" else "x", template)


async def test_no_write_is_taken_from_another_site(browser: httpx.AsyncClient) -> None:
    assert len(WRITES) > 100
    taken = []
    for key in WRITES:
        method, _, template = key.partition(" ")
        for headers in (
            {"Origin": ELSEWHERE, "Content-Type": "text/plain"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "X-Tidemill-CSRF": "1"},
            {"Content-Type": "application/x-www-form-urlencoded"},
        ):
            answer = await browser.request(method, address(template), content=b"{}", headers=headers)
            if answer.status_code != 403 or answer.headers.get("x-tidemill-error") != "denied":
                taken.append(f"{key}: {answer.status_code} {answer.text[:80]}")
            assert "access-control-allow-origin" not in answer.headers
    assert not taken, "\n".join(taken)
    assert (await browser.get("/api/users/email")).text == "root@x.org"


async def test_what_a_request_says_of_the_host_is_in_no_link(api: Api) -> None:
    odd = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "ftp", "Origin": ELSEWHERE}
    made = await api.developer.post(
        "/api/w/main/s3_credentials", headers={k: v for k, v in odd.items() if k != "Origin"}
    )
    assert made.json()["endpoint"].startswith(BASE_URL)
    assert "evil.example" not in made.text
    listed = await api.developer.get("/api/w/main/users/whoami", headers=odd)
    assert "evil.example" not in listed.text + str(listed.headers)
