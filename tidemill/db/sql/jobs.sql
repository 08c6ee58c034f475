-- name: by_id
-- One job, whole. Its id is looked up, as in `workflows.begin_round`, so that the plan is kept.
select j.id, j.workspace_id, j.kind, j.script_hash, j.script_path, j.language, j.created_by, j.permissioned_as, j.email,
  j.created_at, j.tag, j.parent_job, j.root_job, j.flow_step_id, j.schedule_path, j.timeout_s, j.options, j.labels,
  j.visible_to_owner, q.state, q.run_at, coalesce(q.priority, 0) as priority,
  coalesce(c.started_at, q.started_at) as started_at, q.heartbeat_at, coalesce(c.worker, q.worker) as worker,
  coalesce(c.attempt, q.attempt, 0) as attempt, coalesce(c.retries, q.retries, 0) as retries,
  coalesce(c.progress, q.progress) as progress,
  coalesce(c.memory_peak_bytes, q.memory_peak_bytes) as memory_peak_bytes,
  coalesce(c.canceled_by, q.canceled_by) as canceled_by, coalesce(c.cancel_reason, q.cancel_reason) as cancel_reason,
  c.status, c.completed_at, c.duration_ms, c.end_reason,
  j.content, j.lock, j.args, j.args_object, j.cache_ttl_s, j.retry, j.on_worker_loss, c.result, c.result_object,
  exists (select from flow_run f where f.job_id = j.id) as has_run
from job j
left join job_queue q on q.id = j.id
left join job_completed c on c.id = j.id
where j.workspace_id = :workspace_id and j.id = (select :id::uuid);

-- name: outcome
-- How a job stands and how it ended, without its input. Its id is looked up, as in `by_id`.
select j.id, j.workspace_id, j.script_path, j.created_by, j.permissioned_as, j.parent_job, j.root_job,
  j.visible_to_owner, q.state, coalesce(c.started_at, q.started_at) as started_at, c.status, c.result, c.result_object
from job j
left join job_queue q on q.id = j.id
left join job_completed c on c.id = j.id
where j.workspace_id = :workspace_id and j.id = (select :id::uuid);

-- name: target
-- What decides who may see a job.
select id, created_by, permissioned_as, script_path, visible_to_owner, parent_job, root_job, kind
from job where workspace_id = :workspace_id and id = :id;

-- name: targets
-- As `target`, for several jobs.
select id, created_by, permissioned_as, script_path, visible_to_owner, parent_job, root_job, kind
from job where workspace_id = :workspace_id and id = any(:ids::uuid[]);

-- name: workspace_of
-- The workspace that a job belongs to.
select workspace_id from job where id = :id;

-- name: last_runs
-- The newest job of :kind of each path that the caller may see, with how it stands. The filter by who may see them is
-- coarse, as in `page`.
select r.* from unnest(:paths::text[]) as wanted (path) cross join lateral (
  select j.id, j.script_path, j.created_by, j.permissioned_as, j.parent_job, j.root_job, j.visible_to_owner, j.created_at,
    q.state, q.run_at, coalesce(c.started_at, q.started_at) as started_at, c.status
  from job j
  left join job_queue q on q.id = j.id
  left join job_completed c on c.id = j.id
  where j.workspace_id = :workspace_id and j.script_path = wanted.path and j.kind = :kind
    and (q.id is not null or c.id is not null)
    and (:everything::boolean or j.created_by = :name or j.permissioned_as = any(:permission_keys::text[])
      or (j.visible_to_owner and substring(j.script_path from '^[uf]/[^/]+') = any(:owner_keys::text[]))
      or :own_job::uuid in (j.id, j.parent_job, j.root_job))
  order by j.id desc
  limit 1) r;

