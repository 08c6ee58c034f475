-- name: all_of
-- The groups of :workspace by name, or the one called :name where that is given, with their members.
select g.name, g.summary, g.extra_perms,
  array(select gm.username from group_member gm
        where gm.workspace_id = g.workspace_id and gm.group_name = g.name order by 1) as members
from user_group g
where g.workspace_id = :workspace and (:name::text is null or g.name = :name) order by g.name;

-- name: create
-- A new group without members.
insert into user_group (workspace_id, name, summary, extra_perms) values (:workspace, :name, :summary, :extra_perms::json::jsonb);

-- name: update
-- Change the summary of a group.
update user_group set summary = :summary where workspace_id = :workspace and name = :name;

-- name: delete
-- Delete a group.
delete from user_group where workspace_id = :workspace and name = :name;

-- name: add_member
-- Put a member into a group; it may be in it.
insert into group_member (workspace_id, group_name, username) values (:workspace, :name, :username)
on conflict do nothing;

-- name: remove_member
-- Take a member out of a group.
delete from group_member where workspace_id = :workspace and group_name = :name and username = :username;
