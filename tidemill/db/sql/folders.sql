-- name: all_of
-- The folders of :workspace by name, or the one called :name where that is given.
select name, display_name, summary, owners, extra_perms, labels, created_by, created_at, edited_at
from folder where workspace_id = :workspace and (:name::text is null or name = :name) order by name;

-- name: create
-- A new folder.
insert into folder (workspace_id, name, display_name, summary, owners, extra_perms, labels, created_by)
values (:workspace, :name, :display_name, :summary, :owners::text[], :extra_perms::json::jsonb, :labels::text[], :created_by);

-- name: update
-- Change what is given of a folder.
update folder set display_name = coalesce(:display_name, display_name), summary = coalesce(:summary, summary),
  owners = coalesce(:owners::text[], owners), extra_perms = coalesce(:extra_perms::json::jsonb, extra_perms),
  labels = coalesce(:labels::text[], labels), edited_at = now()
where workspace_id = :workspace and name = :name;

-- name: add_owner
-- One more owner, if it is none.
update folder set owners = owners || :owner::text, edited_at = now()
where workspace_id = :workspace and name = :name and not :owner = any(owners);

-- name: remove_owner
-- One owner less.
update folder set owners = array_remove(owners, :owner), edited_at = now()
where workspace_id = :workspace and name = :name and :owner = any(owners);

-- name: delete
-- Delete a folder; what is in it stays.
delete from folder where workspace_id = :workspace and name = :name;

-- name: usage
-- How many items of each kind are under :prefix.
select
  (select count(*) from script where workspace_id = :workspace and not archived and starts_with(path, :prefix)) as scripts,
  (select count(*) from flow where workspace_id = :workspace and not archived and starts_with(path, :prefix)) as flows,
  (select count(*) from resource where workspace_id = :workspace and starts_with(path, :prefix)) as resources,
  (select count(*) from variable where workspace_id = :workspace and starts_with(path, :prefix)) as variables,
  (select count(*) from schedule where workspace_id = :workspace and starts_with(path, :prefix)) as schedules;

-- name: holds_something
-- Whether anything at all is under :prefix, old versions and jobs' paths aside.
select exists (select from script where workspace_id = :workspace and starts_with(path, :prefix))
    or exists (select from flow where workspace_id = :workspace and starts_with(path, :prefix))
    or exists (select from resource where workspace_id = :workspace and starts_with(path, :prefix))
    or exists (select from variable where workspace_id = :workspace and starts_with(path, :prefix))
    or exists (select from schedule where workspace_id = :workspace and starts_with(path, :prefix)) as holds;
