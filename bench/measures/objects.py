"""Objects through the S3 endpoint against the same clients straight at the server behind it, and against files."""

import asyncio
import json
import os
import shutil
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from bench.backend import Access, backend
from bench.figures import Figure
from bench.instance import Helper, Instance, helper
from bench.processes import peak_mib
from tests.prepare import VENVS

MIB = 1024 * 1024
UPLOADS, UPLOAD_MIB = 20, 50


@dataclass(frozen=True)
class Sizes:
    """How much each round moves."""

    small: int
    medium: int
    large_mib: int
    listed: int
    rounds: int


FULL, QUICK = Sizes(1000, 100, 1024, 10_000, 2), Sizes(200, 20, 128, 2000, 1)


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """Each client does the same at both endpoints in turns; then the storage that the instance keeps itself."""
    sizes = QUICK if quick else FULL
    source = instance.directory / "large.bin"
    with source.open("wb") as file:
        for _ in range(sizes.large_mib):
            file.write(os.urandom(MIB))
    figures: list[Figure] = []
    async with instance.server() as server:
        for client in clients():
            with backend() as direct:  # a new one for each, since it keeps in memory what was deleted
                ours, local = await storages(instance, direct, client)
                figures += await compare(client, ours, direct, sizes=sizes, source=source)
                if client == clients()[-1]:
                    figures.append(await uploads_at_once(ours, server.pid))
        figures += await against_files(local, sizes, source)
    return figures


def clients() -> list[str]:
    """Those that are here; s3fs is in an environment of the tests."""
    return ["boto3", "obstore", *(["s3fs"] if _python_of("s3fs").is_file() else [])]


async def storages(instance: Instance, direct: Access, name: str) -> tuple[Access, Access]:
    """Our endpoint, over the backend and over the storage that the instance keeps itself."""
    settings = {
        "large_file_storage": {
            "secondary_storage": {"remote": {"type": "S3Storage", "s3_resource_path": f"$res:u/admin/{name}"}}
        }
    }
    resource = {"path": f"u/admin/{name}", "resource_type": "s3", "value": direct.resource}
    async with instance.client() as client:
        for path, body in (
            ("resources/create", resource),
            ("workspaces/edit_large_file_storage_config", settings),
        ):
            status, said = await client.post(f"/api/w/main/{path}", json.dumps(body).encode())
            assert status in {200, 201}, said
        _, told = await client.post("/api/w/main/s3_credentials")
    keys = json.loads(told)
    endpoint = keys["port_endpoint"]
    return tuple(Access(endpoint, keys["access_key"], keys["secret_key"], bucket) for bucket in ("remote", "_default_"))


async def compare(client: str, ours: Access, direct: Access, *, sizes: Sizes, source: Path) -> list[Figure]:
    """One client's figures."""
    taken: dict[str, dict[str, list[float]]] = {"ours": defaultdict(list), "raw": defaultdict(list)}
    async with AsyncExitStack() as stack:
        loads = {name: await load(stack, client, access) for name, access in (("raw", direct), ("ours", ours))}
        listed = {"work": "put_many", "prefix": f"{client}/list/", "count": sizes.listed}
        await ordered(loads["raw"], **listed, size_bytes=10, at_once=16)
        for number in range(sizes.rounds):
            for name, each in loads.items():
                for work, seconds in (await one_round(each, f"{client}/{name}/{number}/", sizes, source)).items():
                    taken[name][work].append(seconds)
                seconds = await ordered(each, work="count_keys", prefix=f"{client}/list/", count=sizes.listed)
                taken[name]["list"].append(seconds)
    amounts = {
        "put_small": (sizes.small, "/s", f"{sizes.small:,} puts of 1 kB, 8 at once", 0.5),
        "get_small": (sizes.small, "/s", f"{sizes.small:,} gets of 1 kB, 8 at once", 0.5),
        "put_medium": (sizes.medium, "MB/s", f"{sizes.medium} puts of 1 MB, 8 at once", None),
        "get_medium": (sizes.medium, "MB/s", f"{sizes.medium} gets of 1 MB, 8 at once", None),
        "put_large": (sizes.large_mib, "MiB/s", f"put of {sizes.large_mib} MiB", 0.8),
        "get_large": (sizes.large_mib, "MiB/s", f"get of {sizes.large_mib} MiB", 0.8),
        "list": (sizes.listed, "keys/s", f"list {sizes.listed:,} keys", 0.5),
    }
    return [
        Figure(
            name=f"objects_{client}_{work}",
            title=f"{client}: {title}",
            unit=unit,
            ours=[amount / seconds for seconds in taken["ours"][work]],
            raw=[amount / seconds for seconds in taken["raw"][work]],
            against="the same client at the server behind",
            aim=aim,
        )
        for work, (amount, unit, title, aim) in amounts.items()
    ]