-- name: page
-- Jobs that fit the filters, by age, from behind :after_id; values of more than :listed_bytes are left out. The filter
-- by who may see them is coarse: each row still has to be decided upon.
select j.id, j.workspace_id, j.kind, j.script_hash, j.script_path, j.language, j.created_by, j.permissioned_as, j.email,
  j.created_at, j.tag, j.parent_job, j.root_job, j.flow_step_id, j.schedule_path, j.timeout_s, j.options, j.labels,
  j.visible_to_owner, q.state, q.run_at, coalesce(q.priority, 0) as priority,
  coalesce(c.started_at, q.started_at) as started_at, q.heartbeat_at, coalesce(c.worker, q.worker) as worker,
  coalesce(c.attempt, q.attempt, 0) as attempt, coalesce(c.retries, q.retries, 0) as retries,
  coalesce(c.progress, q.progress) as progress,
  coalesce(c.memory_peak_bytes, q.memory_peak_bytes) as memory_peak_bytes,
  coalesce(c.canceled_by, q.canceled_by) as canceled_by, coalesce(c.cancel_reason, q.cancel_reason) as cancel_reason,
  c.status, c.completed_at, c.duration_ms, c.end_reason,
  case when octet_length(j.args::text) <= :listed_bytes::int then j.args end as args,
  case when octet_length(c.result::text) <= :listed_bytes::int then c.result end as result,
  j.args_object is not null or octet_length(j.args::text) > :listed_bytes::int as args_are_large,
  c.result_object is not null or octet_length(c.result::text) > :listed_bytes::int as result_is_large
from job j
left join job_queue q on q.id = j.id
left join job_completed c on c.id = j.id
where j.workspace_id = :workspace_id
  and (q.id is not null or c.id is not null)
  and (:after_id::uuid is null or case when :descending::boolean then j.id < :after_id else j.id > :after_id end)
  and (:everything::boolean or j.created_by = :name or j.permissioned_as = any(:permission_keys::text[])
    or (j.visible_to_owner and substring(j.script_path from '^[uf]/[^/]+') = any(:owner_keys::text[]))
    or :own_job::uuid in (j.id, j.parent_job, j.root_job))
  and (:kinds::text[] is null or j.kind = any(:kinds))
  and (:path_exact::text is null or j.script_path = :path_exact)
  and (:path_start::text is null or starts_with(j.script_path, :path_start))
  and (:schedule_path::text is null or j.schedule_path = :schedule_path)
  and (:script_hash::bigint is null or j.script_hash = :script_hash)
  and (:created_by::text is null or j.created_by = :created_by)
  and (:created_before::timestamptz is null or j.created_at < :created_before)
  and (:created_after::timestamptz is null or j.created_at > :created_after)
  and (:parent_job::uuid is null or j.parent_job = :parent_job)
  and (:has_parent::boolean is null or (j.parent_job is not null) = :has_parent)
  and (:is_flow_step::boolean is null or (j.flow_step_id is not null) = :is_flow_step)
  and (:is_scheduled::boolean is null or (j.schedule_path is not null) = :is_scheduled)
  and (:tag::text is null or j.tag = :tag)
  and (:label::text is null or :label = any(j.labels))
  and (:ids::uuid[] is null or j.id = any(:ids))
  and (:args::json is null or case when j.args::text !~ '\\u0000|\d[eE][-+]?\d{4}|\d{255}' then j.args::jsonb @> :args::jsonb else false end)
  and (:running::boolean is null or (q.state <> 'queued' or q.started_at is not null) = :running)
  and (:suspended::boolean is null or exists (select from flow_approval a where a.source_id = j.id) = :suspended)
  and (:is_due::boolean is null or (q.run_at <= now()) = :is_due)
  and (:concurrency_key::text is null or q.concurrency_key = :concurrency_key)
  and (:worker::text is null or :worker in (q.worker, c.worker))
  and (:started_before::timestamptz is null or coalesce(c.started_at, q.started_at) < :started_before)
  and (:started_after::timestamptz is null or coalesce(c.started_at, q.started_at) > :started_after)
  and (:statuses::text[] is null or c.status = any(:statuses))
  and (:completed_before::timestamptz is null or c.completed_at < :completed_before)
  and (:completed_after::timestamptz is null or c.completed_at > :completed_after)
  and (:result::json is null or case when c.result::text !~ '\\u0000|\d[eE][-+]?\d{4}|\d{255}' then c.result::jsonb @> :result::jsonb else false end)
