"""Looks after stores in folders, beside whoever has them open: removes what crashes left, verifies every byte."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from tidemill.db import storages
from tidemill.db.pool import Database
from tidemill.model.errors import TidemillError
from tidemill.stores.objects.local.store import LocalStore

log = structlog.get_logger(__name__)


async def keep_up(places: Iterable[Path]) -> None:
    """Collect the garbage of each store; what is wrong with one keeps nobody from the others."""
    for place in places:
        try:
            async with _opened(place) as store:
                await store.collect_garbage()
        except TidemillError as error:
            log.warning("a storage cannot be looked after", place=str(place), error=str(error))


async def verify(places: Iterable[Path]) -> AsyncIterator[str]:
    """What is wrong with what is kept there, a sentence each; reads every byte."""
    for place in places:
        async with _opened(place) as store:
            async for finding in store.scrub():
                keys = f" (of {', '.join(finding.keys[:5])})" if finding.keys else ""
                yield f"{place}: {finding.blob} {finding.problem}{keys}"


async def named_folders(database: Database, roots: Sequence[Path]) -> list[Path]:
    """The folders of this host that workspaces keep storages in, as far as they are there and below one of `roots`."""
    found = [folder_of(each.root_path, each.workspace, each.name) for each in await storages.folders(database)]
    return await asyncio.to_thread(lambda: [each for each in found if is_below(each, roots) and each.is_dir()])


def folder_of(root_path: str, workspace: str, name: str) -> Path:
    """Where the storage `name` of a workspace is, in a folder that somebody named."""
    return Path(root_path) / workspace / name


def is_below(path: Path, roots: Sequence[Path]) -> bool:
    """Whether `path` is below one of `roots`. Links are followed first: what counts is where it really is."""
    return any(path.resolve().is_relative_to(root.resolve()) for root in roots)


@asynccontextmanager
async def _opened(place: Path) -> AsyncIterator[LocalStore]:
    store = LocalStore.open({"root_path": str(place)})
    try:
        yield store
    finally:
        await store.close()
