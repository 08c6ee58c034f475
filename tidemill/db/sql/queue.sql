-- name: wake
-- Tell those who wait on :channel.
select pg_notify(:channel, :payload);

-- name: due_limited
-- The oldest due jobs of :tags under a concurrency limit, one a key, to be tried one by one with `claim_limited`.
select distinct on (concurrency_key) concurrency_key, concurrency_limit, concurrency_window_s
from (
  select concurrency_key, concurrency_limit, concurrency_window_s, priority, run_at, id from job_queue
  where state = 'queued' and concurrency_key is not null and started_at is null and run_at <= now()
    and tag = any(:tags::text[])
  order by run_at limit 200) waiting
order by concurrency_key, priority desc, run_at, id;

-- name: lock_key
-- Be the only one to count the jobs of a concurrency key until the transaction ends; false: somebody else is at it.
select pg_try_advisory_xact_lock(hashtextextended('tidemill concurrency ' || :key, 0)) as locked;

-- name: room_of_key
-- How many more jobs of the key may start now (a flow that has begun counts until it is over), and when the next start
-- of a full window falls out of it.
select
  :max_running::int - (select count(*) from job_queue where concurrency_key = :key
    and (state <> 'queued' or started_at is not null)) as by_running,
  :max_running::int - (select count(*) from concurrency_start
    where key = :key and started_at > now() - make_interval(secs => :window_s::float8)) as by_window,
  (select min(started_at) + make_interval(secs => :window_s::float8) from concurrency_start
    where key = :key and started_at > now() - make_interval(secs => :window_s::float8)) as frees_at;

-- name: defer_key
-- The window of the key is full: its due jobs are due again when it opens.
update job_queue set run_at = :until where concurrency_key = :key and state = 'queued' and started_at is null and run_at <= now();

-- name: claim_limited
-- As `turn`, for one concurrency key with room for :limit more; the caller holds `lock_key`.
with due as materialized (
  select q.id from job_queue q
  where q.state = 'queued' and q.concurrency_key = :key and q.started_at is null and q.run_at <= now() and q.tag = any(:tags::text[])
  order by q.priority desc, q.run_at, q.id
  limit :limit
  for update skip locked),
taken as (
  update job_queue q
  set state = 'running', attempt = q.attempt + 1, worker = :worker, started_at = now(), heartbeat_at = now()
  from due where q.id = due.id
  returning q.*),
started as (
  insert into concurrency_start (key, job_id, attempt) select concurrency_key, id, attempt from taken)
select q.id, q.workspace_id, q.attempt, q.retries, q.run_at, q.started_at, q.tag, q.priority,
  j.kind, j.script_hash, j.script_path, coalesce(j.language, s.language) as language,
  coalesce(j.content, s.content) as content, case when j.content is null then s.lock else j.lock end as lock,
  j.args, j.args_object, j.created_by, j.permissioned_as, j.email, j.parent_job, j.root_job, j.flow_step_id,
  j.flow_index, j.schedule_path, j.timeout_s, j.cache_ttl_s, j.retry, j.on_worker_loss, j.options, q.concurrency_key,
  exists (select from account a join workspace w on w.id = q.workspace_id and w.archived_at is null
    left join member m on m.workspace_id = w.id and m.email = a.email and not m.disabled
    where a.email = j.email and not a.disabled and (a.superadmin or m.email is not null)) as may_run
from taken q
join job j on j.id = q.id
left join script s on s.workspace_id = j.workspace_id and s.hash = j.script_hash
order by q.priority desc, q.run_at, q.id;

-- name: heartbeat
-- Confirm the jobs that :worker runs. A job that is missing from the answer has been taken away.
update job_queue q set heartbeat_at = now()
from unnest(:ids::uuid[], :attempts::int[]) as mine (id, attempt)
where q.id = mine.id and q.attempt = mine.attempt and q.worker = :worker and q.state = 'running'
returning q.id, q.canceled_by, q.cancel_reason, q.cancel_forced;

