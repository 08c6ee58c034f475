-- name: script
-- The shares of the script at :path: its newest version's.
select extra_perms from script where workspace_id = :workspace and path = :path order by archived, created_at desc limit 1;

-- name: flow
-- The shares of the flow at :path.
select extra_perms from flow where workspace_id = :workspace and path = :path;

-- name: add_to_flow
-- Share the flow at :path.
update flow set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean)
where workspace_id = :workspace and path = :path;

-- name: remove_from_flow
-- Take the share of :owner in the flow at :path away.
update flow set extra_perms = extra_perms - :owner::text where workspace_id = :workspace and path = :path;

-- name: variable
-- The shares of the variable at :path.
select extra_perms from variable where workspace_id = :workspace and path = :path;

-- name: resource
-- The shares of the resource at :path.
select extra_perms from resource where workspace_id = :workspace and path = :path;

-- name: add_to_script
-- Share all versions of the script at :path.
update script set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean)
where workspace_id = :workspace and path = :path;

-- name: add_to_variable
-- Share the variable at :path.
update variable set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean)
where workspace_id = :workspace and path = :path;

-- name: add_to_resource
-- Share the resource at :path.
update resource set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean)
where workspace_id = :workspace and path = :path;

-- name: add_to_folder
-- Let :owner read, or write, what is in the folder :path.
update folder set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean), edited_at = now()
where workspace_id = :workspace and name = :path;

-- name: add_to_group
-- Let :owner see, or change, the group :path.
update user_group set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean)
where workspace_id = :workspace and name = :path;

-- name: remove_from_script
-- Unshare all versions of the script at :path.
update script set extra_perms = extra_perms - :owner::text where workspace_id = :workspace and path = :path;

-- name: remove_from_variable
-- Unshare the variable at :path.
update variable set extra_perms = extra_perms - :owner::text where workspace_id = :workspace and path = :path;

-- name: remove_from_resource
-- Unshare the resource at :path.
update resource set extra_perms = extra_perms - :owner::text where workspace_id = :workspace and path = :path;

-- name: remove_from_folder
-- Take away what :owner may do in the folder :path; owners stay owners.
update folder set extra_perms = extra_perms - :owner::text, edited_at = now()
where workspace_id = :workspace and name = :path;

-- name: remove_from_group
-- Take away what :owner may do to the group :path.
update user_group set extra_perms = extra_perms - :owner::text where workspace_id = :workspace and name = :path;

-- name: schedule
-- The shares of the schedule at :path.
select extra_perms from schedule where workspace_id = :workspace and path = :path;

-- name: add_to_schedule
-- Share the schedule at :path.
update schedule set extra_perms = extra_perms || jsonb_build_object(:owner::text, :may_write::boolean)
where workspace_id = :workspace and path = :path;

-- name: remove_from_schedule
-- Unshare the schedule at :path.
update schedule set extra_perms = extra_perms - :owner::text where workspace_id = :workspace and path = :path;
