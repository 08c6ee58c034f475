-- name: levels
-- A level of a flow and those around it, the innermost first: what is known of their jobs, and how far they are.
with recursive up as (
  select j.*, 0 as depth from job j where j.id = :id
  union all
  select p.*, up.depth + 1 from up join job p on p.id = up.parent_job where up.flow_step_id is not null)
select up.id, up.workspace_id, up.kind, up.script_hash, up.script_path, up.created_by, up.permissioned_as, up.email,
  up.tag, up.parent_job, up.root_job, up.flow_step_id, up.flow_index, up.schedule_path, up.args, up.args_object,
  up.options, up.visible_to_owner, coalesce(q.priority, 0) as priority, q.state as queue_state, f.version, f.state
from up
left join flow_run f on f.job_id = up.id
left join job_queue q on q.id = up.id
order by up.depth;

-- name: definition
-- The OpenFlow value that a job runs: its own, or that of the version that it names.
select coalesce(j.content, v.value::text) as value
from job j left join flow_version v on v.workspace_id = j.workspace_id and v.id = j.script_hash
where j.id = :id;

-- name: results
-- Where the results of completed jobs are.
select id, result, result_object from job_completed where id = any(:ids::uuid[]);

-- name: gathered
-- Where the results of a step's children are, in order: of each index that of the last try.
select distinct on (j.flow_index) j.flow_index, c.id, c.result, c.result_object
from job j join job_completed c on c.id = j.id
where j.parent_job = :flow and j.flow_step_id = :step and j.flow_index < :count::int
order by j.flow_index, j.id desc;

-- name: items
-- What a loop goes through.
select items, items_object from flow_items where job_id = :flow and step = :step;

-- name: iteration
-- How far an iteration of a loop came, in its last try.
select j.id, j.script_hash as version, f.state
from job j join flow_run f on f.job_id = j.id
where j.parent_job = :flow and j.flow_step_id = :step and j.flow_index = :index
order by j.id desc limit 1;

-- name: unsuccessful
-- The first child of a step from :first to below :end whose last try has not succeeded. Null: all have.
with last as materialized (
  select distinct on (j.flow_index) j.flow_index, c.status
  from job j left join job_completed c on c.id = j.id
  where j.workspace_id = :workspace_id and j.parent_job = :flow and j.flow_step_id = :step
    and j.flow_index >= :first::int and j.flow_index < :end::int
  order by j.flow_index, j.id desc)
select min(i.index)
from generate_series(:first::int, :end::int - 1) as i (index)
left join last on last.flow_index = i.index and last.status in ('success', 'skipped')
where last.flow_index is null;

-- name: ended_children
-- The children of a level that have ended, of those in :jobs and of the last tries with an index in :indices.
select j.id, j.flow_step_id, j.flow_index, c.status, coalesce(c.cancel_reason, '') as reason, f.state
from job j
join job_completed c on c.id = j.id
left join flow_run f on f.job_id = j.id
where j.parent_job = :flow and j.flow_step_id = any(:steps::text[])
  and (j.id = any(:jobs::uuid[]) or (j.flow_index = any(:indices::int[]) and not exists (
    select from job later where later.parent_job = :flow and later.flow_step_id = j.flow_step_id
      and later.flow_index = j.flow_index and later.id > j.id)))
order by j.id;

-- name: advance
-- Bring levels of flows forward: all of what is said here, or nothing. The jobs :held (of :worker, under their attempts)
-- are steps that end or flows that were looked at; :runs are the new states, each on top of the version that was seen (null:
-- a new one); :ends are jobs that end, `fresh` where they come into being with it; :jobs are new ones with their `place`
-- in the queue, `running` for those that :worker takes at once; :parked are flows that go on waiting, for a time or
-- until told, or that :worker takes at once: those with an `email`, of whom they act for, where nobody cancels them; :asks
-- are levels that wait for answers from now on, :settled those that do so no longer, with the answers that counted; :steps
-- are what workflows have come to. A job that is to be canceled can do nothing but end. There is always a row; `done`
-- says whether it happened. It fails with TM001 where a state that a step wrote has changed meanwhile
-- (`apply_state_write`).
with wanted as materialized (
  select * from json_to_recordset(:runs::json) as r (id uuid, workspace_id text, expected bigint, state text)),
