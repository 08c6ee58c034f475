-- name: find
-- The resource at :path of :workspace.
select path, version, resource_type, value, description, is_oauth, extra_perms, labels, created_by, edited_by,
  created_at, edited_at
from resource where workspace_id = :workspace and path = :path;

-- name: hold
-- The resource at :path, held against other writers until the transaction ends.
select path, version, resource_type, value, description, is_oauth, extra_perms, labels, created_by, edited_by,
  created_at, edited_at
from resource where workspace_id = :workspace and path = :path for no key update;

-- name: page
-- Up to :limit resources after the path :after, in order of path, of those that the owners and keys open; no values.
select path, version, resource_type, 'null'::json as value, description, is_oauth, extra_perms, labels, created_by,
  edited_by, created_at, edited_at
from resource
where workspace_id = :workspace and path collate "C" > :after
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
  and (:types::text[] is null or resource_type = any(:types))
  and (:not_types::text[] is null or resource_type <> all(:not_types))
  and (:path_start::text is null or starts_with(path, :path_start))
  and (:path::text is null or path = :path)
  and (:description::text is null or position(lower(:description) in lower(description)) > 0)
  and (:anything::text is null
       or position(lower(:anything) in lower(path || ' ' || resource_type || ' ' || description)) > 0)
  and (:label::text is null or :label = any(labels))
order by path collate "C" limit :limit;

-- name: beginnings
-- The first :chars characters of the values of :paths, and whether that is not the whole.
select path, left(value::text, :chars) as beginning, length(value::text) > :chars as truncated
from resource where workspace_id = :workspace and path = any(:paths);

-- name: counts
-- How many resources there are of each type, of those that the owners and keys open.
select resource_type, count(*) as count from resource
where workspace_id = :workspace
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
group by resource_type order by resource_type;

-- name: create
-- A new resource.
insert into resource (workspace_id, path, resource_type, value, description, labels, created_by, edited_by)
values (:workspace, :path, :resource_type, :value, :description, :labels, :actor, :actor)
on conflict do nothing returning version;

-- name: update
-- Another version of the resource at :path; no row where its version is not one of :versions (null: any).
update resource set version = nextval('item_version'), resource_type = :resource_type, value = :value,
  description = :description, labels = :labels, edited_by = :actor, edited_at = now()
where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
returning version;

-- name: move
-- As update, under another path; history tells of it as a delete and a create.
with gone as (
  delete from resource
  where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
  returning *)
insert into resource (workspace_id, path, resource_type, value, description, is_oauth, extra_perms, labels,
  created_by, edited_by, created_at)
select workspace_id, :new_path, :resource_type, :value, :description, is_oauth, extra_perms, :labels,
  created_by, :actor, created_at
from gone
returning version;

-- name: delete
-- Delete the resource at :path; no row where its version is not one of :versions (null: any).
delete from resource
where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
returning version;
