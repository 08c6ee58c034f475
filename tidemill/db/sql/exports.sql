-- name: outline_variables
-- Up to :limit variables behind :after in order of path, those that the owners and keys open: who shares them, how large.
select path, extra_perms, octet_length(coalesce(value, '')) + octet_length(coalesce(sealed, ''::bytea)) as size_bytes
from variable
where workspace_id = :workspace and path collate "C" > :after and expires_at is null
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
order by path collate "C" limit :limit;

-- name: outline_resources
-- The same of resources; what scripts remember (states, caches) is none of a workspace's definitions.
select path, extra_perms, octet_length(value::text) as size_bytes
from resource
where workspace_id = :workspace and path collate "C" > :after and resource_type <> all(array['state', 'cache'])
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
order by path collate "C" limit :limit;

-- name: outline_scripts
-- The same of scripts in use.
select path, extra_perms,
  octet_length(content) + octet_length(coalesce(lock, '')) + octet_length(coalesce(schema::text, '')) as size_bytes
from script
where workspace_id = :workspace and path collate "C" > :after and not archived
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
order by path collate "C" limit :limit;

-- name: outline_flows
-- The same of flows in use.
select f.path, f.extra_perms, octet_length(v.value::text) + octet_length(coalesce(v.schema::text, '')) as size_bytes
from flow f join flow_version v on v.workspace_id = f.workspace_id and v.id = f.version
where f.workspace_id = :workspace and f.path collate "C" > :after and not f.archived
  and (:everything or split_part(f.path, '/', 1) || '/' || split_part(f.path, '/', 2) = any(:owners)
       or f.extra_perms ?| :keys)
order by f.path collate "C" limit :limit;

-- name: outline_schedules
-- The same of schedules.
select path, extra_perms, octet_length(settings::text) as size_bytes
from schedule
where workspace_id = :workspace and path collate "C" > :after
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
order by path collate "C" limit :limit;

-- name: variables
-- The variables at :paths, in order.
select path, version, value, sealed, is_secret, description, is_oauth, expires_at, extra_perms, labels,
  created_by, edited_by, created_at, edited_at
from variable where workspace_id = :workspace and path = any(:paths) order by path collate "C";

-- name: resources
-- The resources at :paths, in order.
select path, version, resource_type, value, description, is_oauth, extra_perms, labels, created_by, edited_by,
  created_at, edited_at
from resource where workspace_id = :workspace and path = any(:paths) order by path collate "C";

-- name: scripts
-- The versions of :paths that run, in order.
select workspace_id, hash, path, parent_hashes, summary, description, content, language, kind, schema, lock, lock_error,
  lock_job, no_main_func, has_preprocessor, tag, on_worker_loss, options, labels, extra_perms, deployment_message,
  archived, deleted, created_by, created_at, null::json as lock_failure
from script where workspace_id = :workspace and path = any(:paths) and not archived order by path collate "C";

-- name: flows
-- The versions of :paths that run, in order.
select v.id, v.workspace_id, f.path, v.summary, v.description, v.value, v.schema, v.tag, v.options, v.labels,
  v.deployment_message, f.archived, f.extra_perms, v.created_by, v.created_at
from flow f join flow_version v on v.workspace_id = f.workspace_id and v.id = f.version
where f.workspace_id = :workspace and f.path = any(:paths) order by f.path collate "C";

-- name: schedules
-- The schedules at :paths, in order.
select path, version, cron, timezone, target_kind, target_path, enabled, paused_until, settings, labels, extra_perms,
  permissioned_as, email, created_by, edited_by, created_at, edited_at, error, failures, successes
from schedule where workspace_id = :workspace and path = any(:paths) order by path collate "C";
