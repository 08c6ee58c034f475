"""Uses of stored values that a server holds from before: on record as if each had been read anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidemill.db.pool import Statements
from tidemill.db.queries import queries
from tidemill.db.references import Source
from tidemill.model.identity import Principal

_SQL: Final = queries("readings")


@dataclass(frozen=True, slots=True)
class Reading:
    """Who uses what. Of secrets each use is audited; of other things those by jobs are noted."""

    reader: Principal
    sources: frozenset[Source]

    @property
    def noted(self) -> list[Source]:
        """What is to be on record, in a settled order."""
        is_by_job = self.reader.credential.job_id is not None
        noted = [each for each in self.sources if each.is_secret or is_by_job]
        return sorted(noted, key=lambda each: (each.kind, each.path))


async def record(statements: Statements, readings: Sequence[Reading]) -> None:
    """Note all of these; those in workspaces that are gone by now are left out."""
    rows = [(reading.reader, each) for reading in readings for each in reading.noted]
    await statements.execute(
        _SQL.record,
        workspaces=[reader.workspace for reader, _ in rows],
        emails=[reader.email for reader, _ in rows],
        usernames=[reader.username or reader.email for reader, _ in rows],
        actors=[reader.actor for reader, _ in rows],
        jobs=[reader.credential.job_id for reader, _ in rows],
        impersonators=[reader.credential.impersonated_by for reader, _ in rows],
        kinds=[each.kind for _, each in rows],
        paths=[each.path for _, each in rows],
        versions=[each.version for _, each in rows],
        secrets=[each.is_secret for _, each in rows],
    )
