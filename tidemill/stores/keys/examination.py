"""Tests of connections to key-value stores: does what a resource describes answer."""

from collections.abc import Mapping

from tidemill.engine.egress import Egress
from tidemill.model.errors import AddressClosed, BadRequest, Conflict, ConnectionFailed
from tidemill.stores.keys import open_keys


class KeysTest:
    """A `ConnectionTest` of the resource types `redis` and `upstash`. The time to connect is bounded."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def test(self, value: Mapping[str, object]) -> str:
        """See `ConnectionTest.test`."""
        try:
            store = open_keys(value, egress=self._egress)
            try:
                return await store.test()
            finally:
                await store.close()
        except (AddressClosed, BadRequest, ConnectionFailed) as error:
            raise Conflict(str(error)) from error
