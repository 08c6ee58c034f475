-- name: begin_round
-- A round of a workflow begins: from now on there is a state of it, that others can hold. What it has come to, in the order
-- of its start; `done` says whether that has a value: a task that somebody has deleted has none, and never will. There is
-- always a row, without a key where it has come to nothing yet; each tells where the log and the stream of the job end.
-- The id is looked up, or else the plan for this id alone, without the other partitions, seems to be worth making each time.
with begun as (
  insert into flow_run (job_id, workspace_id, state) values (:job_id, :workspace_id, :state::json)
  on conflict (job_id) do nothing),
this as materialized (select :job_id::uuid as id)
select s.key, s.kind, s.sealed, s.value, s.child, c.status, c.result, c.result_object,
  case s.kind when 'step' then true when 'task' then q.id is null when 'sleep' then s.until <= now()
    else s.value is not null end as done,
  coalesce((select max(start_unit + units) from job_log where job_id = (select id from this)), 0) as log_units,
  coalesce((select max(start_unit + units) from job_stream where job_id = (select id from this)), 0) as stream_units
from (select) as always
left join workflow_step s on s.job_id = :job_id
left join job_completed c on c.id = s.child
left join job_queue q on q.id = s.child
order by s.started_at, s.key;

-- name: begin_task
-- What a task sees that the round :round of a workflow has started: what that had come to without the tasks of this round,
-- as in `begin_round`, the arguments of the workflow (in the first row), and whether it has read of variables and resources.
select s.key, s.kind, s.sealed, s.value, s.child, c.status, c.result, c.result_object,
  case s.kind when 'step' then true when 'task' then q.id is null when 'sleep' then s.until <= now()
    else s.value is not null end as done,
  case when row_number() over (order by s.started_at, s.key) = 1 then w.args end as args, w.args_object,
  exists (select from storage_access a where a.job_id = :job_id and a.workspace_id = :workspace_id and a.access = 'read'
    and a.version is not null and a.kind in ('variable', 'resource')) as has_read
from (select) as always
left join job w on w.id = :job_id
left join workflow_step s on s.job_id = :job_id and (s.kind <> 'task' or s.round is distinct from :round::int)
left join job_completed c on c.id = s.child
left join job_queue q on q.id = s.child
order by s.started_at, s.key;

-- name: has_begun
-- A row where the job is a workflow, and its first round has begun.
select job_id from flow_run where workspace_id = :workspace_id and job_id = :job_id and state -> 'rounds' is not null;

-- name: waits
-- What a workflow waits for: tasks that have not ended, the end of a sleep, and the answer to an approval.
select
  (select count(*) from workflow_step s join job_queue q on q.id = s.child
    where s.job_id = :job_id and s.kind = 'task') as tasks,
  (select extract(epoch from max(s.until) - now())::float8 from workflow_step s
    where s.job_id = :job_id and s.kind = 'sleep' and s.until > now()) as sleep_s,
  a.step as approval, a.asks, extract(epoch from a.expires_at - now())::float8 as left_s
from (select) as always left join flow_approval a on a.level_id = :job_id;

-- name: keep_step
-- Keep what a step of a workflow gave, while the attempt holds its lease, and nobody takes that away before the
-- transaction ends. Of a step that is there already the first value stays. Says whether the attempt runs, and whether
-- there was room for one more.
with held as materialized (
  select id from job_queue
  where id = :job_id and workspace_id = :workspace_id and attempt = :attempt and state = 'running' for share),
room as materialized (select count(*) < :most::int as is_left from workflow_step where job_id = :job_id),
kept as (
  insert into workflow_step (job_id, key, workspace_id, kind, sealed, key_id, started_at, duration_ms)
  select held.id, :key, :workspace_id, 'step', :sealed, :key_id::int, coalesce(:started_at::timestamptz, now()),
    :duration_ms::bigint
  from held cross join room where room.is_left
  on conflict (job_id, key) do nothing)
select exists (select from held) as runs, is_left from room;

-- name: timeline
-- What a workflow has come to, in the order of its start: what it waited for, and how long that took.
select s.key, s.kind, s.child, s.started_at, coalesce(j.created_at, s.started_at) as scheduled_for,
  coalesce(c.started_at, q.started_at) as task_started_at,
  case when s.kind <> 'sleep' then coalesce(c.duration_ms, s.duration_ms)
    when s.until <= now() then (extract(epoch from s.until - s.started_at) * 1000)::bigint end as duration_ms,
  c.status, s.until
from workflow_step s
left join job j on j.id = s.child
left join job_queue q on q.id = s.child
left join job_completed c on c.id = s.child
where s.workspace_id = :workspace_id and s.job_id = :job_id
order by s.started_at, s.key
limit :limit;