current as materialized (
  select f.job_id from flow_run f join wanted w on w.id = f.job_id and w.expected = f.version
  order by f.job_id for update of f),
seen as (
  select * from json_to_recordset(:held::json) as d (id uuid, attempt int, seen bigint)),
unseen as materialized (
  select d.id from seen d where exists (
    select from storage_access a where a.job_id = d.id and a.id > d.seen and a.access = 'read'
      and a.version is not null and a.kind in ('variable', 'resource'))),
ending as materialized (
  select * from json_to_recordset(:ends::json) as e (
    id uuid, workspace_id text, status text, result text, result_object text, end_reason text, peak bigint, fresh boolean)),
held as materialized (
  select q.id from seen d join job_queue q on q.id = d.id
  where q.attempt = d.attempt and q.worker = :worker and q.state = 'running'
    and (q.canceled_by is null or exists (select from ending e where e.id = q.id))
    and (select count(*) from current) = (select count(*) from wanted where expected is not null)
  order by q.id for update of q),
new as materialized (
  select * from json_to_recordset(:jobs::json) as w (
    id uuid, workspace_id text, kind text, script_hash bigint, script_path text, script_row text, language text,
    content text, lock text,
    args text, args_object text, created_by text, permissioned_as text, email text, tag text, parent_job uuid,
    root_job uuid, flow_step_id text, flow_index int, schedule_path text, timeout_s int, cache_ttl_s int, retry text,
    on_worker_loss text, options text, labels text[], visible_to_owner boolean, priority smallint,
    delay_s float8, concurrency_key text, concurrency_limit int, concurrency_window_s int, place text)),
changed as materialized (
  select from new w where w.script_row is not null and not exists (
    select from script s
    where s.workspace_id = w.workspace_id and s.hash = w.script_hash and s.xmin::text = w.script_row)),
go as materialized (
  select where (select count(*) from current) = (select count(*) from wanted where expected is not null)
    and (select count(*) from held) = (select count(*) from seen)
    and not exists (select from unseen) and not exists (select from changed)),
moved as (
  update flow_run f set state = w.state::json, version = f.version + 1
  from wanted w cross join go where f.job_id = w.id and w.expected is not null),
begun as (
  insert into flow_run (job_id, workspace_id, state)
  select w.id, w.workspace_id, w.state::json from wanted w cross join go where w.expected is null),
through as (
  insert into flow_items (job_id, step, workspace_id, items, items_object)
  select i.job_id, i.step, i.workspace_id, i.items::json, i.items_object
  from json_to_recordset(:items::json) as i (job_id uuid, step text, workspace_id text, items text, items_object text)
  cross join go
  on conflict (job_id, step) do update set items = excluded.items, items_object = excluded.items_object),
asked as (
  insert into flow_approval (level_id, workspace_id, source_id, step, step_job, required, groups, expires_at, asks)
  select a.level_id, a.workspace_id, a.source_id, a.step, a.step_job, a.required, a.groups,
    now() + make_interval(secs => a.timeout_s), a.asks::json
  from json_to_recordset(:asks::json) as a (level_id uuid, workspace_id text, source_id uuid, step text, step_job uuid,
    required int, groups text[], timeout_s float8, asks text)
  cross join go),
come_to as (
  insert into workflow_step (job_id, key, workspace_id, kind, child, round, until, value)
  select s.job_id, s.key, s.workspace_id, s.kind, s.child, s.round, now() + make_interval(secs => s.wait_s), s.value::json
  from json_to_recordset(:steps::json) as s (job_id uuid, key text, workspace_id text, kind text, child uuid, round int,
    wait_s float8, value text)
  cross join go
  on conflict (job_id, key) do update set value = excluded.value,
    duration_ms = (extract(epoch from now() - workflow_step.started_at) * 1000)::bigint),
over as materialized (
  select * from json_to_recordset(:settled::json) as s (level_id uuid, step text, answers bigint[])),
settled as (
  delete from flow_approval f using over s, go where f.level_id = s.level_id),