-- name: turn
-- End jobs that :worker runs, each under its attempt, and give it up to :limit due jobs of :tags: one commit for both.
-- Beyond these, up to :child_limit jobs that one of its jobs :parents started, and may be waiting for.
-- A job that has read more than what was :seen of it stays as it is, for its result may hold a secret that is not masked.
-- There is always a row; without a job it only tells which ends were taken (one that is missing has been taken away
-- before), when the next job is due, and whether jobs under a concurrency limit wait for `claim_limited`.
with done as (
  select * from unnest(:ids::uuid[], :attempts::int[], :statuses::text[], :results::json[], :objects::text[],
    :reasons::text[], :peaks::bigint[], :seen::bigint[])
  as d (id, attempt, status, result, result_object, end_reason, memory_peak_bytes, seen)),
unseen as materialized (
  select q.id from done d join job_queue q on q.id = d.id
  where q.attempt = d.attempt and q.worker = :worker and q.state = 'running' and exists (
    select from storage_access a where a.job_id = d.id and a.id > d.seen and a.access = 'read'
      and a.version is not null and a.kind in ('variable', 'resource'))),
gone as (
  delete from job_queue q using done d
  where q.id = d.id and q.attempt = d.attempt and q.worker = :worker and q.state = 'running'
    and q.id not in (select id from unseen)
  returning q.*),
kept as (
  insert into job_completed (id, workspace_id, status, result, result_object, started_at, completed_at, duration_ms,
    attempt, retries, worker, memory_peak_bytes, end_reason, canceled_by, cancel_reason, progress)
  select g.id, g.workspace_id,
    -- somebody wished it gone before it failed: that is why it is gone
    case when d.status = 'failure' and g.canceled_by is not null then 'canceled' else d.status end,
    d.result, d.result_object, g.started_at, clock_timestamp(),
    (extract(epoch from clock_timestamp() - g.started_at) * 1000)::bigint, g.attempt, g.retries, g.worker,
    d.memory_peak_bytes,
    case when d.status = 'failure' and g.canceled_by is not null then 'canceled' else d.end_reason end,
    g.canceled_by, g.cancel_reason, g.progress
  from gone g join done d on d.id = g.id
  returning id),
freed as materialized (
  select pg_notify('tidemill_queue', '*') from gone where concurrency_key is not null limit 1),
urgent as materialized (
  select picked.id
  from unnest(:tags::text[]) as wanted (tag)
  cross join lateral (
    select q.id, q.priority, q.run_at from job_queue q
    where q.state = 'queued' and q.tag = wanted.tag and q.run_at <= now()
      -- a flow that has begun has its place under the limit
      and (q.concurrency_key is null or q.started_at is not null)
    order by q.priority desc, q.run_at, q.id
    limit :limit
    for update skip locked) picked
  order by picked.priority desc, picked.run_at, picked.id
  limit :limit),
children as materialized (
  select q.id from job j join job_queue q on q.id = j.id
  where j.parent_job = any(:parents::uuid[]) and q.state = 'queued' and q.run_at <= now()
    and q.concurrency_key is null and q.tag = any(:tags::text[])
  order by q.priority desc, q.run_at, q.id
  limit :child_limit
  for update of q skip locked),
due as (select id from urgent union select id from children),
taken as (
  update job_queue q
  set state = 'running', attempt = q.attempt + 1, worker = :worker, started_at = coalesce(q.started_at, now()),
    heartbeat_at = now()
  from due where q.id = due.id
  returning q.*),
told as materialized (
  select pg_notify('tidemill_job', ids) from (
    select string_agg(id::text, ',') as ids from kept having count(*) > 0
    union all
    select string_agg(id::text, ',') from taken having count(*) > 0) changed)
