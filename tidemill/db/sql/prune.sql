-- name: months_are_there
-- Whether the partitions of this and the next two months exist.
select count(*) = 3 as there from generate_series(0, 2) as months
where to_regclass('job' || to_char((now() + make_interval(months => months)) at time zone 'utc', '"_"YYYYMM')) is not null;

-- name: hold_months
-- Be the only one to make partitions until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('tidemill months', 0));

-- name: make_month
-- Make the partitions of the month :months after this one.
call make_month(now() + make_interval(months => :months::int));

-- name: old_jobs
-- Hold up to :batch jobs that ended more than :days days ago, but for those that somebody changes just now, and for what
-- belongs to flows and workflows that have not ended, or whose arguments a newer call takes along: it is needed still.
select id from job_completed c where completed_at < now() - make_interval(days => :days::int)
  and not exists (select from job j join job_queue q on q.id = j.root_job where j.id = c.id)
  and not exists (select from debounced d where d.job_id = c.id)
order by id limit :batch for update of c skip locked;

-- name: remove_jobs
-- Remove jobs that are held, with all that belongs to them.
with old as materialized (select unnest(:ids::uuid[]) as id),
logs as (delete from job_log using old where job_id = old.id),
packs as (delete from job_log_pack using old where job_id = old.id),
streams as (delete from job_stream using old where job_id = old.id),
attempts as (delete from job_attempt using old where job_id = old.id),
states as (delete from flow_user_state using old where root_job = old.id),
runs as (delete from flow_run using old where job_id = old.id),
items as (delete from flow_items using old where job_id = old.id),
steps as (delete from workflow_step using old where job_id = old.id),
approvals as (delete from flow_approval using old where level_id = old.id),
answers as (delete from flow_answer using old where level_id = old.id),
inputs as (delete from job using old where job.id = old.id)
delete from job_completed using old where job_completed.id = old.id;

-- name: old_debounces
-- Forget calls that nothing waits for any more.
delete from debounce d where not exists (select from job_queue q where q.id = d.job_id);

-- name: remove_audit
-- Remove up to :batch audit records older than :days days.
delete from audit where id in (
  select id from audit where at < now() - make_interval(days => :days::int) order by at limit :batch);

-- name: remove_accesses
-- Remove up to :batch records of storage access older than :days days.
delete from storage_access where id in (
  select id from storage_access where at < now() - make_interval(days => :days::int) order by at limit :batch);

-- name: remove_versions
-- Remove up to :batch versions that have :keep newer ones of the same item. What is younger than a day stays: running
-- jobs may have read it, and their output is masked by it.
delete from history where id in (
  select id from (
    select id, at, row_number() over (partition by workspace_id, kind, path order by id desc) as place from history
  ) ranked
  where place > :keep and at < now() - interval '1 day' limit :batch);

-- name: remove_occurrences
-- Remove up to :batch occurrences of schedules that came more than :days days ago.
delete from schedule_occurrence where (workspace_id, path, scheduled_for) in (
  select workspace_id, path, scheduled_for from schedule_occurrence
  where state <> 'due' and scheduled_for < now() - make_interval(days => :days::int) limit :batch);

-- name: remove_query_history
-- Remove up to :batch entries of what people ran in the console more than :days days ago.
delete from query_history where id in (
  select id from query_history where ran_at < now() - make_interval(days => :days::int) order by ran_at limit :batch);

-- name: expired_variables
-- Remove variables whose time is over.
delete from variable where expires_at <= now();

-- name: old_local_sources
-- Remove sources that are not deployed after a day.
delete from local_source where stored_at < now() - interval '1 day';

-- name: expired_cache
-- Remove cached results that are not fresh any more.
delete from result_cache where expires_at < now();

-- name: old_idempotency_keys
-- Remove idempotency keys after three days (the contract says at least one).
delete from idempotency_key where created_at < now() - interval '3 days';

-- name: old_starts
-- Remove concurrency starts that no window reaches back to.
delete from concurrency_start where started_at < now() - interval '2 days';

-- name: old_throttles
-- Remove sign-in throttles that are over.
delete from login_throttle where at < now() - interval '1 day';

-- name: old_state_writes
-- Remove what attempts that do not run any more had written to states.
delete from state_write w where not exists (
  select from job_queue q where q.id = w.job_id and q.attempt = w.attempt and q.state = 'running');

-- name: expired_tokens
-- Remove tokens that expired a month ago.
delete from token where expires_at < now() - interval '30 days';

-- name: absent_workers
-- Remove workers that have not shown themselves for a day.
delete from worker where ping_at < now() - interval '1 day';
