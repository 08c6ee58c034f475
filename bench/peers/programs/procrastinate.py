"""procrastinate: each step defers the next when it is done; one worker, woken by Postgres."""

import asyncio

from procrastinate import App, PsycopgConnector

from bench.peers.programs.work import STEPS, dsn, orders, tell, timed

app = App(connector=PsycopgConnector(conninfo=dsn()))
over = asyncio.Event()


@app.task(name="step")
async def step(left: int, number: int, mode: str) -> None:
    """One step, and then the next."""
    STEPS[mode](number)
    if left > 1:
        await step.defer_async(left=left - 1, number=number, mode=mode)
    else:
        over.set()


async def main() -> None:
    """Work, and start a flow for each order."""
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        worker = asyncio.create_task(app.run_worker_async(concurrency=1, install_signal_handlers=False))
        tell({"modes": ["apart", "inside"]})
        lines = orders()
        while (order := await asyncio.to_thread(next, lines, None)) is not None:
            steps, number, mode = order
            over.clear()
            with timed():
                await step.defer_async(left=steps, number=number, mode=mode)
                await over.wait()
        worker.cancel()


if __name__ == "__main__":
    asyncio.run(main())
