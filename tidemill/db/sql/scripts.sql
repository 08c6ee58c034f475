-- name: add
-- A new version of a script. Its parent, if it has one, was archived in the same transaction.
insert into script (workspace_id, hash, path, parent_hashes, summary, description, content, language, kind, schema, lock,
  lock_job, no_main_func, has_preprocessor, tag, on_worker_loss, options, labels, extra_perms, deployment_message,
  created_by)
values (:workspace_id, :hash, :path, :parent_hashes, :summary, :description, :content, :language, :kind, :schema::json,
  :lock, :lock_job, :no_main_func, :has_preprocessor, :tag, :on_worker_loss, :options::json, :labels,
  :extra_perms::json::jsonb, :deployment_message, :created_by);

-- name: head
-- The version of a path that runs.
select s.workspace_id, s.hash, s.path, s.parent_hashes, s.summary, s.description, s.content, s.language, s.kind,
  s.schema, s.lock, s.lock_error, s.lock_job, s.no_main_func, s.has_preprocessor, s.tag, s.on_worker_loss, s.options,
  s.labels, s.extra_perms, s.deployment_message, s.archived, s.deleted, s.created_by, s.created_at,
  null::json as lock_failure
from script s
where s.workspace_id = :workspace_id and s.path = :path and not s.archived;

-- name: seen_head
-- The version of a path that runs, as far as running it needs, with what names its row as it is now.
select s.hash, s.path, s.schema, s.language, s.no_main_func, s.has_preprocessor, s.tag, s.on_worker_loss, s.options,
  s.labels, s.extra_perms, s.deleted, s.xmin::text as row
from script s
where s.workspace_id = :workspace_id and s.path = :path and not s.archived;

-- name: seen_version
-- As `seen_head`, for one version.
select s.hash, s.path, s.schema, s.language, s.no_main_func, s.has_preprocessor, s.tag, s.on_worker_loss, s.options,
  s.labels, s.extra_perms, s.deleted, s.xmin::text as row
from script s
where s.workspace_id = :workspace_id and s.hash = :hash;

-- name: latest
-- The version of a path that runs or, where all are archived, the newest of them; with how its lock job failed, if so.
select s.workspace_id, s.hash, s.path, s.parent_hashes, s.summary, s.description, s.content, s.language, s.kind,
  s.schema, s.lock, s.lock_error, s.lock_job, s.no_main_func, s.has_preprocessor, s.tag, s.on_worker_loss, s.options,
  s.labels, s.extra_perms, s.deployment_message, s.archived, s.deleted, s.created_by, s.created_at,
  c.result as lock_failure
from script s
left join job_completed c on c.id = s.lock_job and s.lock is null and c.status <> 'success'
where s.workspace_id = :workspace_id and s.path = :path
order by s.archived, s.created_at desc
limit 1;

-- name: version
-- One version, with how its lock job failed, if so.
select s.workspace_id, s.hash, s.path, s.parent_hashes, s.summary, s.description, s.content, s.language, s.kind,
  s.schema, s.lock, s.lock_error, s.lock_job, s.no_main_func, s.has_preprocessor, s.tag, s.on_worker_loss, s.options,
  s.labels, s.extra_perms, s.deployment_message, s.archived, s.deleted, s.created_by, s.created_at,
  c.result as lock_failure
from script s
left join job_completed c on c.id = s.lock_job and s.lock is null and c.status <> 'success'
where s.workspace_id = :workspace_id and s.hash = :hash;

-- name: supersede
-- A newer version takes the place of a head. No row: it is no head (any more).
update script set archived = true
where workspace_id = :workspace_id and hash = :hash and not archived
returning hash;

-- name: archive
-- Take a path out of use; its versions can still be run by hash.
update script set archived = true where workspace_id = :workspace_id and path = :path and not archived returning hash;

-- name: archive_version
-- Take one version out of use.
update script set archived = true where workspace_id = :workspace_id and hash = :hash;

-- name: erase
-- Erase what a version held and keep its hash, so that jobs of it can still be told apart.
update script set archived = true, deleted = true, content = '', lock = '', lock_error = null, schema = null
where workspace_id = :workspace_id and hash = :hash;

-- name: remove
-- Remove all versions of a path for good.
delete from script where workspace_id = :workspace_id and path = :path;

-- name: versions
-- The versions of a path, the newest first, without their content.
select hash, deployment_message, created_at, created_by from script
where workspace_id = :workspace_id and path = :path
order by created_at desc, hash
limit :limit offset :skip;

-- name: set_message
-- Change what a deployment says about itself.
update script set deployment_message = :message where workspace_id = :workspace_id and hash = :hash and path = :path;

-- name: set_muted
-- Whether failures of the head of a path are kept from the error handler of the workspace.
update script set options = (options::jsonb || jsonb_build_object('ws_error_handler_muted', :muted::boolean))::json
where workspace_id = :workspace_id and path = :path and not archived;

-- name: page
-- Scripts that fit the filters, the newest (or oldest) first, from behind (:after_time, :after_hash). The filter by
-- owner is coarse: each row still has to be decided upon. Archived paths show their newest version only.
select s.workspace_id, s.hash, s.path, s.parent_hashes, s.summary, s.description, s.content, s.language, s.kind,
  s.schema, s.lock, s.lock_error, s.lock_job, s.no_main_func, s.has_preprocessor, s.tag, s.on_worker_loss, s.options,
  s.labels, s.extra_perms, s.deployment_message, s.archived, s.deleted, s.created_by, s.created_at,
  null::json as lock_failure
from script s
where s.workspace_id = :workspace_id
  and (:everything::boolean or substring(s.path from '^[uf]/[^/]+') = any(:owner_keys::text[])
    or s.extra_perms ?| :permission_keys::text[])
  and case when :archived::boolean then s.archived and not s.deleted and not exists (
      select from script newer where newer.workspace_id = s.workspace_id and newer.path = s.path
      and (not newer.archived or (newer.created_at, newer.hash) > (s.created_at, s.hash)))
    else not s.archived end
  and (:with_libraries::boolean or not s.no_main_func)
  and (:path_exact::text is null or s.path = :path_exact)
  and (:paths::text[] is null or s.path = any(:paths))
  and (:path_start::text is null or starts_with(s.path, :path_start))
  and (:created_by::text is null or s.created_by = :created_by)
  and (:first_parent::bigint is null or s.parent_hashes[1] = :first_parent)
  and (:last_parent::bigint is null or s.parent_hashes[cardinality(s.parent_hashes)] = :last_parent)
  and (:any_parent::bigint is null or :any_parent = any(s.parent_hashes))
  and (:kinds::text[] is null or s.kind = any(:kinds))
  and (:languages::text[] is null or s.language = any(:languages))
  and (:label::text is null or :label = any(s.labels))
  and (:template::boolean is null or coalesce((s.options ->> 'is_template')::boolean, false) = :template)
  and (:dedicated::boolean is null or coalesce((s.options ->> 'dedicated_worker')::boolean, false) = :dedicated)
  and (:after_time::timestamptz is null or case when :descending::boolean
    then (s.created_at, s.hash) < (:after_time, :after_hash::bigint)
    else (s.created_at, s.hash) > (:after_time, :after_hash::bigint) end)
order by
  case when :descending then s.created_at end desc, case when :descending then s.hash end desc, s.created_at, s.hash
limit :limit;

-- name: paths
-- The paths in use with their own shares, in order.
select path, extra_perms from script where workspace_id = :workspace_id and not archived order by path;

-- name: resource_types
-- The names of the resource types that parameters of a script may be typed with.
select name from resource_type where workspace_id in (:workspace_id, 'admins');
