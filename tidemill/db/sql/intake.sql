-- name: take_in
-- Take in jobs, told as a JSON array in which JSON values are strings: their input, their places in the queue, an audit
-- record each (not where :operation is null), and one notice a tag that wakes workers. Nothing is written where a job
-- asks, as :caller_job and :caller_attempt, that does not hold its lease any more (until the commit it cannot lose it), or
-- where a script is not the row any more that somebody decided upon (`script_row`).
with held as materialized (
  select from job_queue
  where id = :caller_job::uuid and attempt = :caller_attempt::int and state = 'running' for key share),
wanted as materialized (
  select * from json_to_recordset(:jobs::json) as w (
    id uuid, workspace_id text, kind text, script_hash bigint, script_path text, script_row text, language text,
    content text, lock text,
    args text, args_object text, created_by text, permissioned_as text, email text, tag text, parent_job uuid,
    root_job uuid, flow_step_id text, schedule_path text, timeout_s int, cache_ttl_s int, retry text,
    on_worker_loss text, options text, labels text[], visible_to_owner boolean, priority smallint,
    scheduled_for timestamptz, delay_s float8, concurrency_key text, concurrency_limit int, concurrency_window_s int)),
changed as materialized (
  select from wanted w where w.script_row is not null and not exists (
    select from script s
    where s.workspace_id = w.workspace_id and s.hash = w.script_hash and s.xmin::text = w.script_row)),
new as materialized (
  select * from wanted
  where (:caller_job::uuid is null or exists (select from held)) and not exists (select from changed)),
input as (
  insert into job (id, workspace_id, kind, script_hash, script_path, language, content, lock, args, args_object,
    created_by, permissioned_as, email, tag, parent_job, root_job, flow_step_id, schedule_path, timeout_s, cache_ttl_s,
    retry, on_worker_loss, options, labels, visible_to_owner)
  select id, workspace_id, kind, script_hash, script_path, language, content, lock, args::json, args_object,
    created_by, permissioned_as, email, tag, parent_job, root_job, flow_step_id, schedule_path, timeout_s, cache_ttl_s,
    retry::json, on_worker_loss, options::json, labels, visible_to_owner from new),
recorded as (
  insert into audit (workspace_id, email, username, operation, action_kind, resource, parameters, job_id,
    impersonated_by)
  select workspace_id, :email::text, :username::text, :operation::text, 'Execute', script_path,
    jsonb_build_object('job', id, 'kind', kind), :caller_job::uuid, :impersonated_by::text
  from new where :operation::text is not null),
placed as (
  insert into job_queue (id, workspace_id, tag, priority, run_at, concurrency_key, concurrency_limit,
    concurrency_window_s)
  select id, workspace_id, tag, priority,
    greatest(now(), coalesce(scheduled_for, now() + make_interval(secs => delay_s))),
    concurrency_key, concurrency_limit, concurrency_window_s
  from new
  returning tag),
told as materialized (
  select pg_notify('tidemill_queue', tag) from (select distinct tag from placed) as tags)
select (select count(*) from placed) as taken, (select count(*) from changed) as changed,
  (select count(*) from told) as notices;
