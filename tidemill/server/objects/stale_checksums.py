"""Forgets checksums whose object is gone or was replaced past the S3 endpoint, which nobody would ask for again."""

from itertools import groupby
from typing import Final

import structlog

from tidemill.db import object_checksums
from tidemill.db.object_checksums import Place, Row
from tidemill.db.pool import Database
from tidemill.model.errors import NotFound, TidemillError
from tidemill.model.identity import Principal, Role
from tidemill.model.object_address import parse_place
from tidemill.server.objects.service import Objects
from tidemill.server.objects.storage import Storage

log = structlog.get_logger(__name__)

A_TIME: Final = 500


class StaleChecksums:
    """Looks at some objects at a time, and goes on where it ended the last time."""

    def __init__(self, database: Database, objects: Objects, *, limit: int = A_TIME) -> None:
        self._database = database
        self._objects = objects
        self._limit = limit
        self._after: Row | None = None

    async def go_on(self) -> int:
        """Look at some more; how many were forgotten. A storage that does not answer keeps its own."""
        rows = await object_checksums.page(self._database.single, after=self._after, limit=self._limit)
        self._after = rows[-1] if len(rows) == self._limit else None
        count = 0
        for place, found in groupby(rows, key=lambda row: row.at):
            try:
                stale = await self._stale(place, list(found))
            except TidemillError as error:
                log.warning("checksums were not looked at", place=place.place, code=error.code, error=str(error))
                continue
            count += await object_checksums.forget_these(self._database.single, stale)
        return count

    async def _stale(self, place: Place, rows: list[Row]) -> list[Row]:
        """Those of `rows` whose object is not there as it was. All, where there is no such storage any more."""
        keeper = Principal(email="stale checksums", workspace=place.workspace_id, role=Role.ADMIN)
        try:
            async with self._objects.storage(keeper, parse_place(place.place)) as storage:
                return [row for row in rows if await _is_stale(storage, row)]
        except NotFound:
            return rows


async def _is_stale(storage: Storage, row: Row) -> bool:
    try:
        return (await storage.store.head(row.key)).etag != row.etag
    except NotFound:
        return True
