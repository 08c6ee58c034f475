-- name: open_answers
-- Answers that no step has counted yet, for a step of a level or for any step of the flow :source; the first one first.
select id, approved, payload, approver, coalesce(email, '') as email, groups
from flow_answer
where used_level is null and ((level_id = :level and step = :step) or (level_id = :source and step is null))
order by id;

-- name: counted_answers
-- The answers that a step of a level has counted, the first one first.
select id, approved, payload, approver, coalesce(email, '') as email, groups
from flow_answer where used_level = :level and used_step = :step
order by id;

-- name: deadline
-- For how long a level waits for answers (null: for ever), and of whose groups.
select extract(epoch from expires_at - now())::float8 as left_s, groups from flow_approval where level_id = :level;

-- name: lineage
-- A job and those above it up to where it all began, the innermost first: what a link to answer may be for.
with recursive up as (
  select j.*, 0 as depth from job j where j.workspace_id = :workspace_id and j.id = :id
  union all
  select p.*, up.depth + 1 from up join job p on p.id = up.parent_job where up.flow_step_id is not null)
select up.id, up.kind, up.flow_step_id,
  coalesce(up.options ->> 'started_by', up.options ->> 'args_of', up.email) as email, f.state, q.id is not null as is_open
from up
left join flow_run f on f.job_id = up.id
left join job_queue q on q.id = up.id
order by up.depth;

-- name: hold
-- Hold a level: whoever brings it forward meanwhile finds it changed, and looks anew. No row: it has not begun.
update flow_run set version = version + 1 where workspace_id = :workspace_id and job_id = :id returning job_id;

-- name: waiting
-- What waits for answers below the flow :id, after the step whose job that is, or on that level itself; the first first.
-- What a run says that it belongs to does not count: only steps are below a flow.
select a.level_id, a.source_id, a.step, a.step_job, a.required, a.groups, a.asked_at, a.expires_at, a.asks
from flow_approval a join job_queue q on q.id = a.level_id
where a.workspace_id = :workspace_id and (:id in (a.level_id, a.source_id, a.step_job)
  or ((select j.root_job from job j where j.id = a.source_id) = :id and exists (
    with recursive up (id, parent) as (
      select j.id, case when j.flow_step_id is not null then j.parent_job end from job j where j.id = a.source_id
      union all
      select p.id, case when p.flow_step_id is not null then p.parent_job end from up join job p on p.id = up.parent)
    select from up where up.id = :id)))
order by a.asked_at, a.level_id;

-- name: add
-- Note an answer. No row: the link was used before.
insert into flow_answer (job_id, resume_id, workspace_id, level_id, step, approved, payload, approver, email, groups)
values (:job_id, :resume_id, :workspace_id, :level, :step, :approved, :payload::json, :approver, :email, :groups)
on conflict (job_id, resume_id) do nothing
returning id;

-- name: wake
-- A level that waits for answers is due, to look at them. Gives its tag.
update job_queue set state = 'queued', run_at = least(run_at, now())
where id = :level and state in ('waiting', 'queued')
returning tag;

-- name: answers
-- What was answered so far for a step of a level, or for any step of its flow.
select resume_id, approver, approved from flow_answer
where workspace_id = :workspace_id and ((level_id = :level and step = :step) or (used_level = :level and used_step = :step))
order by id;

-- name: approvers
-- Who approved what the steps of some levels asked for, the first one first.
select used_level as level, used_step as step, resume_id, approver from flow_answer
where workspace_id = :workspace_id and used_level = any(:levels) and approved
order by id;

-- name: answered_below
-- Whether answers were counted by the jobs :jobs, or by what the levels :levels have started for the steps :steps (of a loop
-- up to the index :most, where one is given), or anywhere below those.
with recursive below (id) as (
  (select unnest(:jobs::uuid[])
   union
   select id from job
   where workspace_id = :workspace_id and parent_job = any(:levels::uuid[]) and flow_step_id = any(:steps::text[])
     and (:most::int is null or flow_index < :most))
  union
  select inside.id from below b cross join lateral (
    select j.id from job j where j.parent_job = b.id and j.flow_step_id is not null
    union all
    select (s ->> 'job')::uuid from flow_run f cross join lateral json_array_elements(f.state -> 'steps') s
    where f.job_id = b.id and s ->> 'job' is not null) inside)
select exists (select from below b join flow_answer a on a.used_level = b.id)
  or exists (
    select from below b join flow_run f on f.job_id = b.id cross join lateral json_array_elements(f.state -> 'steps') s
    where s ->> 'verdict' is not null) as found;
