"""What is kept open between queries: one for a key, closed when nobody uses it and it has no connections left."""

from dataclasses import dataclass, field

from tidemill.queries import kept_open
from tidemill.queries.kept_open import KeptOpen


@dataclass
class Store:
    """Has as many connections as a test says."""

    connections: int = 0
    closed: bool = False
    asked: list[float] = field(default_factory=list)

    async def close_idle(self, idle_s: float) -> int:
        self.asked.append(idle_s)
        return self.connections

    async def close(self) -> None:
        self.closed = True


async def test_one_is_made_for_each_key() -> None:
    kept: KeptOpen[Store] = KeptOpen()
    async with kept.use((b"sql", b"ann", b"v"), Store) as first, kept.use((b"sql", b"ann", b"v"), Store) as again:
        assert first is again
    async with kept.use((b"sql", b"ann", b"v"), Store) as later:
        assert later is first
    for other in ((b"sql", b"bob", b"v"), (b"sql", b"ann", b"w"), (b"sqla", b"nn", b"v")):
        async with kept.use(other, Store) as store:
            assert store is not first
    await kept.close()
    assert first.closed


async def test_idle_ones_are_closed_once_they_have_no_connections() -> None:
    kept: KeptOpen[Store] = KeptOpen()
    async with kept.use((b"a",), Store) as store:
        assert await kept.close_idle(0) == 1, "it is in use"
    store.connections = 1
    assert await kept.close_idle(0) == 1, "it has a connection"
    store.connections = 0
    assert await kept.close_idle(3600) == 1, "it was used a moment ago"
    assert not store.closed
    assert await kept.close_idle(0) == 0
    assert (store.closed, store.asked) == (True, [0, 0, 3600, 0])


async def test_for_one_too_many_the_oldest_that_nobody_uses_is_closed() -> None:
    kept: KeptOpen[Store] = KeptOpen()
    async with kept.use((b"busy",), Store) as busy:
        made = []
        for number in range(kept_open.MOST):
            async with kept.use((b"%d" % number,), Store) as store:
                made.append(store)
        assert [each.closed for each in made] == [True] + [False] * (kept_open.MOST - 1)
        assert not busy.closed
    await kept.close()
