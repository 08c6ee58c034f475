-- What a workflow has come to: a script that calls itself one runs from its start again and again, and is given what
-- is here. Each of its steps is here once, under its key.
create table workflow_step (
  job_id uuid not null,
  key text not null,
  workspace_id text not null,
  kind text not null check (kind in ('step', 'task', 'sleep', 'approval')),
  -- the job of a task, whose result is that of the task, and which round of the workflow started it
  child uuid,
  round int,
  -- what a step gave, sealed: it may hold secrets, and is never masked
  sealed bytea,
  key_id int,
  -- how an approval ended
  value json,
  -- when a sleep is over
  until timestamptz,
  started_at timestamptz not null default now(),
  duration_ms bigint,
  primary key (job_id, key),
  check ((sealed is null) = (key_id is null))
);
create index workflow_step_sealed on workflow_step (workspace_id, key_id, job_id, key) where sealed is not null;
call wall_off('workflow_step');

-- What the approval of a workflow asks, which no definition of a flow tells: {form, skin, description, self_approval}.
alter table flow_approval add column asks json;
