"""Changes of keys in several slots of a real cluster: part by part, and what is told where one fails."""

import json

import pytest

from tests.database_servers import DatabaseServers
from tests.key_servers import KeyServer, start_cluster
from tidemill.engine.egress import EVERYWHERE
from tidemill.engine.keys.slots import slot_of
from tidemill.engine.pages import Identity
from tidemill.model.errors import Conflict
from tidemill.queries.explorer.key_changes import of_key
from tidemill.queries.explorer.key_parts import parts_of, run_parts
from tidemill.queries.explorer.port import Change, ChangeKind
from tidemill.stores.keys import open_keys


@pytest.fixture
def cluster(database_servers: DatabaseServers) -> list[KeyServer]:
    nodes = database_servers.get("redis-cluster", start_cluster)
    for each in nodes:
        each.ask("FLUSHALL")
    return nodes


def insert(name: str) -> Change:
    values = {"key": json.dumps(name).encode(), "value": b'"x"'}
    nothing = Identity(key={}, row="", version="")
    return Change(kind=ChangeKind.INSERT, schema="", table="keys", values=values, row=nothing)


def test_slots_are_those_of_the_cluster(cluster: list[KeyServer]) -> None:
    for key in (b"foo", b"{user1000}.following", b"foo{}{bar}", b"foo{{bar}}zap", b"a{b", b"}{", b"\xff\0", b"", b"{}"):
        assert (key, slot_of(key)) == (key, cluster[0].ask("CLUSTER", "KEYSLOT", key))


async def test_what_was_applied_before_a_part_that_fails_is_told(cluster: list[KeyServer]) -> None:
    planned = [of_key(insert(name)) for name in ("a", "{a}2", "b", "c")]
    parts = parts_of(planned)
    assert parts == [[0, 1], [2], [3]]
    store = open_keys(cluster[0].resource(), egress=EVERYWHERE)
    async with store.session() as session:
        await session.run([[b"SET", b"b", b"there already"]], max_bytes=100)
        with pytest.raises(
            Conflict, match=r"^Change 3: .* The changes 1, 2, whose keys are in other slots, have taken"
        ):
            await run_parts(session, planned, parts, by_parts=True)
        found = await session.run([[b"GET", name] for name in (b"a", b"{a}2", b"b", b"c")], max_bytes=100)
        assert found == [b"x", b"x", b"there already", None]
    await store.close()
