"""Tests of connections to document databases: does what a resource describes answer."""

from collections.abc import Mapping

from tidemill.engine.egress import Egress
from tidemill.model.errors import AddressClosed, BadRequest, Conflict, ConnectionFailed, QueryFailed
from tidemill.stores.documents import open_documents


class MongoTest:
    """A `ConnectionTest` of the resource type `mongodb`. The driver's own time-outs bound it."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress

    async def test(self, value: Mapping[str, object]) -> str:
        """See `ConnectionTest.test`."""
        try:
            database = open_documents("mongodb", value, egress=self._egress)
            try:
                return await database.test()
            finally:
                await database.close()
        except (AddressClosed, BadRequest, ConnectionFailed, QueryFailed) as error:
            raise Conflict(str(error)) from error
