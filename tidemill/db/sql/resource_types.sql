-- name: list
-- The types that were made in :workspace or in `admins`, which all workspaces share; the workspace's own last.
select workspace_id, name, schema, description, display_name, format_extension, is_fileset, created_by, edited_at
from resource_type where workspace_id in (:workspace, 'admins')
order by workspace_id = :workspace, name;

-- name: named
-- As list, but those with one of :names only.
select workspace_id, name, schema, description, display_name, format_extension, is_fileset, created_by, edited_at
from resource_type where workspace_id in (:workspace, 'admins') and name = any(:names)
order by workspace_id = :workspace, name;

-- name: create
-- A new type of :workspace.
insert into resource_type (workspace_id, name, schema, description, display_name, format_extension, is_fileset,
  created_by)
values (:workspace, :name, :schema, :description, :display_name, :format_extension, :is_fileset, :actor)
on conflict do nothing returning name;

-- name: put
-- The type :name of :workspace as it shall be, made where it is not there.
insert into resource_type (workspace_id, name, schema, description, display_name, format_extension, is_fileset,
  created_by)
values (:workspace, :name, :schema, :description, :display_name, :format_extension, :is_fileset, :actor)
on conflict (workspace_id, name) do update set schema = excluded.schema, description = excluded.description,
  display_name = excluded.display_name, format_extension = excluded.format_extension,
  is_fileset = excluded.is_fileset, edited_at = now();

-- name: delete
-- Delete the type :name of :workspace.
delete from resource_type where workspace_id = :workspace and name = :name returning name;
