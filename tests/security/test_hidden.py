"""What a caller may not see looks like what is not there: by path, by hash and by id, on every route (D04)."""

from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.api.conftest import Api
from tests.security.expectations import (
    ELSEWHERE,
    things,
    without_names,
)
from tests.security.world import BODY, SECRET, Thing, call, digest, make_callers, make_world
from tidemill.server.policy import POLICIES

WATCHERS = ("developer", "job of the developer", "operator")
QUERY = "?decrypt_secret=true&approver=x"


def variants(route: str) -> Iterator[tuple[str, dict[str, str]]]:
    """(what it is, placeholder's kind -> kind of thing): a variable may be secret, a job queued, running or done."""
    kinds = set(things(route).values())
    yield "", {}
    if "variable" in kinds:
        yield "secret", {"variable": "secret"}
    if "job" in kinds:
        yield "running", {"job": "running job"}
        yield "queued", {"job": "queued job"}
    if "shared" in kinds:
        yield from ((kind, {"shared": kind, "kind": kind}) for kind in ("resource", "script", "folder"))


def named(thing: Thing, variant: Mapping[str, str]) -> dict[str, str]:
    """The names to fill a route with."""
    names = {**ELSEWHERE, **thing.names}
    swapped = {kind: thing.names[other] for kind, other in variant.items() if kind != "kind"}
    return {**names, **swapped, "kind": variant.get("kind", "variable")}


def repeated(route: str, thing: Thing) -> list[str]:
    """What an answer may repeat. Of an object its key alone: the number of a rule could be the id of a version."""
    return [thing.names["object"]] if "object" in things(route).values() else thing.texts


@pytest.mark.parametrize("watcher", WATCHERS)
async def test_what_is_hidden_looks_like_what_is_not_there(api: Api, watcher: str) -> None:
    """D04: by path, hash and id, for every route that names a thing; and looking at it changes nothing."""
    callers, world = await make_callers(api), await make_world(api)
    client = await api.client()
    before, wrong = await digest(api), []
    for route in (each for each in POLICIES if things(each)):
        token = callers.token(watcher, POLICIES[route])
        for what, variant in variants(route):
            answers = []
            for thing in (world.missing, world.hidden, world.foreign):
                names = named(thing, variant)
                body = {**BODY, "path": names["variable"]}
                answer = await call(client, route, names, token=token, body=body, query=QUERY)
                told = without_names(answer.text, repeated(route, thing))
                assert SECRET not in told, (route, what, told)
                answers.append((answer.status_code, told, answer.headers.get("x-tidemill-error")))
            if len(set(answers)) > 1:
                wrong.append(f"{watcher}: {route} ({what}): {answers}")
    assert wrong == []
    assert await digest(api) == before


NEVER_THERE = {
    "GET /api/w/{workspace}/leases/get/{path:path}",
    "GET /api/w/{workspace}/jobs/flow/user_states/{id}/{key:path}",
    "GET /api/w/{workspace}/jobs_u/flow/approval_info/{job_id}",
    "GET /api/w/{workspace}/jobs/result_by_id/{flow_job_id}/{node_id}",
    "GET /api/w/{workspace}/jobs/wac_approval_urls/{id}/{step_key}",
    *(
        f"GET /api/w/{{workspace}}/jobs_u/{verb}/{{id}}/{{resume_id}}/{{signature}}"
        for verb in ("resume", "cancel", "get_flow")
    ),
}
"""Nobody holds a lease here, no job is a flow or workflow, and what is no signature opens nothing."""


async def test_what_is_visible_is_there_by_every_route(api: Api) -> None:
    """Else the answers above would be alike because the addresses are wrong."""
    callers, world = await make_callers(api), await make_world(api)
    client, wrong = await api.client(), []
    for route, policy in POLICIES.items():
        if things(route) and route.startswith("GET") and policy.scope != "jobs:run" and route not in NEVER_THERE:
            variant = {"job": "queued job"} if "/queue/" in route else {}
            names = named(world.visible, variant)
            answer = await call(client, route, names, token=callers.tokens["developer"], body=None)
            if answer.status_code != 200 or ("/exists/" in route and answer.text != "true"):
                wrong.append(f"{route}: {answer.status_code} {answer.text[:100]}")
    assert wrong == []


@pytest.mark.parametrize("watcher", ["developer", "job of the developer"])
async def test_lists_of_names_tell_no_more_than_single_names(api: Api, watcher: str) -> None:
    """What names things in its body or query rather than in its path."""
    callers, world = await make_callers(api), await make_world(api)
    client, wrong = await api.client(), []
    before = await digest(api)
    token = callers.tokens[watcher]
    calls: dict[str, Callable[[Mapping[str, str]], object]] = {
        "DELETE variables/delete_bulk": lambda names: {"paths": [names["variable"], names["secret"]]},
        "DELETE resources/delete_bulk": lambda names: {"paths": [names["resource"]]},
        "POST jobs/queue/cancel_selection": lambda names: [names["running job"], names["queued job"]],
        "POST jobs/run/batch_rerun_jobs": lambda names: {"job_ids": [names["job"]]},
        "POST scripts/create": lambda names: {**BODY, "path": "u/dev/new", "parent_hash": names["hash"]},
        "GET variables/history/diff?from={variable version}&to={variable version}": lambda _names: None,
        "GET resources/history/diff?from={resource version}&to={resource version}": lambda _names: None,
        "POST resources/test_value": lambda names: {"resource_type": "any", "value": {"a": f"$var:{names['secret']}"}},
    }
    for line, body in calls.items():
        method, _, rest = line.partition(" ")
        answers = []
        for thing in (world.missing, world.hidden, world.foreign):
            rest_filled = rest.format_map(thing.names)
            headers = {"Authorization": f"Bearer {token}"}
            url = f"/api/w/main/{rest_filled}"
            answer = await client.request(method, url, headers=headers, json=body(thing.names))
            answers.append((answer.status_code, without_names(answer.text, thing.texts)))
        if len(set(answers)) > 1:
            wrong.append(f"{line}: {answers}")
    assert wrong == []
    assert await digest(api) == before


async def test_admins_can_tell_what_is_hidden_from_what_is_not_there(api: Api) -> None:
    """The comparison above does see a difference, on every route that reads."""
    callers, world = await make_callers(api), await make_world(api)
    client, alike = await api.client(), []
    for route, policy in POLICIES.items():
        if things(route) and route.startswith("GET") and policy.scope != "jobs:run" and route not in NEVER_THERE:
            variant = {"job": "queued job"} if "/queue/" in route else {}
            told = set()
            for thing in (world.missing, world.hidden):
                token = callers.tokens["admin"]
                answer = await call(client, route, named(thing, variant), token=token, body=None)
                told.add((answer.status_code, without_names(answer.text, thing.texts)))
            if len(told) == 1:
                alike.append(route)
    assert alike == []
