"""How fast those who watch a job are told of its news."""

import asyncio
from uuid import uuid4

from tidemill.db.listener import Listener, Notification
from tidemill.db.queue import JOB_CHANNEL
from tidemill.server.updates import BURST, Updates


async def test_start_and_end_of_a_short_job_are_told_at_once_and_a_torrent_is_paced() -> None:
    listener, job_id = Listener(""), uuid4()
    async with Updates(listener) as updates:
        await asyncio.sleep(0)  # it subscribes
        with updates.watch(job_id) as watch:
            for count in range(1, BURST + 2):
                listener._tell(Notification(JOB_CHANNEL, str(job_id)))
                for _ in range(20):  # the hub hears, nobody waits for a clock
                    await asyncio.sleep(0)
                assert watch.watched.version == min(count, BURST)
            assert watch.watched.later is not None
            assert await watch.wait(60)