counted as (
  update flow_answer f set used_level = s.level_id, used_step = s.step
  from over s cross join go where f.id = any(s.answers)),
input as (
  insert into job (id, workspace_id, kind, script_hash, script_path, language, content, lock, args, args_object,
    created_by, permissioned_as, email, tag, parent_job, root_job, flow_step_id, flow_index, schedule_path, timeout_s,
    cache_ttl_s, retry, on_worker_loss, options, labels, visible_to_owner)
  select id, workspace_id, kind, script_hash, script_path, language, content, lock, args::json, args_object,
    created_by, permissioned_as, email, tag, parent_job, root_job, flow_step_id, flow_index, schedule_path, timeout_s,
    cache_ttl_s, retry::json, on_worker_loss, options::json, labels, visible_to_owner from new cross join go),
placed as (
  insert into job_queue (id, workspace_id, tag, priority, run_at, state, attempt, worker, started_at, heartbeat_at,
    concurrency_key, concurrency_limit, concurrency_window_s)
  select id, workspace_id, tag, priority, now() + make_interval(secs => delay_s),
    case place when 'parked' then 'queued' else place end,
    case place when 'running' then 1 else 0 end, case place when 'running' then :worker end,
    case when place <> 'queued' then now() end, case place when 'running' then now() end,
    concurrency_key, concurrency_limit, concurrency_window_s
  from new cross join go where place in ('queued', 'running', 'waiting', 'parked')
  returning id, workspace_id, tag, state, run_at, started_at),
gone as (
  delete from job_queue q using ending e, go where q.id = e.id and not e.fresh returning q.*),
kept as (
  insert into job_completed (id, workspace_id, status, result, result_object, started_at, completed_at, duration_ms,
    attempt, retries, worker, memory_peak_bytes, end_reason, canceled_by, cancel_reason, progress)
  select e.id, e.workspace_id,
    -- somebody wished it gone before it failed: that is why it is gone
    case when e.status = 'failure' and g.canceled_by is not null then 'canceled' else e.status end,
    e.result::json, e.result_object, coalesce(g.started_at, now()), clock_timestamp(),
    coalesce((extract(epoch from clock_timestamp() - g.started_at) * 1000)::bigint, 0), coalesce(g.attempt, 1),
    coalesce(g.retries, 0), coalesce(g.worker, :worker), e.peak,
    case when e.status = 'failure' and g.canceled_by is not null then 'canceled' else e.end_reason end,
    g.canceled_by, g.cancel_reason, g.progress
  from ending e cross join go left join gone g on g.id = e.id
  where e.fresh or g.id is not null
  returning id),
-- what a step wrote to states counts with its end, or else the step does not end
written as materialized (
  select apply_state_write(w.job_id, w.workspace_id, w.path) from (
    select w.* from state_write w join seen d on d.id = w.job_id and d.attempt = w.attempt
    join ending e on e.id = w.job_id and e.status = 'success' cross join go
    order by w.workspace_id, w.path) as w),
freed as materialized (
  select pg_notify('tidemill_queue', '*') from gone where concurrency_key is not null limit 1),
parked as (
  update job_queue q
  set state = p.state, worker = case p.state when 'running' then :worker end,
    heartbeat_at = case p.state when 'running' then now() end,
    attempt = q.attempt + case p.state when 'running' then 1 else 0 end,
    run_at = coalesce(now() + make_interval(secs => p.wait_s), q.run_at)
  from (
    select w.id, w.wait_s, w.email, case when w.wait_s is null then 'waiting'
      when w.email is not null and h.state = 'waiting' and h.canceled_by is null then 'running' else 'queued' end as state
    from json_to_recordset(:parked::json) as w (id uuid, wait_s float8, email text)
    join job_queue h on h.id = w.id cross join go) as p
  where q.id = p.id
  returning q.id, q.workspace_id, q.tag, q.state, q.run_at, q.started_at, q.attempt, q.retries, p.email),
claimed as (
  select id, workspace_id, run_at, started_at, 1 as attempt, 0 as retries, null as email from placed where state = 'running'
  union all
  select id, workspace_id, run_at, started_at, attempt, retries, email from parked where state = 'running'),