order by case when :descending then j.id end desc, case when not :descending then j.id end
limit :limit;

-- name: page_of_queue
-- As `page`, for jobs that have not ended.
select j.id, j.workspace_id, j.kind, j.script_hash, j.script_path, j.language, j.created_by, j.permissioned_as, j.email,
  j.created_at, j.tag, j.parent_job, j.root_job, j.flow_step_id, j.schedule_path, j.timeout_s, j.options, j.labels,
  j.visible_to_owner, q.state, q.run_at, coalesce(q.priority, 0) as priority,
  coalesce(c.started_at, q.started_at) as started_at, q.heartbeat_at, coalesce(c.worker, q.worker) as worker,
  coalesce(c.attempt, q.attempt, 0) as attempt, coalesce(c.retries, q.retries, 0) as retries,
  coalesce(c.progress, q.progress) as progress,
  coalesce(c.memory_peak_bytes, q.memory_peak_bytes) as memory_peak_bytes,
  coalesce(c.canceled_by, q.canceled_by) as canceled_by, coalesce(c.cancel_reason, q.cancel_reason) as cancel_reason,
  c.status, c.completed_at, c.duration_ms, c.end_reason,
  case when octet_length(j.args::text) <= :listed_bytes::int then j.args end as args,
  case when octet_length(c.result::text) <= :listed_bytes::int then c.result end as result,
  j.args_object is not null or octet_length(j.args::text) > :listed_bytes::int as args_are_large,
  c.result_object is not null or octet_length(c.result::text) > :listed_bytes::int as result_is_large
from job_queue q
join job j on j.id = q.id
left join job_completed c on false
where q.workspace_id = :workspace_id
  and (:after_id::uuid is null or case when :descending::boolean then j.id < :after_id else j.id > :after_id end)
  and (:everything::boolean or j.created_by = :name or j.permissioned_as = any(:permission_keys::text[])
    or (j.visible_to_owner and substring(j.script_path from '^[uf]/[^/]+') = any(:owner_keys::text[]))
    or :own_job::uuid in (j.id, j.parent_job, j.root_job))
  and (:kinds::text[] is null or j.kind = any(:kinds))
  and (:path_exact::text is null or j.script_path = :path_exact)
  and (:path_start::text is null or starts_with(j.script_path, :path_start))
  and (:schedule_path::text is null or j.schedule_path = :schedule_path)
  and (:script_hash::bigint is null or j.script_hash = :script_hash)
  and (:created_by::text is null or j.created_by = :created_by)
  and (:created_before::timestamptz is null or j.created_at < :created_before)
  and (:created_after::timestamptz is null or j.created_at > :created_after)
  and (:parent_job::uuid is null or j.parent_job = :parent_job)
  and (:has_parent::boolean is null or (j.parent_job is not null) = :has_parent)
  and (:is_flow_step::boolean is null or (j.flow_step_id is not null) = :is_flow_step)
  and (:is_scheduled::boolean is null or (j.schedule_path is not null) = :is_scheduled)
  and (:tag::text is null or j.tag = :tag)
  and (:label::text is null or :label = any(j.labels))
  and (:ids::uuid[] is null or j.id = any(:ids))
  and (:args::json is null or case when j.args::text !~ '\\u0000|\d[eE][-+]?\d{4}|\d{255}' then j.args::jsonb @> :args::jsonb else false end)
  and (:running::boolean is null or (q.state <> 'queued' or q.started_at is not null) = :running)
  and (:suspended::boolean is null or exists (select from flow_approval a where a.source_id = j.id) = :suspended)
  and (:is_due::boolean is null or (q.run_at <= now()) = :is_due)
  and (:concurrency_key::text is null or q.concurrency_key = :concurrency_key)
  and (:worker::text is null or :worker in (q.worker, c.worker))
  and (:started_before::timestamptz is null or coalesce(c.started_at, q.started_at) < :started_before)
  and (:started_after::timestamptz is null or coalesce(c.started_at, q.started_at) > :started_after)
  and (:statuses::text[] is null or c.status = any(:statuses))
  and (:completed_before::timestamptz is null or c.completed_at < :completed_before)
  and (:completed_after::timestamptz is null or c.completed_at > :completed_after)
  and (:result::json is null or case when c.result::text !~ '\\u0000|\d[eE][-+]?\d{4}|\d{255}' then c.result::jsonb @> :result::jsonb else false end)
