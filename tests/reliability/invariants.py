"""The invariants I1 to I10 of the contract: queries over the database, and what jobs themselves did.

`check(dsn)` raises `Broken` with every rule that does not hold. Of schedules (I8) it tells that each occurrence has its
job and each job its occurrence; which occurrences there should be depends on what a test did.
"""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg

from tidemill.db.keys import check_secrets
from tidemill.db.pool import Database
from tidemill.model.rootkey import RootKeys

QUERIES = Path(__file__).with_name("invariants.sql")
LEASE_S, REAP_S = 30.0, 5.0


class Broken(AssertionError):
    """An invariant does not hold."""


@dataclass(frozen=True)
class Effect:
    """A line that a job wrote while it lived. `at` is in seconds, by the clock of the machine."""

    job: str
    attempt: int
    what: str
    at: float


def queries() -> dict[str, str]:
    """Name -> text, in the order of the file."""
    _, *parts = QUERIES.read_text().split("-- name: ")
    return {name.strip(): text.strip() for name, _, text in (part.partition("\n") for part in parts)}


def broken(dsn: str, *, accepted: Collection[UUID] = (), oldest_s: float = LEASE_S + REAP_S) -> list[str]:
    """What does not hold in the database, as sentences."""
    values = {"accepted": list(accepted), "oldest_s": oldest_s}
    faults = []
    with psycopg.connect(dsn, options="-c tidemill.workspace=*") as connection:
        for name, text in queries().items():
            if rows := connection.execute(text.encode(), values).fetchall():
                faults.append(f"{name}: {rows[:5]}")
    return faults


def overlaps(effects: Iterable[Effect]) -> list[str]:
    """I5: jobs of which two attempts were alive at once, by what they wrote."""
    alive: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for effect in effects:
        alive[effect.job][effect.attempt].append(effect.at)
    faults = []
    for job, attempts in alive.items():
        spans = sorted((min(times), max(times), attempt) for attempt, times in attempts.items())
        for (_, end, first), (start, _, second) in itertools.pairwise(spans):
            if start < end:
                faults.append(f"I5 attempts {first} and {second} of {job} were alive at once for {end - start:.2f} s")
    return faults


def doubled(effects: Iterable[Effect], once: Collection[str]) -> list[str]:
    """I3 by what jobs did: those of `once` that started more than once."""
    starts: Mapping[str, int] = defaultdict(int)
    for effect in effects:
        if effect.what == "start" and effect.job in once:
            starts[effect.job] += 1  # type: ignore[index]
    return [f"I3 {job} started {count} times" for job, count in starts.items() if count > 1]


def read_effects(file: Path) -> list[Effect]:
    """What jobs wrote, in their order."""
    if not file.exists():
        return []
    return [Effect(**json.loads(line)) for line in file.read_text().splitlines()]


def unreadable(dsn: str, keys: RootKeys) -> list[str]:
    """I10: secrets that do not open with the present keys."""

    async def find() -> list[str]:
        async with Database(dsn) as database:
            return [f"I10 {each}" for each in (await check_secrets(database, keys)).failed]

    return asyncio.run(find())


def check(dsn: str, *, accepted: Collection[UUID] = (), oldest_s: float = LEASE_S + REAP_S) -> None:
    """Raise `Broken` if one of the rules on the database does not hold."""
    if faults := broken(dsn, accepted=accepted, oldest_s=oldest_s):
        raise Broken("\n".join(faults))