woken as materialized (
  select pg_notify('tidemill_queue', tag) from (
    select tag from placed where state = 'queued' union select tag from parked where state = 'queued') as tags),
told as materialized (
  select pg_notify('tidemill_job', string_agg(id::text, ',')) from (
    select id, (row_number() over (order by id) - 1) / 100 as batch from (
      select id from kept union select w.id from wanted w cross join go
      union select id from claimed) as changed) as batches
  group by batch)
select exists (select from go) as done, array(select id from unseen) as unseen,
  exists (select from changed) as changed,
  (select count(*) from current) = (select count(*) from wanted where expected is not null) as is_current,
  (select count(*) from woken) + (select count(*) from told) + (select count(*) from freed) + (select count(*) from written) as notices,
  p.id, p.run_at, p.started_at, p.attempt, p.retries,
  exists (select from account a join workspace w on w.id = p.workspace_id and w.archived_at is null
    left join member m on m.workspace_id = w.id and m.email = a.email and not m.disabled
    where a.email = coalesce(p.email, n.email) and not a.disabled and (a.superadmin or m.email is not null)) as may_run
from (select) as always
left join claimed p on true
left join new n on n.id = p.id;

-- name: run
-- How far a level of a flow is, with the definition that it has a part of.
-- Row security lets no index be used by what is taken out of JSON within a join: that is done before.
with found as materialized (
  select state, (state -> 'place' ->> 'source')::uuid as source
  from flow_run where workspace_id = :workspace_id and job_id = :id)
select f.state, coalesce(j.content, v.value::text) as value
from found f
join job j on j.id = f.source
left join flow_version v on v.workspace_id = j.workspace_id and v.id = j.script_hash;

-- name: children
-- What a level has started for its steps, in order, with how each ended, or whether it has not begun.
select j.id, j.flow_step_id, j.flow_index, c.status, c.duration_ms, q.id is not null and q.started_at is null as is_queued
from job j left join job_completed c on c.id = j.id left join job_queue q on q.id = j.id
where j.workspace_id = :workspace_id and j.parent_job = :id and j.flow_step_id is not null
order by j.flow_index, j.id
limit :limit;

-- name: standings
-- How often levels of flows have changed, and how they ended.
select j.id, f.version, c.status
from job j left join flow_run f on f.job_id = j.id left join job_completed c on c.id = j.id
where j.workspace_id = :workspace_id and j.id = any(:ids::uuid[]);

-- name: tree
-- A flow and what it has started, each job before those that it started itself, in the order of their start: up to
-- :limit behind the place :after, each with how many its parent started for the same step, and the how many-th it is. Of
-- results that are kept here up to :most_chars characters; null: there is none, or it is in the object store.
with recursive below as (
  select j.id, j.parent_job, j.flow_step_id, j.kind, j.script_path, 0 as depth, array[]::text[] as path,
    array[j.id] as place
  from job j where j.workspace_id = :workspace_id and j.id = :id
  union all
  select c.id, c.parent_job, c.flow_step_id, c.kind, c.script_path, b.depth + 1, b.path || c.flow_step_id,
    b.place || c.id
  from below b join job c on c.parent_job = b.id
  where c.flow_step_id is not null),
placed as (
  select b.*, row_number() over (partition by parent_job, flow_step_id order by place) as sibling_index,
    count(*) over (partition by parent_job, flow_step_id) as sibling_count
  from below b),
page as (
  select * from placed where :after::uuid[] is null or place > :after order by place limit :limit)
select b.id, b.flow_step_id, b.kind, b.script_path, b.depth, b.path, b.place,
  case when b.depth = 0 then 1 else b.sibling_index end as sibling_index,
  case when b.depth = 0 then 1 else b.sibling_count end as sibling_count, q.state, c.status,
  coalesce(c.started_at, q.started_at) as started_at, c.duration_ms,
  left(c.result::text, :most_chars::int) as result_prefix, char_length(c.result::text) as result_chars
from page b
left join job_queue q on q.id = b.id
left join job_completed c on c.id = b.id
order by b.place;