order by case when :descending then q.id end desc, case when not :descending then q.id end
limit :limit;

-- name: page_of_completed
-- As `page`, for jobs that have ended.
select j.id, j.workspace_id, j.kind, j.script_hash, j.script_path, j.language, j.created_by, j.permissioned_as, j.email,
  j.created_at, j.tag, j.parent_job, j.root_job, j.flow_step_id, j.schedule_path, j.timeout_s, j.options, j.labels,
  j.visible_to_owner, q.state, q.run_at, coalesce(q.priority, 0) as priority,
  coalesce(c.started_at, q.started_at) as started_at, q.heartbeat_at, coalesce(c.worker, q.worker) as worker,
  coalesce(c.attempt, q.attempt, 0) as attempt, coalesce(c.retries, q.retries, 0) as retries,
  coalesce(c.progress, q.progress) as progress,
  coalesce(c.memory_peak_bytes, q.memory_peak_bytes) as memory_peak_bytes,
  coalesce(c.canceled_by, q.canceled_by) as canceled_by, coalesce(c.cancel_reason, q.cancel_reason) as cancel_reason,
  c.status, c.completed_at, c.duration_ms, c.end_reason,
  case when octet_length(j.args::text) <= :listed_bytes::int then j.args end as args,
  case when octet_length(c.result::text) <= :listed_bytes::int then c.result end as result,
  j.args_object is not null or octet_length(j.args::text) > :listed_bytes::int as args_are_large,
  c.result_object is not null or octet_length(c.result::text) > :listed_bytes::int as result_is_large
from job_completed c
join job j on j.id = c.id
left join job_queue q on false
where c.workspace_id = :workspace_id
  and (:after_id::uuid is null or case when :descending::boolean then c.id < :after_id else c.id > :after_id end)
  and (:everything::boolean or j.created_by = :name or j.permissioned_as = any(:permission_keys::text[])
    or (j.visible_to_owner and substring(j.script_path from '^[uf]/[^/]+') = any(:owner_keys::text[]))
    or :own_job::uuid in (j.id, j.parent_job, j.root_job))
  and (:kinds::text[] is null or j.kind = any(:kinds))
  and (:path_exact::text is null or j.script_path = :path_exact)
  and (:path_start::text is null or starts_with(j.script_path, :path_start))
  and (:schedule_path::text is null or j.schedule_path = :schedule_path)
  and (:script_hash::bigint is null or j.script_hash = :script_hash)
  and (:created_by::text is null or j.created_by = :created_by)
  and (:created_before::timestamptz is null or j.created_at < :created_before)
  and (:created_after::timestamptz is null or j.created_at > :created_after)
  and (:parent_job::uuid is null or j.parent_job = :parent_job)
  and (:has_parent::boolean is null or (j.parent_job is not null) = :has_parent)
  and (:is_flow_step::boolean is null or (j.flow_step_id is not null) = :is_flow_step)
  and (:is_scheduled::boolean is null or (j.schedule_path is not null) = :is_scheduled)
  and (:tag::text is null or j.tag = :tag)
  and (:label::text is null or :label = any(j.labels))
  and (:ids::uuid[] is null or j.id = any(:ids))
  and (:args::json is null or case when j.args::text !~ '\\u0000|\d[eE][-+]?\d{4}|\d{255}' then j.args::jsonb @> :args::jsonb else false end)
  and (:running::boolean is null or (q.state <> 'queued' or q.started_at is not null) = :running)
  and (:suspended::boolean is null or exists (select from flow_approval a where a.source_id = j.id) = :suspended)
  and (:is_due::boolean is null or (q.run_at <= now()) = :is_due)
  and (:concurrency_key::text is null or q.concurrency_key = :concurrency_key)
  and (:worker::text is null or :worker in (q.worker, c.worker))
  and (:started_before::timestamptz is null or coalesce(c.started_at, q.started_at) < :started_before)
  and (:started_after::timestamptz is null or coalesce(c.started_at, q.started_at) > :started_after)
  and (:statuses::text[] is null or c.status = any(:statuses))
  and (:completed_before::timestamptz is null or c.completed_at < :completed_before)
  and (:completed_after::timestamptz is null or c.completed_at > :completed_after)
  and (:result::json is null or case when c.result::text !~ '\\u0000|\d[eE][-+]?\d{4}|\d{255}' then c.result::jsonb @> :result::jsonb else false end)
