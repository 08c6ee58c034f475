-- name: hold_key
-- Be the only one to look at the calls of a key until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('tidemill debounce ' || :key, 0));

-- name: open_batch
-- The job that waits for newer calls of a key, if it still does (nobody takes it until the transaction ends). The caller
-- holds the key.
select d.batch, d.job_id, d.since, d.replaced, now() as now, q.id is not null as is_waiting
from debounce d
left join lateral (
  select id from job_queue
  where id = d.job_id and state = 'queued' and attempt = 0 and started_at is null and canceled_by is null
  for update) q on true
where d.key = :key and d.is_open;

-- name: replace
-- A newer call takes the place of the job that waits. With :keeps its arguments are taken along.
with moved as (
  update debounce set job_id = :job_id, replaced = replaced + 1 where batch = :batch
  returning batch, workspace_id, replaced)
insert into debounced (batch, place, workspace_id, job_id)
select batch, replaced, workspace_id, :replaced_job from moved where :keeps::boolean;

-- name: close
-- No newer call takes the place of the job that waits any more.
update debounce set is_open = false where batch = :batch;

-- name: begin
-- A job waits for newer calls of a key.
insert into debounce (batch, workspace_id, key, job_id) values (:job_id, :workspace_id, :key, :job_id);

-- name: hold_batch
-- What a job that has begun took the place of, held. No row: nothing, or its arguments have been put together.
select batch from debounce where job_id = :job_id for update;

-- name: earlier_arguments
-- The arguments of those whose place was taken, the oldest first: up to :limit behind the place :after.
select d.place, j.args, j.args_object
from debounced d join job j on j.id = d.job_id
where d.batch = :batch and d.place > :after and (j.args is not null or j.args_object is not null)
order by d.place limit :limit;

-- name: arguments
-- The arguments of a job.
select args, args_object from job where id = :job_id;

-- name: keep_arguments
-- The arguments of a job are those of all calls from now on.
update job set args = :args::json, args_object = :args_object where id = :job_id;

-- name: forget
-- Nothing is left to be done about a job that waited.
delete from debounce where batch = :batch;
