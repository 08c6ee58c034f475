"""Claim and complete, two durable statements a job, on the product's own tables. `python -m bench.raw.queue DSN`.

Each line on stdin is the tag of a backlog to work off; `done` is printed when it is empty.
"""

import sys

import psycopg

CLAIM = """
update job_queue set state = 'running', attempt = attempt + 1, worker = 'raw', started_at = now(), heartbeat_at = now()
where id = (
  select id from job_queue where state = 'queued' and tag = %s and run_at <= now()
  order by priority desc, run_at, id limit 1 for update skip locked)
returning id, attempt
"""
COMPLETE = """
with gone as (
  delete from job_queue where id = %s and attempt = %s and worker = 'raw' and state = 'running' returning *)
insert into job_completed (id, workspace_id, status, result, started_at, completed_at, duration_ms, attempt, worker)
select id, workspace_id, 'success', %s, started_at, clock_timestamp(),
  (extract(epoch from clock_timestamp() - started_at) * 1000)::bigint, attempt, worker
from gone
"""


def connect(dsn: str) -> psycopg.Connection[psycopg.rows.TupleRow]:
    """A connection that sees all workspaces; each statement commits, and is prepared when first sent."""
    connection = psycopg.connect(dsn, autocommit=True, prepare_threshold=0)
    connection.execute("select set_config('tidemill.workspace', '*', false)")
    return connection


def main() -> None:
    connection = connect(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        tag = line.strip()
        while (row := connection.execute(CLAIM, [tag]).fetchone()) is not None:
            connection.execute(COMPLETE, [*row, "null"])
        print("done", flush=True)


if __name__ == "__main__":
    main()