order by case when :descending then c.id end desc, case when not :descending then c.id end
limit :limit;

-- name: count_queued
-- How many jobs of a workspace have not ended.
select count(*) from job_queue where workspace_id = :workspace_id;

-- name: count_suspended
-- How many flows of a workspace wait for answers.
select count(distinct source_id) from flow_approval where workspace_id = :workspace_id;

-- name: count_completed
-- How many jobs of a workspace have ended.
select count(*) from job_completed where workspace_id = :workspace_id;

-- name: count_recent
-- How many jobs ended in the last :seconds, by outcome and tags where those are given.
select count(*) from job_completed c join job j on j.id = c.id
where c.workspace_id = :workspace_id
  and (:seconds::float8 is null or c.completed_at > now() - make_interval(secs => :seconds))
  and (:success::boolean is null or (c.status = 'success') = :success)
  and (:tags::text[] is null or j.tag = any(:tags));

-- name: waiting
-- How many jobs of a workspace wait, counted up to :at_most.
select count(*) from (
  select from job_queue where workspace_id = :workspace_id and state = 'queued' and started_at is null
  limit :at_most) waiting;

-- name: position
-- How many jobs of a workspace are due before a moment and still wait.
select count(*) from job_queue
where workspace_id = :workspace_id and state = 'queued' and run_at < :moment;

-- name: due_at
-- When a job that waits is due.
select run_at from job_queue where workspace_id = :workspace_id and id = :id;

-- name: run_now
-- Make a job that waits for a later moment due now; gives its tag.
update job_queue set run_at = now() where workspace_id = :workspace_id and id = :id and state = 'queued' returning tag;

-- name: concurrency_key
-- The key under which a job shares a concurrency limit, while it is in the queue.
select concurrency_key from job_queue where workspace_id = :workspace_id and id = :id;

-- name: concurrency_groups
-- The keys of concurrency limits that have jobs, with how many of them run.
select concurrency_key, count(*) filter (where state = 'running') as total_running
from job_queue where concurrency_key is not null
group by concurrency_key order by concurrency_key limit 1000;

-- name: is_draining
-- Whether the worker that runs a job was told to stop.
select coalesce(w.draining, false) as draining from job_queue q join worker w on w.name = q.worker
where q.workspace_id = :workspace_id and q.id = :id;

-- name: attempts
-- The attempts of a job that ended before its last, the first one first.
select attempt, worker, started_at, ended_at, end_reason, error from job_attempt
where workspace_id = :workspace_id and job_id = :id order by attempt, ended_at;

-- name: set_progress
-- How far a running job is, in per cent.
update job_queue set progress = :percent where workspace_id = :workspace_id and id = :id and state = 'running'
returning id;

-- name: erase
-- Erase what a completed job held; its id, times and outcome stay.
with input as (
  update job set args = null, args_object = null, content = null, lock = null,
    options = (options::jsonb || jsonb_build_object('deleted', true))::json
  where workspace_id = :workspace_id and id = :id),
