"""A token that is good for some paths alone reaches nothing at others, by any operation (D08)."""

import json
from typing import Final

import httpx

from tests.api.conftest import Api
from tests.security.operations import Call, calls, seed
from tidemill.engine.scopes import DOMAINS
from tidemill.server.policy import POLICIES

NARROW: Final = [f"{domain}:{action}:f/elsewhere/*" for domain, actions in DOMAINS.items() for action in actions]
_OF_TYPES: Final = "types lie at no paths, and hold nothing of anybody"
_NUMBERS: Final = "numbers alone"
_SENT: Final = "it works with what is sent, and nothing else"
HARMLESS: Final = {
    "GET /api/w/{workspace}/resources/file_resource_type_to_file_ext_map": _OF_TYPES,
    "GET /api/w/{workspace}/resources/type/list": _OF_TYPES,
    "GET /api/w/{workspace}/resources/type/listnames": _OF_TYPES,
    "GET /api/w/{workspace}/resources/type/get/{name}": _OF_TYPES,
    "GET /api/w/{workspace}/resources/type/exists/{name}": _OF_TYPES,
    "GET /api/w/{workspace}/resources/type/resource_counts": _NUMBERS,
    "GET /api/w/{workspace}/jobs/queue/count": _NUMBERS,
    "GET /api/w/{workspace}/jobs/completed/count": _NUMBERS,
    "GET /api/w/{workspace}/jobs/completed/count_jobs": _NUMBERS,
    "GET /api/w/{workspace}/jobs/queue/position/{scheduled_for}": _NUMBERS,
    "POST /api/schedules/preview": _SENT,
    "POST /api/w/{workspace}/variables/encrypt": _SENT,
    "POST /api/w/{workspace}/resources/from_url": _SENT,
    "POST /api/w/{workspace}/scripts/infer_schema": _SENT,
    "GET /api/w/{workspace}/variables/list_contextual": "what any job is told",
    "GET /api/w/{workspace}/concurrency_groups/list_jobs": "a list without anything in it",
}
"""Operations that succeed all the same, and why that is fine."""


async def test_nothing_is_reached_at_other_paths(api: Api) -> None:
    table = calls(await seed(api))
    narrow = await api.client(await api.token("root@x.org", scopes=NARROW))
    bound = {key.replace(":path}", "}"): policy for key, policy in POLICIES.items() if policy.scope}
    reached = {}
    for key, call in table.items():
        if key in bound and isinstance(call.by, str):
            answer = await answer_to(narrow, key, call)
            if answer.is_success and answer.text not in {"[]", "{}", "false"}:
                reached[key] = answer.text[:100]
    assert reached.keys() == HARMLESS.keys(), reached


async def answer_to(client: httpx.AsyncClient, key: str, call: Call) -> httpx.Response:
    method, template = key.split(" ")
    content = None if call.body is None else json.dumps(call.body)
    headers = {"Content-Type": "application/json", **call.headers}
    return await client.request(method, call.url(template), params=call.query, content=content, headers=headers)
