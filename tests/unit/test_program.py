"""What a job is told of itself, from its row."""

from datetime import UTC, datetime
from uuid import UUID

from tidemill.db.queue import ClaimedJob
from tidemill.worker.program import scheduled_for

RUN_AT = datetime(2026, 1, 1, 12, 0, 3, tzinfo=UTC)


def job(options: bytes) -> ClaimedJob:
    return ClaimedJob(
        id=UUID(int=1), workspace_id="main", attempt=2, retries=1, run_at=RUN_AT, started_at=RUN_AT, tag="bash",
        priority=0, kind="script", script_hash=1, script_path="u/a/b", language="bash", content="", lock=None,
        args=None, args_object=None, created_by="a", permissioned_as="u/a", email="a@x.org", parent_job=None,
        root_job=None, flow_step_id=None, flow_index=None, schedule_path="u/a/s", timeout_s=None, cache_ttl_s=None,
        retry=None, on_worker_loss="restart", options=options, concurrency_key=None, may_run=True,
    )  # fmt: skip


def test_a_job_of_a_schedule_is_told_its_occurrence_however_late_it_runs() -> None:
    assert scheduled_for(job(b'{"scheduled_for": "2026-01-01T12:00:00Z"}')) == RUN_AT.replace(second=0)


def test_another_job_is_told_when_it_was_due() -> None:
    assert scheduled_for(job(b"{}")) == RUN_AT
