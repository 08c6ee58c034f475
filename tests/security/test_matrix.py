"""Every route and every kind of caller, against what the policies promise (D01, D08).

What must come out is in `expectations.py`. A refused call must change nothing. All of it is tried every time.
"""

from collections.abc import Iterator, Mapping
from uuid import uuid4

import httpx
import pytest

from tests.api.conftest import Api, new_client, no_lifespan
from tests.security.expectations import (
    CALLERS,
    ELSEWHERE,
    ENDS_THE_CALLER,
    IN_WORKSPACE,
    Outcome,
    expected,
    outcome,
    unknown_rows,
)
from tests.security.world import BODY, Callers, call, digest, done, make_callers, make_world
from tidemill.server.app import make_app
from tidemill.server.policy import POLICIES, Policy, account, developer, member, public


def rows_of(caller: str, policies: Mapping[str, Policy]) -> Iterator[tuple[str, Policy, Outcome]]:
    """(route, policy, what must come out) for one kind of caller."""
    for route, policy in policies.items():
        if policy.signed:
            continue  # tests/security/test_s3_signature.py
        yield route, policy, expected(CALLERS[caller], policy, in_workspace=IN_WORKSPACE in route)


async def differences(
    api: Api, client: httpx.AsyncClient, caller: str, *, callers: Callers, names: Mapping[str, str], refused: bool
) -> list[str]:
    """The calls that ended otherwise than they must: of those that must be refused, or else of the others."""
    nothing = dict.fromkeys([*names, *ELSEWHERE], "x")
    found = []
    rows = [row for row in rows_of(caller, POLICIES) if (row[2] is not Outcome.LET_IN) is refused]
    for route, policy, wanted in sorted(rows, key=lambda row: row[0] in ENDS_THE_CALLER):
        token = callers.token(caller, policy)
        filled, body = (names, BODY) if refused else (nothing, {})
        answer = await call(client, route, filled, token=token, body=body)
        if route.endswith("/workspaces/archive") and answer.status_code < 300:
            await done(await api.superadmin.post("/api/workspaces/unarchive/main"))
        got = outcome(answer, policy, workspace="main")
        if got is not wanted:
            found.append(f"{caller}: {route}: {got}, not {wanted}: {answer.status_code} {answer.text[:100]}")
    return found


def test_every_row_of_the_policies_is_one_that_this_matrix_knows() -> None:
    assert list(unknown_rows(POLICIES)) == []


def test_a_row_that_nobody_thought_of_is_noticed() -> None:
    news = {
        "GET /api/w/{workspace}/things/get/{path:path}": member("variables:read"),
        "GET /api/w/{workspace}/variables/get_by/{number}": member("variables:read"),
        "GET /api/w/{workspace}/things/list": member("things:read"),
        "GET /api/things": developer("variables:read"),
        "GET /api/w/{workspace}/variables/fine/{path:path}": member("variables:read"),
    }
    assert len(list(unknown_rows(news))) == 4


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_route_answers_as_its_policy_says_and_refusals_change_nothing(api: Api, caller: str) -> None:
    callers, world = await make_callers(api), await make_world(api)
    names = {**ELSEWHERE, **world.visible.names}
    client = await api.client()
    before = await digest(api)
    wrong = await differences(api, client, caller, callers=callers, names=names, refused=True)
    assert await digest(api) == before
    wrong += await differences(api, client, caller, callers=callers, names=names, refused=False)
    assert wrong == []


@pytest.mark.parametrize(
    ("caller", "route", "opened"),
    [
        ("operator", "POST /api/w/{workspace}/scripts/create", member("scripts:write", writes=True)),
        ("anonymous", "GET /api/workers/list", public()),
        ("read-only token", "POST /api/w/{workspace}/variables/create", member("variables:write")),
        ("near-miss scope", "POST /api/w/{workspace}/scripts/infer_schema", member("")),
        ("job of the developer", "GET /api/w/{workspace}/audit/list", member("audit:read")),
        ("token of the workspace", "GET /api/users/tokens/list", account("users:read", jobs=True)),
    ],
)
async def test_the_matrix_turns_red_where_a_route_is_opened(api: Api, caller: str, route: str, opened: Policy) -> None:
    callers, world = await make_callers(api), await make_world(api)
    app = make_app(api.parts, no_lifespan, policies={**POLICIES, route: opened})
    client = await new_client(api.stack, app, "")
    names = {**ELSEWHERE, **world.visible.names}
    wrong = await differences(api, client, caller, callers=callers, names=names, refused=True)
    assert [line.split(": ")[1] for line in wrong] == [route]


async def test_the_token_of_a_job_reaches_nothing_of_the_instance_but_what_is_listed(api: Api) -> None:
    """D08: whomever it acts for."""
    callers, client = await make_callers(api), await api.client()
    reached = set()
    for caller in ("job of the developer", "job of the superadmin", "job of the other workspace"):
        for route, policy, _ in rows_of(caller, POLICIES):
            if IN_WORKSPACE not in route and policy.who > 0:
                names = {**ELSEWHERE, "job": str(uuid4())}
                answer = await call(client, route, names, token=callers.tokens[caller], body=BODY)
                reached |= set() if answer.status_code in {401, 403} else {route}
    assert reached == {
        "GET /api/users/whoami", "GET /api/users/email", "GET /api/jobs/db_clock",
        "GET /api/concurrency_groups/{id}/key",
    }  # fmt: skip
