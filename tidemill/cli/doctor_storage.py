"""`tidemill doctor storage`: tries out what a storage can do, seen from the server and seen from here."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any, Final

import duckdb
import typer

from tidemill.cli.connection import Token, Url, Workspace
from tidemill.cli.output import DataDir, Json, emit, stdout
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.options import on_endpoint
from tidemill.languages.inside.duckdb.engine import connect, load
from tidemill.model.errors import BadRequest, TidemillError
from tidemill.model.object_address import DEFAULT, Address, named
from tidemill.stores.objects.examination import PROBES, Outcome, examine
from tidemill.stores.objects.s3.config import S3Config

_MARKS: Final = {
    Outcome.FINE: "[green]ok  [/]",
    Outcome.UNSUPPORTED: "[yellow]lack[/]",
    Outcome.FAILED: "[bold red]fail[/]",
}
_TABLE: Final = b"number\n1\n2\n"


@dataclass(frozen=True, slots=True)
class Finding:
    """A step, and which way it went: `server` (from the server to the storage) or `here` (from here to the server)."""

    storage: str
    way: str
    step: str
    outcome: Outcome
    advice: str


def storage(
    name: Annotated[str, typer.Argument(help="The name of a storage; all of the workspace without one.")] = "",
    url: Url = None,
    token: Token = None,
    workspace: Workspace = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Try out what a storage can do, step by step on small objects that are removed again, and say what to mend.

    Once from the server to the bucket or folder, and once from here through the S3 endpoint, with DuckDB too. For
    admins of the workspace. Exit code 1 when a step fails; what a storage merely lacks is told and 0.
    """

    async def work(endpoint: Endpoint) -> list[Finding]:
        names = [name] if name else [each["name"] for each in await endpoint.storages()]
        found = []
        for each in names:
            async for finding in _examine(endpoint, each):
                found.append(finding)
                if not as_json:
                    _show(finding)
        return found

    found = on_endpoint(work, url=url, token=token, workspace=workspace, data_dir=data_dir)
    if as_json:
        emit([_told(each) for each in found])
    sys.exit(1 if any(each.outcome is Outcome.FAILED for each in found) else 0)


async def _examine(endpoint: Endpoint, name: str) -> AsyncIterator[Finding]:
    try:
        steps = await endpoint.ask(f"storages/examine/{name}", {})
    except BadRequest as error:  # it leads nowhere; the others are tried out all the same
        yield Finding(name, "server", "find out where it is", Outcome.FAILED, str(error))
        return
    for step in steps:
        yield Finding(name, "server", step["name"], Outcome(step["outcome"]), step["advice"])
    if any(step["outcome"] == Outcome.FAILED for step in steps):
        return
    store = await endpoint.store(Address(named(name)))
    async with aclosing(examine(store)) as examined:
        async for step in examined:
            yield Finding(name, "here", step.name, step.outcome, step.advice)
    yield await _read_by_duckdb(endpoint, name)


async def _read_by_duckdb(endpoint: Endpoint, name: str) -> Finding:
    at = Address(named(name), f"{PROBES}{secrets.token_hex(8)}.csv")
    store = await endpoint.store(at)
    outcome, advice = Outcome.FINE, ""
    try:
        await store.put(at.key, _pieces(), size_bytes=len(_TABLE))
        found = await asyncio.to_thread(_count_rows, endpoint.config(at.storage), at.key)
        if found != 2:
            outcome, advice = Outcome.FAILED, f"DuckDB found {found} rows of 2."
    except (TidemillError, duckdb.Error, FileNotFoundError) as error:
        outcome, advice = Outcome.FAILED, str(error)
    finally:
        await store.delete(at.key)
    return Finding(name, "here", "read it by DuckDB", outcome, advice)


def _count_rows(config: S3Config, key: str) -> int:
    with connect() as engine:
        load(engine, "httpfs")
        engine.execute(
            "create secret (type s3, key_id $key, secret $secret, region $region, endpoint $endpoint,"
            " url_style 'path', use_ssl $tls)",
            {
                "key": config.access_key,
                "secret": config.secret_key,
                "region": config.region,
                "endpoint": config.endpoint.authority + config.endpoint.path,
                "tls": config.endpoint.scheme == "https",
            },
        )
        row = engine.execute("select count(*) from read_csv($place)", {"place": f"s3://{config.bucket}/{key}"})
        found = row.fetchone()
    assert found is not None
    return int(found[0])


async def _pieces() -> AsyncIterator[bytes]:
    yield _TABLE


def _show(finding: Finding) -> None:
    stdout.print(_MARKS[finding.outcome], end="  ")
    way = "" if finding.way == "server" else "from here: "
    stdout.print(f"{finding.storage}: {way}{finding.step}", markup=False, soft_wrap=True)
    if finding.advice:
        stdout.print(f"      {finding.advice}", markup=False, soft_wrap=True)


def _told(finding: Finding) -> dict[str, Any]:
    return {
        "storage": finding.storage or DEFAULT,
        "way": finding.way,
        "step": finding.step,
        "outcome": finding.outcome.value,
        "advice": finding.advice,
    }
