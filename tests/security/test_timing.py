"""How long an answer takes tells nothing: of what is hidden (D01), and of which accounts there are (D13).

Answers are timed in turn, many of each, on a server that is warm; what counts is the quotient of the medians, and of
the tenths below them. Whatever seems to differ is timed again, and at more length, before it is called different.
"""

import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import httpx
import pytest

from tests.api.conftest import PASSWORD, Api
from tests.security.expectations import things
from tests.security.test_hidden import QUERY, named, variants
from tests.security.world import BODY, call, make_callers, make_world
from tidemill.db import accounts, passwords
from tidemill.db.queries import inline
from tidemill.server.policy import POLICIES

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif("TIDEMILL_SOAK" not in os.environ, reason="it takes minutes; make soak runs it"),
]

LIKE = 1.2
"""Medians whose quotient is below this are alike: what is left is smaller than the noise of any network."""
ROUNDS = int(os.environ.get("TIDEMILL_SOAK_ROUNDS", "40"))

Ask = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Pair:
    """Two questions that must take the same time."""

    name: str
    one: Ask
    other: Ask


async def quotient(pair: Pair, rounds: int) -> float:
    """How many times longer the slower of the two takes: in the median and in the faster half alike.

    What really takes longer does so in all of them; what a busy machine adds moves one or the other.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for each in range(rounds + 2):
        order = (0, 1) if each % 2 else (1, 0)
        for which in order:
            begin = time.perf_counter()
            await (pair.one, pair.other)[which]()
            if each >= 2:  # the first ones warm up
                taken[which].append(time.perf_counter() - begin)
    tenths = [statistics.quantiles(each, n=10) for each in taken]
    quotients = [one / other for one, other in zip(*(each[:5] for each in tenths), strict=True)]
    return max(min(quotients), 1 / max(quotients))


async def different(pairs: Sequence[Pair], rounds: int = ROUNDS, *, looks: int = 3) -> dict[str, float]:
    """The pairs that are told apart, each time that they are looked at, with the quotient of the last look."""
    suspect = {pair.name: pair for pair in pairs}
    found: dict[str, float] = {}
    for _ in range(looks):
        found = {name: await quotient(pair, rounds) for name, pair in suspect.items()}
        suspect = {name: pair for name, pair in suspect.items() if found[name] >= LIKE}
        rounds *= 4
    return {name: found[name] for name in suspect}


async def pairs_of(api: Api, watcher: str) -> list[Pair]:
    """What is not there, beside what is hidden and beside what belongs to another workspace: by every route."""
    callers, world = await make_callers(api), await make_world(api)
    client = await api.client()
    found = []
    for route in (each for each in POLICIES if things(each)):
        token = callers.token(watcher, POLICIES[route])
        for what, variant in variants(route):
            asks = {}
            for kind in ("missing", "hidden", "foreign"):
                names = named(getattr(world, kind), variant)
                body = {**BODY, "path": names["variable"]}
                asks[kind] = partial(call, client, route, names, token=token, body=body, query=QUERY)
            found += [Pair(f"{route} ({what}): {kind}", asks["missing"], asks[kind]) for kind in ("hidden", "foreign")]
    return found


@pytest.mark.parametrize("watcher", ["developer", "job of the developer"])
async def test_what_is_hidden_takes_as_long_as_what_is_not_there(api: Api, watcher: str) -> None:
    told = await different(await pairs_of(api, watcher))
    assert not told, "\n".join(f"{name}: {ratio:.2f}" for name, ratio in sorted(told.items()))


async def test_a_look_that_costs_more_is_told_apart(api: Api) -> None:
    """The negative control: a hidden item for which one more question is asked of the database."""
    (pair, *_) = [each for each in await pairs_of(api, "developer") if "variables/get_value" in each.name]

    async def longer() -> None:
        await pair.other()
        await api.parts.database.single.fetch_value(inline("select 1"))

    assert await different([replace(pair, other=longer)], rounds=200, looks=1)


async def accounts_to_guess(api: Api) -> Mapping[str, str]:
    """What may be said of an account -> its e-mail."""
    async with api.parts.database.system() as tx:
        for name in ("known", "disabled"):
            await accounts.create(tx, f"{name}@x.org", password_hash=await passwords.hash_password(PASSWORD))
        await accounts.update(tx, "disabled@x.org", disabled=True)
        await accounts.create(tx, "passwordless@x.org")
    return {name: f"{name}@x.org" for name in ("known", "disabled", "passwordless")}


async def sign_in(client: httpx.AsyncClient, email: str) -> None:
    answer = await client.post("/api/auth/login", json={"email": email, "password": "not-the-password"})
    assert answer.status_code == 401, answer.text


async def login_pairs(api: Api) -> list[Pair]:
    client = await api.client()

    async def attempt(email: str) -> None:
        await api.parts.database.single.execute(inline("delete from login_throttle"))
        await sign_in(client, email)

    unknown = partial(attempt, "nobody@x.org")
    return [Pair(kind, unknown, partial(attempt, email)) for kind, email in (await accounts_to_guess(api)).items()]


async def test_an_unknown_account_takes_as_long_as_a_wrong_password(api: Api) -> None:
    assert await different(await login_pairs(api)) == {}


async def test_a_login_that_saves_itself_the_work_is_told_apart(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: no password is compared for an account that is not there."""
    right = passwords.is_password

    async def hasty(kept: str | None, password: str) -> bool:
        return kept is not None and await right(kept, password)

    monkeypatch.setattr(passwords, "is_password", hasty)
    assert "known" in await different(await login_pairs(api), looks=1)