async def one_round(load: Helper, prefix: str, sizes: Sizes, source: Path) -> dict[str, float]:
    """Seconds of each piece of work."""
    small = {"prefix": f"{prefix}small/", "count": sizes.small, "size_bytes": 1000, "at_once": 8}
    medium = {"prefix": f"{prefix}medium/", "count": sizes.medium, "size_bytes": 1_000_000, "at_once": 8}
    large = {"key": f"{prefix}large", "path": str(source)}
    return {
        "put_small": await ordered(load, work="put_many", **small),
        "get_small": await ordered(load, work="get_many", **small),
        "put_medium": await ordered(load, work="put_many", **medium),
        "get_medium": await ordered(load, work="get_many", **medium),
        "put_large": await ordered(load, work="put_file", **large),
        "get_large": await ordered(load, work="get_file", **large),
    }


async def against_files(local: Access, sizes: Sizes, source: Path) -> list[Figure]:
    """The storage that the instance keeps itself, against copying the file; both are on the disk at the end."""
    ours: dict[str, list[float]] = defaultdict(list)
    raw: list[float] = []
    async with AsyncExitStack() as stack:
        each = await load(stack, "obstore", local)
        for number in range(sizes.rounds):
            raw.append(sizes.large_mib / await asyncio.to_thread(copy_file, source, source.with_suffix(".copy")))
            for work in ("put_file", "get_file"):
                seconds = await ordered(each, work=work, key=f"f/bench/{number}", path=str(source))
                ours[work].append(sizes.large_mib / seconds)
    return [
        Figure(
            name=f"objects_local_{work}",
            title=f"obstore: {work.partition('_')[0]} of {sizes.large_mib} MiB, kept by the instance",
            unit="MiB/s",
            ours=ours[work],
            raw=raw,
            against="copying the file and syncing it",
        )
        for work in ("put_file", "get_file")
    ]


def copy_file(source: Path, target: Path) -> float:
    """Seconds."""
    start = time.perf_counter()
    with source.open("rb") as read, target.open("wb") as written:
        shutil.copyfileobj(read, written, MIB)
        os.fsync(written.fileno())
    seconds = time.perf_counter() - start
    target.unlink()
    return seconds


async def uploads_at_once(ours: Access, pid: int) -> Figure:
    """How much the server grows while many large uploads run."""
    client = boto3.client(
        "s3",
        endpoint_url=ours.endpoint,
        aws_access_key_id=ours.access_key,
        aws_secret_access_key=ours.secret_key,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    before = peak_mib(pid)
    targets = [
        client.generate_presigned_url("put_object", Params={"Bucket": ours.bucket, "Key": f"at-once/{number}"})
        for number in range(UPLOADS)
    ]
    await asyncio.gather(*map(upload, targets))
    return Figure(
        name="objects_memory",
        title=f"growth of the server under {UPLOADS} uploads of {UPLOAD_MIB} MiB at once, each",
        unit="MiB",
        ours=[(peak_mib(pid) - before) / UPLOADS],
        more_is_better=False,
        aim=20,
    )


async def upload(target: str) -> None:
    """One upload, as fast as it is taken."""
    url = urlsplit(target)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {UPLOAD_MIB * MIB}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    for _ in range(UPLOAD_MIB):
        writer.write(bytes(MIB))
        await writer.drain()
    assert (await reader.readline()).split()[1] == b"200"
    writer.close()
    await writer.wait_closed()


async def load(stack: AsyncExitStack, client: str, access: Access) -> Helper:
    """A client in a process of its own."""
    arguments = (client, access.endpoint, access.access_key, access.secret_key, access.bucket)
    started = await helper("s3_load", *arguments, python=str(_python_of(client)))
    stack.push_async_callback(started.close)
    return started


async def ordered(load: Helper, **order: object) -> float:
    """Seconds that it took."""
    load.go(json.dumps(order))
    return float(await load.hear())


def _python_of(client: str) -> Path:
    return VENVS / "s3-clients" / "bin" / "python" if client == "s3fs" else Path(sys.executable)
