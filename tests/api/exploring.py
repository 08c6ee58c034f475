"""What the tests of the explorer share: a resource of a database, and how it is asked."""

import json
from typing import Any

import httpx

from tests.api.conftest import Api

W = "/api/w/main"
PATH = "f/data/shop"


async def put_resource(api: Api, kind: str, value: dict[str, object]) -> httpx.AsyncClient:
    """A developer who may read a resource of the type at `PATH`."""
    await api.admin.post(f"{W}/folders/create", json={"name": "data", "extra_perms": {"g/all": False}})
    resource = {"path": PATH, "value": value, "resource_type": kind}
    assert (await api.admin.post(f"{W}/resources/create", json=resource)).is_success
    return api.developer


async def ask(client: httpx.AsyncClient, what: str, *, status: int = 200, **body: Any) -> Any:
    """The answer of `databases/{what}`, or its text where it must be an error."""
    answer = await client.post(f"{W}/databases/{what}", json={"resource": PATH, **body})
    assert answer.status_code == status, answer.text
    return json.loads(answer.content) if status == 200 else answer.text


async def all_pages(client: httpx.AsyncClient, *, limit: int, **body: Any) -> list[list[Any]]:
    """The rows of all pages, one after the other."""
    found: list[list[Any]] = []
    after: list[Any] = []
    for _ in range(100):
        page = await ask(client, "rows", limit=limit, after=after, **body)
        found += page["rows"]
        if not page["has_more"]:
            return found
        after = page["after"]
    raise AssertionError("there is always another page")