logs as (delete from job_log where workspace_id = :workspace_id and job_id = :id),
packs as (delete from job_log_pack where workspace_id = :workspace_id and job_id = :id),
streams as (delete from job_stream where workspace_id = :workspace_id and job_id = :id),
attempts as (update job_attempt set error = null where workspace_id = :workspace_id and job_id = :id),
items as (delete from flow_items where workspace_id = :workspace_id and job_id = :id),
steps as (delete from workflow_step where workspace_id = :workspace_id and job_id = :id),
answers as (update flow_answer set payload = null where workspace_id = :workspace_id and level_id = :id)
update job_completed set result = null, result_object = null where workspace_id = :workspace_id and id = :id
returning id;

-- name: remove
-- Remove completed jobs with all that belongs to them.
with gone as (
  delete from job_completed where workspace_id = :workspace_id and id = any(:ids::uuid[]) returning id),
logs as (delete from job_log using gone where job_id = gone.id),
packs as (delete from job_log_pack using gone where job_id = gone.id),
streams as (delete from job_stream using gone where job_id = gone.id),
attempts as (delete from job_attempt using gone where job_id = gone.id),
states as (delete from flow_user_state using gone where root_job = gone.id),
runs as (delete from flow_run using gone where job_id = gone.id),
items as (delete from flow_items using gone where job_id = gone.id),
steps as (delete from workflow_step using gone where job_id = gone.id),
approvals as (delete from flow_approval using gone where level_id = gone.id),
answers as (delete from flow_answer using gone where level_id = gone.id)
delete from job using gone where job.id = gone.id
returning job.id;

-- name: standing
-- How a job stands and how far its log and its stream reach, in UTF-16 units. Its id is looked up, as in `by_id`.
select q.state, c.status, coalesce(c.progress, q.progress) as progress,
  coalesce(c.memory_peak_bytes, q.memory_peak_bytes) as memory_peak_bytes,
  coalesce((select l.start_unit + l.units from job_log l where l.job_id = j.id
    order by l.start_unit desc limit 1),
    (select p.start_unit + p.units from job_log_pack p where p.job_id = j.id
    order by p.start_unit desc limit 1), 0) as log_end,
  coalesce((select s.start_unit + s.units from job_stream s where s.job_id = j.id
    order by s.start_unit desc limit 1), 0) as stream_end
from job j
left join job_queue q on q.id = j.id
left join job_completed c on c.id = j.id
where j.workspace_id = :workspace_id and j.id = (select :id::uuid);

-- name: user_state
-- What a flow keeps under a key.
select value from flow_user_state where workspace_id = :workspace_id and root_job = :root_job and key = :key;

-- name: user_states
-- All that a flow keeps.
select key, value from flow_user_state where workspace_id = :workspace_id and root_job = :root_job order by key;

-- name: set_user_state
-- Keep a value under a key of a flow.
insert into flow_user_state (workspace_id, root_job, key, value)
values (:workspace_id, :root_job, :key, :value::json)
on conflict (workspace_id, root_job, key) do update set value = excluded.value;

-- name: clock
-- The database's clock, in milliseconds since 1970.
select (extract(epoch from clock_timestamp()) * 1000)::bigint as now_ms;

-- name: to_erase
-- Up to :limit jobs whose arguments, results and logs are to be erased: below flows that are over with that, others so
-- long after they have ended as they say, but no earlier than whoever waits for them was answered (:waited_s).
(select j.id, j.workspace_id from job j
join job_completed c on c.id = j.id
join job_completed r on r.id = j.root_job
where j.root_job is not null and (j.options ->> 'delete_after_use') = 'true' and (j.options ->> 'deleted') is null
  and not exists (select from debounced d where d.job_id = j.id)
limit :limit)
union all
(select j.id, j.workspace_id from job j
join job_completed c on c.id = j.id
where j.root_job is null and (j.options ->> 'delete_after_use') = 'true' and (j.options ->> 'deleted') is null
  and c.completed_at < now() - make_interval(
    secs => greatest(coalesce((j.options ->> 'delete_after_secs')::float8, 0), :waited_s::float8))
  and not exists (select from debounced d where d.job_id = j.id)
limit :limit);
