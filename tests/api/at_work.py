"""Plays the worker: claims jobs and ends them through the real queue, so that the API has something to tell."""

from uuid import UUID

import httpx

from tests.api.conftest import Api
from tidemill.db import queue
from tidemill.db.pool import Json
from tidemill.db.queue import ClaimedJob, Ended

W = "/api/w/main"
TAGS = ["python3", "bash", "dependency", "flow", "custom", "tag-main-red"]
SOURCE = "def main(name: str = 'you', times: int = 2):\n    return [name] * times\n"


async def deploy(client: httpx.AsyncClient, path: str = "u/dev/hello", content: str = SOURCE, **more: object) -> str:
    """The hash of a new version."""
    body = {"path": path, "summary": "", "content": content, "language": "python3", **more}
    answer = await client.post(f"{W}/scripts/create", json=body)
    assert answer.status_code == 201, answer.text
    return answer.text


async def run(client: httpx.AsyncClient, path: str = "u/dev/hello", args: object = None, **query: object) -> UUID:
    """The id of a new job."""
    answer = await client.post(f"{W}/jobs/run/p/{path}", json=args or {}, params=query)  # type: ignore[arg-type]
    assert answer.status_code == 201, answer.text
    return UUID(answer.text)


class Worker:
    """One worker that is told what to do."""

    def __init__(self, api: Api, name: str = "worker-1") -> None:
        self.name = name
        self._database = api.parts.database
        self._single = api.parts.database.single
        self._values = api.parts.values
        self._held: dict[UUID, ClaimedJob] = {}
        self._ends: dict[tuple[UUID, bool], int] = {}

    async def start(self, job_id: UUID) -> ClaimedJob:
        """Claim what is due, this job with it."""
        turn = await queue.turn(self._single, worker=self.name, ended=[], tags=TAGS, limit=100)
        self._held |= {job.id: job for job in turn.claimed}
        await queue.wake(self._single, queue.JOB_CHANNEL, str(job_id))
        return self._held[job_id]

    async def log(self, job_id: UUID, text: str, *, stream: bool = False) -> None:
        """Add to the log (or the result stream) of a job that was started."""
        start = self._ends.get((job_id, stream), 0)
        units = await queue.append_log(self._single, self._held[job_id], text, start_unit=start, stream=stream)
        assert units is not None
        self._ends[job_id, stream] = start + units
        await queue.wake(self._single, queue.JOB_CHANNEL, str(job_id))

    async def fail_for_now(self, job_id: UUID, error: bytes) -> None:
        """Let an attempt of a started job fail, so that another follows at once."""
        job = self._held.pop(job_id)
        given = await queue.put_back(
            self._database, job, worker=self.name, end_reason="error", error=Json(error), retried=True
        )
        assert given is not None

    async def end(self, job_id: UUID, result: bytes = b'"done"', *, status: str = "success") -> None:
        """End a job, starting it first where it waits."""
        job = self._held.get(job_id) or await self.start(job_id)
        kept = await self._values.keep(result, what="The result")
        ended = Ended(id=job_id, attempt=job.attempt, status=status, result=kept, end_reason="finished")
        turn = await queue.turn(self._single, worker=self.name, ended=[ended], tags=[], limit=0)
        assert job_id in turn.ended
