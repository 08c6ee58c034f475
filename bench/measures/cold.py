"""Cold Python: every job starts an interpreter in a sandbox of its own."""

import json

from bench.backlog import fill, worked_off
from bench.figures import Figure
from bench.instance import Helper, Instance, helper
from bench.measures.warm import SCRIPT
from tidemill.languages.locking import interpreter
from tidemill.sandbox.profile import find_binary

PARALLEL = 4


async def measure(instance: Instance, quick: bool) -> list[Figure]:
    """A worker with as many slots as the baseline has threads."""
    count, rounds = (24, 2) if quick else (100, 5)
    ours, theirs = [], []
    raw = await starter(PARALLEL)
    try:
        async with (
            await instance.connect() as connection,
            instance.worker(tags="cold", worker_slots=str(PARALLEL), warm_sandboxes="0"),
        ):
            await worked_off(connection, await fill(connection, tag="cold", count=8, content=SCRIPT))
            await started(raw, 8)
            for _ in range(rounds):
                theirs.append(count / (await started(raw, count))[0])
                ours.append(
                    await worked_off(connection, await fill(connection, tag="cold", count=count, content=SCRIPT))
                )
    finally:
        await raw.close()
    return [
        Figure(
            name="cold_python",
            title=f"Python jobs, cold, isolated, {PARALLEL} at a time",
            unit="jobs/s",
            ours=ours,
            raw=theirs,
            against=f"`bwrap … python -I -c pass`, {PARALLEL} at a time",
            aim=0.8,
        )
    ]


async def starter(parallel: int) -> Helper:
    """The baseline, ready.

    Raises:
        RuntimeError: there is no bubblewrap here.
    """
    binary = find_binary()
    if binary is None:
        raise RuntimeError("bubblewrap is not installed.")
    return await helper("sandbox", str(binary.path), str(interpreter()), str(parallel))


async def started(raw: Helper, count: int) -> tuple[float, list[float]]:
    """Seconds for all of `count` starts, and of each."""
    raw.go(str(count))
    answer = json.loads(await raw.hear())
    return answer["all_s"], answer["each_s"]
