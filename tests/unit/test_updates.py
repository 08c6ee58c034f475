"""How fast those who watch a job are told of its news."""

import asyncio
from uuid import uuid4

from tidemill.db.listener import Listener, Notification
from tidemill.db.queue import JOB_CHANNEL
from tidemill.server.updates import BURST, Updates


async def test_start_output_and_end_of_a_short_job_are_told_at_once_and_a_torrent_is_paced() -> None:
    listener, job_id = Listener(""), uuid4()

    async def send() -> None:
        listener._tell(Notification(JOB_CHANNEL, str(job_id)))
        for _ in range(20):  # the hub hears; nobody waits for a clock
            await asyncio.sleep(0)

    async with Updates(listener) as updates:
        await asyncio.sleep(0)  # it subscribes
        with updates.watch(job_id) as watch:
            for count in (1, 2, 3):
                await send()
                assert watch.watched.version == count
            for _ in range(5):
                await send()
            assert watch.watched.version == BURST
            assert watch.watched.later is not None
            assert await watch.wait(60)