select array(select id from kept) as ended, array(select id from unseen) as unseen,
  (select count(*) from told) + (select count(*) from freed) as notices,
  (select extract(epoch from w.run_at - now())::float8 from job_queue w
    where w.state = 'queued' and w.tag = any(:tags::text[]) and w.run_at > now() order by w.run_at limit 1) as due_in_s,
  exists (select from job_queue l where l.state = 'queued' and l.concurrency_key is not null
    and l.started_at is null and l.run_at <= now()
    and l.tag = any(:tags::text[])) as limited,
  q.id, q.workspace_id, q.attempt, q.retries, q.run_at, q.started_at, q.tag, q.priority,
  j.kind, j.script_hash, j.script_path, coalesce(j.language, s.language) as language,
  coalesce(j.content, s.content) as content, case when j.content is null then s.lock else j.lock end as lock,
  j.args, j.args_object, j.created_by, j.permissioned_as, j.email, j.parent_job, j.root_job, j.flow_step_id,
  j.flow_index, j.schedule_path, j.timeout_s, j.cache_ttl_s, j.retry, j.on_worker_loss, j.options, q.concurrency_key,
  exists (select from account a join workspace w on w.id = q.workspace_id and w.archived_at is null
    left join member m on m.workspace_id = w.id and m.email = a.email and not m.disabled
    where a.email = j.email and not a.disabled and (a.superadmin or m.email is not null)) as may_run
from (select) as always
left join taken q on true
left join job j on j.id = q.id
left join script s on s.workspace_id = j.workspace_id and s.hash = j.script_hash
order by q.priority desc, q.run_at, q.id;

-- name: held
-- A job that :worker runs as :attempt, locked, as `engine/jobs.py` sees it. No row: it has been taken away.
select q.id, q.workspace_id, j.kind, q.state, q.priority, q.run_at, q.attempt, q.retries, q.worker, q.started_at, q.heartbeat_at,
  q.tag, q.concurrency_key, q.canceled_by, q.cancel_reason, q.cancel_forced, j.on_worker_loss, now() as now,
  array(select a.ended_at from job_attempt a where a.job_id = q.id and a.end_reason = 'worker_lost') as losses
from job_queue q join job j on j.id = q.id
where q.id = :id and q.attempt = :attempt and q.worker = :worker and q.state = 'running'
for update of q;

-- name: in_queue
-- A job that waits or runs, locked, as `engine/jobs.py` sees it.
select q.id, q.workspace_id, j.kind, q.state, q.priority, q.run_at, q.attempt, q.retries, q.worker, q.started_at, q.heartbeat_at,
  q.tag, q.concurrency_key, q.canceled_by, q.cancel_reason, q.cancel_forced, j.on_worker_loss, now() as now,
  array(select a.ended_at from job_attempt a where a.job_id = q.id and a.end_reason = 'worker_lost') as losses
from job_queue q join job j on j.id = q.id
where q.id = :id
for update of q;

-- name: expired
-- Running jobs without a heartbeat for :lease_s seconds, locked for whoever takes them away, as `engine/jobs.py` sees
-- them.
select q.id, q.workspace_id, j.kind, q.state, q.priority, q.run_at, q.attempt, q.retries, q.worker, q.started_at, q.heartbeat_at,
  q.tag, q.concurrency_key, q.canceled_by, q.cancel_reason, q.cancel_forced, j.on_worker_loss, now() as now,
  array(select a.ended_at from job_attempt a where a.job_id = q.id and a.end_reason = 'worker_lost') as losses
from job_queue q join job j on j.id = q.id
where q.state = 'running' and q.heartbeat_at < now() - make_interval(secs => :lease_s::float8)
order by q.heartbeat_at
limit 100
for update of q skip locked;

-- name: overdue_flows
-- Flows that began longer ago than their time limit.
select q.id, q.workspace_id, j.timeout_s
from job_queue q join job j on j.id = q.id
where j.kind in ('flow', 'flowpreview', 'singlestepflow') and j.timeout_s is not null
  and q.started_at < now() - make_interval(secs => j.timeout_s)
order by q.started_at
limit 100;

-- name: requeue
-- Give a job that :worker ran back to the queue, due at :run_at, and note how its attempt ended. The caller has locked it.
with freed as (
  update job_queue set state = 'queued', worker = null, heartbeat_at = null, started_at = null, progress = null,
    retries = :retries, run_at = :run_at
  where id = :id and attempt = :attempt and state = 'running'
  returning id, workspace_id, attempt)
insert into job_attempt (job_id, attempt, workspace_id, worker, started_at, end_reason, error)
select id, attempt, workspace_id, :worker, :started_at, :end_reason, :error::json from freed;

-- name: end_without_worker
-- End a job whose worker does not end it itself: lost, quarantined, stopped, canceled. The caller has locked it.
with gone as (
  delete from job_queue where id = :id and attempt = :attempt returning *),
