"""Looks at everything that Tidemill needs on this host, and says how to mend what does not work."""

import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal
from urllib.error import URLError
from urllib.request import urlopen

import uv

from tidemill.db import health, migrate
from tidemill.db.keys import check_root_key
from tidemill.db.pool import Database
from tidemill.db.values import Values
from tidemill.model.errors import ConfigurationError, DatabaseUnusable, TidemillError
from tidemill.sandbox.detect import probe
from tidemill.settings import Settings
from tidemill.wiring.contents import opened_content
from tidemill.wiring.database import reach_database, running_embedded, use_database
from tidemill.wiring.instance_stores import instance_stores
from tidemill.wiring.keys import root_keys
from tidemill.wiring.local_stores import named_folders, verify
from tidemill.wiring.login_file import read_server_url

Level = Literal["ok", "warn", "fail"]

_LEAST_FREE_BYTES: Final = 1024**3
_MOST_SKEW_S: Final = 2.0
_UV_TIMEOUT_S: Final = 20
_MOST_VALUES: Final = 1000
_ANSWER_TIMEOUT_S: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it is, and in words; how to mend it where it is not well."""

    name: str
    level: Level
    text: str
    mend: str = ""


async def examine(settings: Settings, *, verify_objects: bool = False) -> AsyncIterator[Finding]:
    """One finding after the other; those that need the database only where it answers. Leaves nothing behind.

    `verify_objects`: also read every byte of the storages that are kept in folders.
    """
    async with AsyncExitStack() as stack:
        database = None
        runs_already = bool(running_embedded(settings.data_dir))
        try:
            dsn = await stack.enter_async_context(reach_database(settings))
            yield _kind_of_database(settings, runs_already=runs_already)
            yield await _migrations(dsn)
            database = await stack.enter_async_context(use_database(settings, dsn, application="tidemill doctor"))
        except ConfigurationError as error:
            yield Finding("database", "warn", "There is none yet.", str(error))
        except TidemillError as error:
            yield Finding("database", "fail", str(error))
        if database is not None:
            async for finding in _of_database(settings, database):
                yield finding
        if verify_objects:
            yield await _storages(settings, database)
    yield _root_key_file(settings)
    yield await _objects(settings)
    async for finding in _isolation(settings):
        yield finding
    yield _uv()
    yield _disk(settings.data_dir)
    yield _server(settings)


def _kind_of_database(settings: Settings, *, runs_already: bool) -> Finding:
    if settings.database_url:
        return Finding("database", "ok", "The one of DATABASE_URL answers.")
    if runs_already:
        return Finding("database", "ok", "The embedded one runs, under `tidemill up`.")
    return Finding(
        "database",
        "ok",
        "The embedded one works; it was started for this check, since `tidemill up` is not running.",
    )


async def _migrations(dsn: str) -> Finding:
    try:
        missing = await migrate.pending(dsn)
    except DatabaseUnusable as error:
        return Finding("migrations", "fail", str(error))
    if missing:
        return Finding(
            "migrations", "fail", f"{len(missing)} are missing, from {missing[0]} on.", "Run `tidemill migrate`."
        )
    return Finding("migrations", "ok", "All of this release are there.")


async def _of_database(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    if settings.unsafe_durability:
        yield Finding(
            "durability",
            "warn",
            "Not checked (TIDEMILL_UNSAFE_DURABILITY): a crash may lose acknowledged work.",
            "Unset it on a database whose work matters.",
        )
    else:
        yield Finding("durability", "ok", "What is acknowledged survives a crash of the database.")
    try:
        yield await _walls(database)
        yield await _canary(settings, database)
        yield await _workers(database)
        yield await _clocks(database)
        yield await _large_values(settings, database)
    except TidemillError as error:
        yield Finding("database use", "fail", str(error), "Run `tidemill migrate`, then look again.")


async def _walls(database: Database) -> Finding:
    names = await health.unprotected_tables(database)
    if names:
        return Finding(
            "row-level security",
            "fail",
            f"It does not bind on {', '.join(names[:5])}.",
            "Connect as the owner of the tables, without BYPASSRLS, and run `tidemill migrate`.",
        )
    return Finding("row-level security", "ok", "It binds on all tables with rows of workspaces.")


async def _canary(settings: Settings, database: Database) -> Finding:
    try:
        await check_root_key(database, root_keys(settings))
    except TidemillError as error:
        return Finding("root key", "fail", str(error))
    return Finding("root key", "ok", "It opens the canary of this database.")


async def _workers(database: Database) -> Finding:
    alive = (await health.check(database)).workers
    if not alive:
        return Finding(
            "workers", "warn", "None showed itself in the last two minutes.", "Start `tidemill worker`, or `up`."
        )
    return Finding("workers", "ok", f"{alive} showed themselves in the last two minutes.")


async def _clocks(database: Database) -> Finding:
    before = datetime.now(UTC)
    checked_at = (await health.check(database)).checked_at
    after = datetime.now(UTC)
    off_s = max((before - checked_at).total_seconds(), (checked_at - after).total_seconds(), 0.0)
    if off_s > _MOST_SKEW_S:
        return Finding(
            "clocks",
            "warn",
            f"This host and the database differ by {off_s:.0f} s.",
            "Leases keep to the database's clock, but times in logs will confuse: run NTP on both.",
        )
    return Finding("clocks", "ok", "This host and the database agree.")


def _root_key_file(settings: Settings) -> Finding:
    if settings.root_key:
        return Finding("root key kept", "ok", "In TIDEMILL_ROOT_KEY.")
    if not settings.root_key_path.exists():
        return Finding(
            "root key kept",
            "warn",
            f"There is no {settings.root_key_path}.",
            "The first start makes it. If this database has secrets: tidemill secrets restore-root-key",
        )
    try:
        root_keys(settings)
    except TidemillError as error:
        return Finding("root key kept", "fail", str(error))
    return Finding("root key kept", "ok", f"In {settings.root_key_path}, which only its owner can read.")


async def _large_values(settings: Settings, database: Database) -> Finding:
    try:
        async with opened_content(settings) as content:
            values = Values(
                database, content, inline_bytes=settings.inline_value_bytes, max_bytes=settings.max_value_bytes
            )
            damaged, following = await values.check(limit=_MOST_VALUES)
    except (TidemillError, OSError) as error:
        return Finding("large values", "fail", str(error), "Check TIDEMILL_OBJECTS_URL and its credentials.")
    if damaged:
        names = ", ".join(each.digest[:12] for each in damaged[:5])
        text = f"{len(damaged)} cannot be read: {names}. {damaged[0].problem}"
        return Finding("large values", "fail", text, "Restore the object store from a backup.")
    extent = f"The first {_MOST_VALUES}" if following else "All"
    return Finding("large values", "ok", f"{extent} have the digests that they were put with.")


async def _objects(settings: Settings) -> Finding:
    place = settings.objects_url or str(settings.data_dir / "objects")
    mend = "Check TIDEMILL_OBJECTS_URL, its credentials, and that the folder can be written."
    trial = secrets.token_bytes(32)
    try:
        async with opened_content(settings) as content:
            packed = await content.pack(trial)
            await content.put(packed)
            read = await content.get(packed.digest)
            await content.delete(packed.digest)
    except (TidemillError, OSError) as error:
        return Finding("object store", "fail", f"{place}: {error}", mend)
    if read != trial:
        return Finding("object store", "fail", f"{place} gives back something else than was written.", mend)
    return Finding("object store", "ok", f"Writes, reads and deletes in {place}.")


async def _storages(settings: Settings, database: Database | None) -> Finding:
    try:
        problems = [problem async for problem in instance_stores(settings).verify()]
        if database is not None:
            places = await named_folders(database, settings.storage_root_folders)
            problems += [problem async for problem in verify(places)]
    except (TidemillError, OSError) as error:
        return Finding("storages", "fail", str(error), "Check that the folder can be read.")
    if problems:
        text = f"{len(problems)} things are wrong: {'; '.join(problems[:5])}"
        return Finding("storages", "fail", text, "Restore the objects from a backup.")
    return Finding("storages", "ok", "Every byte of the storages in folders is as it was written.")


async def _isolation(settings: Settings) -> AsyncIterator[Finding]:
    capability = await probe(state_dir=settings.data_dir / "sandbox")
    if not capability.isolated:
        level: Level = "warn" if settings.unisolated else "fail"
        yield Finding("isolation", level, capability.reason, "See docs/guides/isolation.md.")
        return
    yield Finding("isolation", "ok", "Jobs run in sandboxes.")
    if settings.job_network == "open":
        yield Finding("job network", "warn", "Jobs use the host's network.", "Unset TIDEMILL_JOB_NETWORK.")
    elif capability.brokered:
        yield Finding("job network", "ok", "Connections of jobs are brokered.")
    else:
        yield Finding("job network", "fail", capability.reason)


def _uv() -> Finding:
    try:
        program = uv.find_uv_bin()
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=_UV_TIMEOUT_S
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("uv", "fail", f"It does not run: {error}", "Install Tidemill again: uv comes with it.")
    return Finding("uv", "ok", said.strip())


def _disk(data_dir: Path) -> Finding:
    place = next(each for each in (data_dir.absolute(), *data_dir.absolute().parents) if each.exists())
    free = shutil.disk_usage(place).free
    text = f"{free / 1024**3:.1f} GiB free for {data_dir}."
    if free < _LEAST_FREE_BYTES:
        return Finding("disk", "warn", text, "Make room, or move the data directory.")
    return Finding("disk", "ok", text)


def _server(settings: Settings) -> Finding:
    url = settings.base_url or read_server_url(settings.data_dir)
    if not url:
        return Finding("server", "warn", "None was started on this data directory.", "Start `tidemill up`.")
    try:
        with urlopen(f"{url}/ready", timeout=_ANSWER_TIMEOUT_S) as answer:  # noqa: S310  # our own http(s) URL
            ready = answer.status == 200
    except (URLError, TimeoutError, OSError) as error:
        return Finding("server", "warn", f"{url} does not answer ({error}).", "Start `tidemill up`.")
    return Finding("server", "ok" if ready else "fail", f"{url} is {'ready' if ready else 'not ready'}.")
