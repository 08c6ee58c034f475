-- name: find
-- The storage :name with the resource that it leads to, and the versions of what that refers to.
select s.kind, s.resource_path, s.root_path, s.rules, s.version,
  r.version as resource_version, r.resource_type, r.value as resource_value,
  (select array_agg(v.version order by v.path) from variable v
   where v.workspace_id = :workspace and v.path = any(:variables)) as variable_versions,
  (select array_agg(o.version order by o.path) from resource o
   where o.workspace_id = :workspace and o.path = any(:resources)) as resource_versions
from workspace_storage s
left join resource r on r.workspace_id = s.workspace_id and r.path = s.resource_path
where s.workspace_id = :workspace and s.name = :name;

-- name: find_resource
-- The resource at :path as a way to a bucket, whether a storage makes it public, and the versions of what it refers to.
select r.version as resource_version, r.resource_type, r.value as resource_value, r.extra_perms,
  exists (select from workspace_storage s
          where s.workspace_id = r.workspace_id and s.resource_path = r.path and s.public_resource) as is_public,
  (select array_agg(v.version order by v.path) from variable v
   where v.workspace_id = :workspace and v.path = any(:variables)) as variable_versions,
  (select array_agg(o.version order by o.path) from resource o
   where o.workspace_id = :workspace and o.path = any(:resources)) as resource_versions
from resource r where r.workspace_id = :workspace and r.path = :path;

-- name: all_of
-- The storages of a workspace that have settings, by name.
select name, kind, resource_path, root_path, public_resource, rules
from workspace_storage where workspace_id = :workspace order by name;

-- name: folders
-- The storages of all workspaces that are in folders of the host.
select workspace_id as workspace, name, root_path from workspace_storage where kind = 'local' order by 1, 2;

-- name: put
-- Give the storage :name these settings.
insert into workspace_storage
  (workspace_id, name, kind, resource_path, root_path, public_resource, rules, edited_by)
values (:workspace, :name, :kind, :resource_path, :root_path, :public_resource, :rules, :actor)
on conflict (workspace_id, name) do update set
  kind = excluded.kind, resource_path = excluded.resource_path, root_path = excluded.root_path,
  public_resource = excluded.public_resource, rules = excluded.rules, edited_by = excluded.edited_by,
  edited_at = now(), version = nextval('item_version')
where (workspace_storage.kind, workspace_storage.resource_path, workspace_storage.root_path,
       workspace_storage.public_resource, workspace_storage.rules::text)
  is distinct from (excluded.kind, excluded.resource_path, excluded.root_path, excluded.public_resource,
                    excluded.rules::text);

-- name: create
-- A new storage that the instance keeps itself.
insert into workspace_storage (workspace_id, name, kind, edited_by)
values (:workspace, :name, 'instance', :actor) on conflict do nothing;

-- name: delete
-- Forget the storage :name.
delete from workspace_storage where workspace_id = :workspace and name = :name;

-- name: delete_others
-- Forget all storages but those of these :names.
delete from workspace_storage where workspace_id = :workspace and not name = any(:names);

-- name: resource_types
-- The type of each of these resources.
select path, resource_type from resource where workspace_id = :workspace and path = any(:paths);

-- name: usage
-- What was counted last, by storage.
select storage, size_bytes, objects, complete, computed_at from storage_usage
where workspace_id = :workspace order by storage;

-- name: put_usage
-- Keep what was counted.
insert into storage_usage (workspace_id, storage, size_bytes, objects, complete)
values (:workspace, :storage, :size_bytes, :objects, :complete)
on conflict (workspace_id, storage) do update set size_bytes = excluded.size_bytes, objects = excluded.objects,
  complete = excluded.complete, computed_at = now();
