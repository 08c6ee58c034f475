-- What must hold at any moment on which nothing is half done. Each query gives the rows that break its rule: none.
-- Parameters: %(accepted)s the ids that were acknowledged, %(oldest_s)s how old a heartbeat may get. I5 (two attempts
-- alive at once) is told by what jobs did, not by the database, and I10 needs keys: both are in invariants.py.

-- name: I1 an acknowledged job is in the queue or completed
select id from unnest(%(accepted)s::uuid[]) as accepted (id)
where not exists (select from job_queue where job_queue.id = accepted.id)
  and not exists (select from job_completed where job_completed.id = accepted.id);

-- name: I1 no job is both in the queue and completed
select id from job_queue join job_completed using (id);

-- name: I1 what is in the queue or completed has its input
select id from (select id from job_queue union select id from job_completed) known
where not exists (select from job where job.id = known.id);

-- name: I2 there is one completed row for a job
select id from job_completed group by id having count(*) > 1;

-- name: I3 a job that must not start twice was started once at most
select id, attempt from (select id, attempt from job_queue union all select id, attempt from job_completed) known
join job using (id) where on_worker_loss = 'fail' and attempt > 1
  -- a workflow goes on from round to round: each of these was started once at most
  and (not exists (select from flow_run f where f.job_id = known.id and f.state -> 'rounds' is not null)
    or exists (select from job_attempt a where a.job_id = known.id));

-- name: I4 the result is that of the last attempt
select c.id, c.attempt, a.attempt from job_completed c join job_attempt a on a.job_id = c.id
where a.attempt > c.attempt or (a.attempt = c.attempt and c.started_at is not null);

-- name: I4 every earlier attempt is on record
-- Flows and workflows are left out: their job is claimed whenever they have something to do, which is no new attempt.
select id, attempt from (
  select id, attempt - 1 as earlier, attempt from job_completed where started_at is not null
  union all select id, attempt, attempt from job_completed where started_at is null
  union all select id, attempt - (state = 'running')::int, attempt from job_queue) known
where earlier <> (select count(*) from job_attempt a where a.job_id = known.id)
  and not exists (select from job where job.id = known.id and job.kind in ('flow', 'flowpreview', 'flownode'))
  and not exists (select from flow_run f where f.job_id = known.id and f.state -> 'rounds' is not null);

-- name: I4 a result is not older than its log
select c.id, l.attempt from job_completed c join job_log l on l.job_id = c.id where l.attempt > c.attempt;

-- name: P11 packs and pieces of a log follow each other without a gap
select job_id, start_unit from (
  select job_id, start_unit, lag(start_unit + units, 1, 0::bigint) over (partition by job_id order by start_unit) as ends
  from (select job_id, start_unit, units from job_log
        union all select job_id, start_unit, units from job_log_pack) known) placed
where start_unit <> ends;

-- name: I6 whatever runs was confirmed lately
select id, heartbeat_at from job_queue
where state = 'running' and (heartbeat_at is null or heartbeat_at < now() - make_interval(secs => %(oldest_s)s));

-- name: I7 no job is without its parent
select id from job where parent_job is not null and not exists (select from job p where p.id = job.parent_job);

-- name: I7 every step of a flow that has begun has its job, below it
-- A flow that was started again has the jobs of the run before, where its own steps have not run.
select f.job_id, step ->> 'job' from flow_run f, json_array_elements(f.state -> 'steps') as step
where step ->> 'job' is not null and step ->> 'flow' is null and not exists (
  select from job where job.id = (step ->> 'job')::uuid and (job.parent_job = f.job_id or exists (
    select from job level join job top on top.id = coalesce(level.root_job, level.id)
    where level.id = f.job_id and top.options -> 'again' is not null)));

-- name: I7 no step runs below a flow that is over
select j.id from job j join job_queue q on q.id = j.id join job_completed c on c.id = j.parent_job
where j.flow_step_id is not null and q.canceled_by is null;

-- name: I7 a flow that is over says so
select f.job_id from flow_run f join job_completed c on c.id = f.job_id
where c.status in ('success', 'skipped') and coalesce((f.state ->> 'ended')::boolean, false) is false
  and f.state -> 'rounds' is null;

-- name: I7 every task of a workflow has its job, below it
select s.job_id, s.child from workflow_step s
where s.kind = 'task' and not exists (select from job where job.id = s.child and job.parent_job = s.job_id);

-- name: I7 a workflow that waits has something to wait for
select q.id from job_queue q join flow_run f on f.job_id = q.id
where q.state = 'waiting' and f.state -> 'rounds' is not null
  and not exists (select from flow_approval a where a.level_id = q.id)
  and not exists (select from workflow_step s join job_queue c on c.id = s.child where s.job_id = q.id);

-- name: I9 no more run than a limit allows
select concurrency_key from job_queue
where (state <> 'queued' or started_at is not null) and concurrency_key is not null
group by concurrency_key having count(*) > max(concurrency_limit);

-- name: I8 an occurrence that was started has a job of its own
select o.path, o.scheduled_for from schedule_occurrence o
where (o.state not in ('due', 'skipped', 'missed') and not exists (select from job where job.id = o.job_id))
  or exists (select from schedule_occurrence other where other.job_id = o.job_id
    and (other.workspace_id, other.path, other.scheduled_for) <> (o.workspace_id, o.path, o.scheduled_for));

-- name: I8 a run of a schedule that is there has its occurrence
select j.id from job j join schedule s on s.workspace_id = j.workspace_id and s.path = j.schedule_path
where j.parent_job is null and j.script_path = s.target_path and j.options ->> 'scheduled_for' is not null
  and not exists (select from schedule_occurrence o where o.job_id = j.id);

-- name: I8 a schedule that comes has a next occurrence, and no other has one
select s.path from schedule s where s.paused_until is null and s.enabled <> exists (
  select from schedule_occurrence o where o.workspace_id = s.workspace_id and o.path = s.path and o.state = 'due');
