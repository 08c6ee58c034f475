-- name: create
-- A new workspace.
insert into workspace (id, name, owner_email, settings)
values (:workspace, :name, :owner_email, jsonb_strip_nulls(jsonb_build_object('color', :color::text)));

-- name: find
-- One workspace, archived or not.
select id, name, owner_email, created_at, archived_at, settings from workspace where id = :workspace;

-- name: all_of
-- All workspaces, archived ones too.
select id, name, owner_email, created_at, archived_at, settings from workspace order by id limit :limit offset :skip;

-- name: rename
-- Give a workspace another title.
update workspace set name = :name where id = :workspace;

-- name: set_setting
-- Set one setting of a workspace; null takes it away.
update workspace set settings = jsonb_strip_nulls(settings || jsonb_build_object(:name::text, :value::json))
where id = :workspace;

-- name: archive
-- Hide a workspace from everybody.
update workspace set archived_at = coalesce(archived_at, now()) where id = :workspace;

-- name: unarchive
-- Bring a workspace back.
update workspace set archived_at = null where id = :workspace;

-- name: erase
-- Delete a workspace with all that is in it.
select erase_workspace(:workspace);