asked as (
  delete from flow_approval using gone where level_id = gone.id)
insert into job_completed (id, workspace_id, status, result, started_at, completed_at, duration_ms, attempt, retries,
  worker, end_reason, canceled_by, cancel_reason, progress)
select id, workspace_id, :status, :result::json, started_at, clock_timestamp(),
  coalesce((extract(epoch from clock_timestamp() - started_at) * 1000)::bigint, 0), attempt, retries, worker,
  :end_reason, canceled_by, cancel_reason, progress
from gone;

-- name: hold_levels
-- Those of :ids that are levels of flows, locked, and changed so that nothing that is on its way brings them forward.
with held as (select job_id from flow_run where job_id = any(:ids::uuid[]) order by job_id for update)
update flow_run f set version = f.version + 1 from held where f.job_id = held.job_id returning f.job_id;

-- name: below
-- What the levels :ids have started, and has not ended.
select j.id from job j join job_queue q on q.id = j.id
where j.parent_job = any(:ids::uuid[]) and j.flow_step_id is not null
order by j.id;

-- name: wake_flow
-- A step has ended without its flow hearing of it: its flow is due, to look for itself. Gives its tag.
with parent as (
  select parent_job as id from job where id = :id and flow_step_id is not null),
bumped as (
  update flow_run f set version = f.version + 1 from parent where f.job_id = parent.id returning f.job_id)
update job_queue q set state = 'queued', run_at = least(q.run_at, now()) from bumped
where q.id = bumped.job_id and q.state in ('waiting', 'queued')
returning q.tag;

-- name: mark_canceled
-- A job is to be canceled: its worker is told by the notice that follows, and by its next heartbeat.
update job_queue set canceled_by = :canceled_by, cancel_reason = :cancel_reason, cancel_forced = :cancel_forced
where id = :id;

-- name: append_log
-- Add to a job's log at the place :start_unit (UTF-16 units from its start), while the attempt holds its lease; :live
-- tells those who follow it.
with added as (
  insert into job_log (job_id, start_unit, workspace_id, units, attempt, text)
  select :job_id, :start_unit::bigint, :workspace_id, :units, :attempt, :text
  where exists (select from job_queue where id = :job_id and attempt = :attempt and state = 'running')
  on conflict (job_id, start_unit) do update set text = excluded.text, units = excluded.units
  returning job_id)
select job_id, case when :live::boolean then pg_notify('tidemill_job', job_id::text) end as told from added;

-- name: append_stream
-- Add to what a job streams as its result, while the attempt holds its lease; :live tells those who follow it.
with added as (
  insert into job_stream (job_id, start_unit, workspace_id, units, attempt, text)
  select :job_id, :start_unit::bigint, :workspace_id, :units, :attempt, :text
  where exists (select from job_queue where id = :job_id and attempt = :attempt and state = 'running')
  on conflict (job_id, start_unit) do update set text = excluded.text, units = excluded.units
  returning job_id)
select job_id, case when :live::boolean then pg_notify('tidemill_job', job_id::text) end as told from added;

-- name: log_end
-- Where the log and the stream of a job end, for an attempt that goes on after an earlier one.
select coalesce((select max(start_unit + units) from job_log where job_id = :job_id), 0) as log_units,
  coalesce((select max(start_unit + units) from job_stream where job_id = :job_id), 0) as stream_units;

-- name: cached_result
-- The result that was kept for these arguments of this version, while it is fresh.
select result, result_object from result_cache
where workspace_id = :workspace_id and key = :key and expires_at > now();

-- name: keep_result
-- Keep a result for :ttl_s seconds.
insert into result_cache (workspace_id, key, result, result_object, expires_at)
values (:workspace_id, :key, :result::json, :result_object, now() + make_interval(secs => :ttl_s::float8))
on conflict (workspace_id, key) do update
set result = excluded.result, result_object = excluded.result_object, expires_at = excluded.expires_at;

-- name: store_lock
-- The lock of a version that was resolved when it was first run.
update script set lock = :lock, lock_error = null where workspace_id = :workspace_id and hash = :hash and lock is null;
