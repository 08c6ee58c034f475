-- name: head
-- The version of a path that runs or, where the flow is archived, ran last.
select v.id, v.workspace_id, v.path, v.summary, v.description, v.value, v.schema, v.tag, v.options, v.labels,
  v.deployment_message, f.archived, f.extra_perms, v.created_by, v.created_at
from flow f join flow_version v on v.workspace_id = f.workspace_id and v.id = f.version
where f.workspace_id = :workspace_id and f.path = :path;

-- name: version
-- One version, under the path where its flow is now.
select v.id, v.workspace_id, f.path, v.summary, v.description, v.value, v.schema, v.tag, v.options, v.labels,
  v.deployment_message, f.archived, f.extra_perms, v.created_by, v.created_at
from flow_version v join flow f on f.workspace_id = v.workspace_id and f.path = v.path
where v.workspace_id = :workspace_id and v.id = :id;

-- name: add_version
-- A new version of a flow; gives its number.
insert into flow_version (workspace_id, path, summary, description, value, schema, tag, options, labels,
  deployment_message, created_by, lock_job)
values (:workspace_id, :path, :summary, :description, :value::json, :schema::json, :tag, :options::json, :labels,
  :deployment_message, :created_by, :lock_job)
returning id;

-- name: add
-- A flow that was not there.
insert into flow (workspace_id, path, version, created_by) values (:workspace_id, :path, :version, :created_by);

-- name: hold
-- A flow, locked: its version.
select version from flow where workspace_id = :workspace_id and path = :path for update;

-- name: set_head
-- Another version of a flow runs from now on; one that was archived is in use again.
update flow set version = :version, archived = false where workspace_id = :workspace_id and path = :path;

-- name: move
-- A flow with all of its versions goes to another path.
with versions as (
  update flow_version set path = :new_path where workspace_id = :workspace_id and path = :path)
update flow set path = :new_path where workspace_id = :workspace_id and path = :path;

-- name: set_archived
-- Take a flow out of use, or into use again.
update flow set archived = :archived where workspace_id = :workspace_id and path = :path;

-- name: remove
-- Remove a flow with all of its versions.
with versions as (
  delete from flow_version where workspace_id = :workspace_id and path = :path)
delete from flow where workspace_id = :workspace_id and path = :path;

-- name: versions
-- The versions of a path, the newest first.
select id, deployment_message, created_at, created_by from flow_version
where workspace_id = :workspace_id and path = :path
order by id desc limit :limit offset :skip;

-- name: set_message
-- Change what a deployment says about itself.
update flow_version set deployment_message = :message where workspace_id = :workspace_id and id = :id;

-- name: page
-- Flows that fit the filters, by when they were deployed, from behind :after_id. The filter by who may see them is
-- coarse: each row still has to be decided upon. The values may be left out: they are `null` then.
select v.id, v.workspace_id, f.path, v.summary, v.description,
  case when :with_value::boolean then v.value else 'null' end as value, null::json as schema, v.tag, v.options, v.labels,
  v.deployment_message, f.archived, f.extra_perms, v.created_by, v.created_at
from flow f join flow_version v on v.workspace_id = f.workspace_id and v.id = f.version
where f.workspace_id = :workspace_id
  and (:after_id::bigint is null or case when :descending::boolean then v.id < :after_id else v.id > :after_id end)
  and (:everything::boolean or substring(f.path from '^[uf]/[^/]+') = any(:owner_keys::text[])
    or f.extra_perms ?| :permission_keys::text[])
  and f.archived = :archived
  and (:path_exact::text is null or f.path = :path_exact)
  and (:paths::text[] is null or f.path = any(:paths))
  and (:path_start::text is null or starts_with(f.path, :path_start))
  and (:created_by::text is null or v.created_by = :created_by)
  and (:label::text is null or :label = any(v.labels))
order by case when :descending then v.id end desc, case when not :descending then v.id end
limit :limit;

-- name: paths
-- The paths of all flows in use, with their shares.
select path, extra_perms from flow where workspace_id = :workspace_id and not archived order by path;

-- name: named
-- What there is in use of what a flow names, with what decides who may read it; of scripts and flows with what they take.
-- A script that may take any argument (`**`) is told apart by its text.
select 'script' as kind, path, null::bigint as version, extra_perms, schema, position('**' in content) > 0 as takes_any
from script where workspace_id = :workspace_id and path = any(:scripts::text[]) and not archived
union all
select 'version', path, hash, extra_perms, schema, position('**' in content) > 0
from script where workspace_id = :workspace_id and hash = any(:versions::bigint[]) and not deleted
union all
select 'flow', f.path, null, f.extra_perms, v.schema, false
from flow f join flow_version v on v.workspace_id = f.workspace_id and v.id = f.version
where f.workspace_id = :workspace_id and f.path = any(:flows::text[]) and not f.archived
union all
select 'resource', path, null, extra_perms, null, true from resource
where workspace_id = :workspace_id and path = any(:resources::text[])
union all
select 'variable', path, null, extra_perms, null, true from variable
where workspace_id = :workspace_id and path = any(:variables::text[]);

-- name: locking
-- How the job that locks the scripts of a version stands. No row: there is none, or none that is remembered.
select v.lock_job as job, c.status, c.result as outcome
from flow_version v
left join job_queue q on q.id = v.lock_job
left join job_completed c on c.id = v.lock_job
where v.workspace_id = :workspace_id and v.id = :id and coalesce(q.id, c.id) is not null;

-- name: store_locks
-- Keep the value of a version with the locks of its scripts.
update flow_version set value = :value::json where workspace_id = :workspace_id and id = :id;
