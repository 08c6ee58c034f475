"""Resources with their references replaced, remembered between the queries that use them.

What is remembered is used only while one statement tells that all that it was made of has the same versions, and only
for who may read all of that at this moment. So a change or a revocation holds for each query that comes after it.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final

from tidemill.db import readings, references
from tidemill.db.keys import Keyring
from tidemill.db.look_ups import Look, Remembered
from tidemill.db.pool import Database
from tidemill.db.readings import Reading
from tidemill.db.references import OpenedResource, Standing
from tidemill.model.identity import Principal
from tidemill.server.shared_look_ups import SharedLookUps

IDLE_S: Final = 60.0
"""So long a value is held that nobody asks for: there may be passwords in it."""
_MOST: Final = 1000
_MOST_BYTES: Final = 64 * 1024
_MOST_VERDICTS: Final = 100
_FORESEEN_S: Final = 1.0
"""So long a look that was taken when a request began counts for it."""

_Key = tuple[str, bytes]


@dataclass(slots=True)
class _Known:
    """What was opened, how to ask how that stands, and what came of it for whom the last time."""

    opened: OpenedResource = field(repr=False)
    standings: Remembered[list[Standing]]
    used_at: float
    has_secrets: bool
    _verdicts: OrderedDict[int, tuple[Principal, list[Standing], bool]] = field(default_factory=OrderedDict)

    def is_good(self, caller: Principal, found: list[Standing]) -> bool:
        """Whether nothing has changed and `caller` may read all of it; decided once for the same two."""
        kept = self._verdicts.get(id(caller))
        if kept is not None and kept[0] is caller and kept[1] is found:
            return kept[2]
        verdict = references.are_unchanged(caller, self.opened.sources, found)
        self._verdicts[id(caller)] = caller, found, verdict
        if len(self._verdicts) > _MOST_VERDICTS:
            self._verdicts.popitem(last=False)
        return verdict


class KnownResources:
    """What was opened lately. Each use of a secret is on record as if it had been opened anew."""

    def __init__(self, database: Database, keyring: Keyring, *, idle_s: float = IDLE_S) -> None:
        self._database, self._keyring = database, keyring
        self._idle_s = idle_s
        self._known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
        self._standings: SharedLookUps[list[Standing]] = SharedLookUps()
        self._habits: OrderedDict[_Key, str] = OrderedDict()
        self._readings = ReadingLog(database)
        self._sweep: asyncio.TimerHandle | None = None

    def foresee(self, workspace: str, token: bytes) -> "Foresight":
        """Look already now how what the holder of a token (its hash) opened last stands: in one sending with who it is.

        Nothing of it is told to anybody, and it is of use only to who is let in and opens the same again at once.
        """
        known = self._known.get((workspace, self._habits.get((workspace, token), "")))
        return Foresight((workspace, token), known, known.standings.ask() if known is not None else None)

    async def open(self, caller: Principal, path: str, foresight: "Foresight | None" = None) -> "Use":
        """The resource at `path`. Wait for its `recorded` before anything of it is told to anybody.

        Raises:
            InterpolationFailed: see `references.open_resource`.
        """
        key = caller.workspace, path
        if foresight is not None:
            self._learn(foresight.of, path)
        known = self._known.get(key)
        if known is not None and known.is_good(caller, await self._standing(key, known, foresight)):
            known.used_at = asyncio.get_running_loop().time()
            is_noted = known.has_secrets or caller.credential.job_id is not None
            reading = Reading(caller, known.opened.sources) if is_noted else None
            return Use(known.opened, None if reading is None else self._readings.note(reading))
        opened = await references.open_resource(self._database, self._keyring, caller, path)
        self._remember(key, opened)
        return Use(opened, None)

    def _learn(self, key: _Key, path: str) -> None:
        """Who opens one thing after the other has no habit."""
        if self._habits.setdefault(key, path) != path:
            del self._habits[key]
            return
        self._habits.move_to_end(key)
        if len(self._habits) > _MOST:
            self._habits.popitem(last=False)

    async def _standing(self, key: tuple[str, str], known: _Known, foresight: "Foresight | None") -> list[Standing]:
        """One statement for all who ask meanwhile, whoever they are."""
        if foresight is not None and foresight.look is not None and foresight.is_of(known):
            return await foresight.look.answer()
        return await self._standings.get((key, id(known)), known.standings.get)

    def _remember(self, key: tuple[str, str], opened: OpenedResource) -> None:
        if len(opened.value) > _MOST_BYTES:
            self._known.pop(key, None)
            return
        standings = references.standings(self._database.look_ups, key[0], opened.sources)
        has_secrets = any(each.is_secret for each in opened.sources)
        self._known[key] = _Known(opened, standings, asyncio.get_running_loop().time(), has_secrets)
        self._known.move_to_end(key)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        if self._sweep is None:
            self._look_later()

    def _look_later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(self._idle_s / 2, self._forget_idle)

    def _forget_idle(self) -> None:
        oldest = asyncio.get_running_loop().time() - self._idle_s
        for key in [key for key, known in self._known.items() if known.used_at <= oldest]:
            del self._known[key]
        self._sweep = None
        if self._known:
            self._look_later()


@dataclass(slots=True)
class Foresight:
    """A look at what a request will open, if it opens what the one before did. `of`: workspace and hash of a token."""

    of: _Key
    known: _Known | None
    look: Look[list[Standing]] | None
    begun_at: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def is_of(self, known: _Known) -> bool:
        """Whether it is of use: not where the body of the request was long in coming."""
        return known is self.known and asyncio.get_running_loop().time() - self.begun_at < _FORESEEN_S


@dataclass(slots=True, eq=False)
class Use:
    """A resource that is used now. `recorded` ends when that is on record; None: it is already."""

    opened: OpenedResource
    recorded: "asyncio.Task[None] | None"


class ReadingLog:
    """Writes readings, all that came during the write before in one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[Reading] = []
        self._next: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def note(self, reading: Reading) -> "asyncio.Task[None] | None":
        """What ends when it is on record, or raises `Unavailable`; None where nothing of it is to be recorded.

        Others wait for the same: shield it from cancellation.
        """
        if not reading.noted:
            return None
        self._waiting.append(reading)
        if self._next is None:
            self._next = asyncio.create_task(self._write(), name="readings")
            self._next.add_done_callback(_take_notice)
        return self._next

    async def _write(self) -> None:
        async with self._writing:
            batch, self._waiting, self._next = self._waiting, [], None
            await readings.record(self._database.single, batch)


def _take_notice(task: "asyncio.Task[Any]") -> None:
    """Of an error for which nobody waits any more."""
    if not task.cancelled():
        task.exception()
