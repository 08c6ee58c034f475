-- name: is_step
-- Whether the job is a step of a flow, so that what it writes can count with its end. A workflow in code has many rounds
-- before that: what it writes counts at once.
select flow_step_id is not null and not exists (select from flow_run where job_id = :job) as is_step
from job where id = :job;

-- name: find
-- What the attempt has written to the state at :path.
select path, expected, version, value, description, labels, actor, written_at from state_write
where workspace_id = :workspace and path = :path and job_id = :job and attempt = :attempt;

-- name: keep
-- Keep what an attempt writes until it ends; a second write takes the place of its first. No row: another attempt that
-- runs has written there.
insert into state_write as w (workspace_id, path, job_id, attempt, expected, value, description, labels, actor,
  username, email)
values (:workspace, :path, :job, :attempt, :expected, :value, :description, :labels, :actor, :username, :email)
on conflict (workspace_id, path) do update
set job_id = excluded.job_id, attempt = excluded.attempt,
  expected = case when w.job_id = excluded.job_id and w.attempt = excluded.attempt then w.expected
    else excluded.expected end,
  version = nextval('item_version'), value = excluded.value, description = excluded.description,
  labels = excluded.labels, actor = excluded.actor, username = excluded.username, email = excluded.email,
  written_at = now()
where w.job_id = excluded.job_id or not exists (
  select from job_queue q where q.id = w.job_id and q.attempt = w.attempt and q.state = 'running')
returning version;

-- name: drop
-- Forget what the attempt has written to the state at :path.
delete from state_write where workspace_id = :workspace and path = :path and job_id = :job and attempt = :attempt
returning expected;
