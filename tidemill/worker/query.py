"""Jobs in query languages: a database does the work, and the worker's own process sends it."""

from tidemill.db.queue import ClaimedJob
from tidemill.queries.arguments import named_database
from tidemill.queries.port import Query
from tidemill.worker.context import WorkerParts
from tidemill.worker.program import contextual_variables, job_variables


def query_of(parts: WorkerParts, job: ClaimedJob, *, raw: bytes, args: bytes, token: str) -> Query:
    """What is to be run. `raw` are the arguments as they were sent, `args` with their references replaced."""
    return Query(
        language=job.language or "",
        content=job.content or "",
        path=job.script_path or "",
        args=args,
        database=named_database(raw),
        contextual=contextual_variables(job_variables(parts.options, job, token=token)),
        job_id=str(job.id),
        timeout_s=float(job.timeout_s or parts.options.timeout_s),
        max_result_bytes=parts.values.max_bytes,
    )
