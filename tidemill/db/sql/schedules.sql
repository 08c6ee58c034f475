-- name: find
-- The schedule at :path.
select path, version, cron, timezone, target_kind, target_path, enabled, paused_until, settings, labels, extra_perms,
  permissioned_as, email, created_by, edited_by, created_at, edited_at, error, failures, successes
from schedule where workspace_id = :workspace and path = :path;

-- name: hold
-- The schedule at :path, held against other writers until the transaction ends.
select path, version, cron, timezone, target_kind, target_path, enabled, paused_until, settings, labels, extra_perms,
  permissioned_as, email, created_by, edited_by, created_at, edited_at, error, failures, successes
from schedule where workspace_id = :workspace and path = :path for no key update;

-- name: page
-- Up to :limit schedules after the path :after, in order of path, of those that the owners and keys open.
select path, version, cron, timezone, target_kind, target_path, enabled, paused_until, settings, labels, extra_perms,
  permissioned_as, email, created_by, edited_by, created_at, edited_at, error, failures, successes
from schedule
where workspace_id = :workspace and path collate "C" > :after
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
  and (:path::text is null or path = :path)
  and (:path_start::text is null or starts_with(path, :path_start))
  and (:target_path::text is null or target_path = :target_path)
  and (:target_kind::text is null or target_kind = :target_kind)
  and (:label::text is null or :label = any(labels))
order by path collate "C" limit :limit;

-- name: create
-- A new schedule.
insert into schedule (workspace_id, path, cron, timezone, target_kind, target_path, enabled, paused_until, settings,
  labels, permissioned_as, email, created_by, edited_by)
values (:workspace, :path, :cron, :timezone, :target_kind, :target_path, :enabled, :paused_until, :settings, :labels,
  :permissioned_as, :email, :actor, :actor)
on conflict do nothing returning version;

-- name: update
-- Another version of the schedule at :path; no row where its version is not one of :versions (null: any).
update schedule set version = nextval('item_version'), cron = :cron, timezone = :timezone, target_kind = :target_kind,
  target_path = :target_path, enabled = :enabled, paused_until = :paused_until, settings = :settings, labels = :labels,
  permissioned_as = :permissioned_as, email = :email, edited_by = :actor, edited_at = now(), error = null
where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
returning version;

-- name: delete
-- Delete the schedule at :path; no row where its version is not one of :versions (null: any).
delete from schedule
where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
returning version;

-- name: moment
-- The time by which occurrences are due, and the last one that was started.
select now() as now, (select max(scheduled_for) from schedule_occurrence
  where workspace_id = :workspace and path = :path and state <> 'due') as last;

-- name: drop_due
-- What comes next is to be decided again.
delete from schedule_occurrence where workspace_id = :workspace and path = :path and state = 'due';

-- name: add_due
-- What comes next.
insert into schedule_occurrence (workspace_id, path, scheduled_for, state)
values (:workspace, :path, :scheduled_for, 'due');

-- name: record_change
-- Note who changed what.
insert into schedule_history (workspace_id, path, operation, changes, actor, email, job_id)
values (:workspace, :path, :operation, :changes, :actor, :email, :job_id);

-- name: changes
-- Changes of schedules at :path (null: all), newest first, before the id :before.
select id, at, path, operation, changes, actor, job_id from schedule_history
where workspace_id = :workspace and (:path::text is null or path = :path) and (:before::bigint is null or id < :before)
order by id desc limit :limit;

-- name: occurrences
-- What became of the occurrences of a schedule, newest first, before :before.
select scheduled_for, state, job_id, reason, at from schedule_occurrence
where workspace_id = :workspace and path = :path and state <> 'due'
  and (:before::timestamptz is null or scheduled_for < :before)
order by scheduled_for desc limit :limit;

-- name: last_jobs
-- The last :limit runs of each of :paths that have ended, newest first.
select o.path, o.job_id as id, o.status = 'success' as success, o.duration_ms
from unnest(:paths::text[]) as wanted (path)
cross join lateral (
  select s.path, s.job_id, c.status, c.duration_ms
  from schedule_occurrence s join job_completed c on c.id = s.job_id
  where s.workspace_id = :workspace and s.path = wanted.path and s.state <> 'asking'
  order by s.scheduled_for desc limit :limit) o;

-- name: to_do
-- In how many seconds the next occurrence is due (null: there is none), and the jobs that are waited for.
select
  (select extract(epoch from min(scheduled_for) - now())::float8 from schedule_occurrence where state = 'due') as due_in_s,
  array(select job_id from schedule_occurrence where state in ('asking', 'running') limit 10000) as open;

-- name: claim_due
-- The oldest due occurrence, but of the schedules :aside (workspace/path), with its schedule, both held until the
-- transaction ends.
select o.scheduled_for, now() as now, s.workspace_id, s.path, s.cron, s.timezone, s.target_kind, s.target_path,
  s.paused_until, s.settings, s.permissioned_as, s.email,
  exists (select from schedule_occurrence r join job_queue q on q.id = r.job_id
    where r.workspace_id = s.workspace_id and r.path = s.path and r.state in ('asking', 'running')) as is_busy
from schedule_occurrence o join schedule s on s.workspace_id = o.workspace_id and s.path = o.path
where o.state = 'due' and o.scheduled_for <= now() and o.workspace_id || '/' || o.path <> all(:aside::text[])
order by o.scheduled_for limit 1
for update of o, s skip locked;

-- name: note
-- What became of an occurrence.
update schedule_occurrence set state = :state, job_id = coalesce(:job_id, job_id), reason = :reason, at = now()
where workspace_id = :workspace and path = :path and scheduled_for = :scheduled_for;

-- name: note_error
-- Why the schedule could not be started (null: it could).
update schedule set error = :error
where workspace_id = :workspace and path = :path and error is distinct from :error::text;

-- name: ended
-- The jobs of occurrences that have ended, and that nobody has gone on with, but :aside; those that ended first come
-- first.
select o.job_id from schedule_occurrence o join job_completed c on c.id = o.job_id
where o.state in ('asking', 'running') and o.job_id::text <> all(:aside::text[])
order by c.completed_at limit :limit;

-- name: claim_ended
-- The occurrence whose job that is, which has ended, with its schedule, both held until the transaction ends. No row:
-- somebody else is at it, or was.
select o.scheduled_for, o.state, o.job_id, s.workspace_id, s.path, s.target_kind, s.target_path, s.enabled, s.settings,
  s.permissioned_as, s.email, s.failures, s.successes, c.status, c.result, c.result_object, c.started_at, c.completed_at
from schedule_occurrence o
join job_completed c on c.id = o.job_id
join schedule s on s.workspace_id = o.workspace_id and s.path = o.path
where o.job_id = :job_id and o.state in ('asking', 'running')
for update of o, s skip locked;

-- name: keep_streak
-- How many runs failed, and how many have succeeded since.
update schedule set failures = :failures, successes = :successes where workspace_id = :workspace and path = :path;

-- name: last_failure
-- The result of the last run that failed.
select c.result, c.result_object, c.started_at from schedule_occurrence o join job_completed c on c.id = o.job_id
where o.workspace_id = :workspace and o.path = :path and o.state = 'failure'
order by o.scheduled_for desc limit 1;
