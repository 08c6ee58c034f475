"""Memory at rest: all processes of the server and of a worker, the watchdog and parked interpreters too."""

import asyncio

from bench.deployed import deploy
from bench.figures import Figure
from bench.instance import Instance, helper
from bench.processes import memory_mib, tree

_SETTLE_S = 2.0


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """PSS, so that what processes share counts once. The baseline is a hello-world server with a database driver."""
    rounds = 1 if quick else 3
    servers, workers, parked, raw = [], [], [], []
    for number in range(rounds):
        bare = await helper("bare_server", instance.dsn)
        try:
            await asyncio.sleep(_SETTLE_S / 2)
            raw.append(memory_mib(tree(bare.process.pid)))
        finally:
            await bare.close()
        async with instance.server() as server, instance.worker() as worker, instance.client() as client:
            await asyncio.sleep(_SETTLE_S)
            workers.append(memory_mib(tree(worker.pid)))
            path = await deploy(client, f"u/admin/memory{number}")
            for _ in range(5):
                await client.post(f"/api/w/main/jobs/run_wait_result/p/{path}", b"{}")
            await asyncio.sleep(_SETTLE_S)
            servers.append(memory_mib(tree(server.pid)))
            parked.append(memory_mib(tree(worker.pid)))
    against = "a hello-world server with a database driver"
    return [
        Figure(
            name="memory_server", title="memory of the server at rest, after requests", unit="MiB", ours=servers,
            raw=raw, against=against, more_is_better=False,
        ),
        Figure(
            name="memory_worker", title="memory of a worker that has run nothing yet", unit="MiB", ours=workers,
            raw=raw, against=against, more_is_better=False,
        ),
        Figure(
            name="memory_worker_parked", title="memory of a worker with watchdog and one parked sandbox", unit="MiB",
            ours=parked, raw=raw, against=against, more_is_better=False,
        ),
    ]  # fmt: skip
