-- name: all_of
-- The members of :workspace by name, or the one called :username where that is given.
select m.username, m.email, m.role, m.disabled or a.disabled as disabled, m.created_at, a.name, a.superadmin,
  array(select gm.group_name from group_member gm
        where gm.workspace_id = m.workspace_id and gm.username = m.username order by 1) as groups
from member m join account a on a.email = m.email
where m.workspace_id = :workspace and (:username::text is null or m.username = :username)
order by m.username;

-- name: usernames
-- The names of the members of :workspace.
select username from member where workspace_id = :workspace order by username;

-- name: of_account
-- The memberships of an account, with their workspaces.
select m.workspace_id, m.username, m.role, m.disabled, m.created_at, w.name, w.owner_email, w.settings, w.archived_at
from member m join workspace w on w.id = m.workspace_id
where m.email = :email order by m.workspace_id;

-- name: add
-- A new member.
insert into member (workspace_id, username, email, role) values (:workspace, :username, :email, :role);

-- name: update
-- Change what is given of a member.
update member set role = coalesce(:role, role), disabled = coalesce(:disabled, disabled)
where workspace_id = :workspace and username = :username;

-- name: remove
-- Remove a member, and with it its places in groups.
delete from member where workspace_id = :workspace and username = :username returning email;

-- name: retire_name
-- Keep the name of a removed member for it.
insert into former_member (workspace_id, username, email) values (:workspace, :username, :email)
on conflict (workspace_id, username) do update set removed_at = now(), email = excluded.email;

-- name: former_owner
-- Who had this name before, if somebody had.
select email from former_member where workspace_id = :workspace and username = :username;

-- name: return_name
-- A former member is back under its name.
delete from former_member where workspace_id = :workspace and username = :username;

-- name: forget_key
-- Take a permission key out of every share and folder of :workspace.
select forget_permission_key(:workspace, :key);

-- name: hold_workspace
-- Be the only one to change who is admin of :workspace until the transaction ends.
select id from workspace where id = :workspace for no key update;

-- name: other_admins
-- How many admins of :workspace can act besides :username.
select count(*)::int as count from member m join account a on a.email = m.email
where m.workspace_id = :workspace and m.role = 'admin' and not m.disabled and not a.disabled and m.username <> :username;

-- name: unknown_keys
-- Those of :keys that name neither a member nor a group of :workspace.
select key from unnest(:keys::text[]) as key
where key <> 'g/all'
  and not exists (select from member m where m.workspace_id = :workspace and 'u/' || m.username = key)
  and not exists (select from user_group g where g.workspace_id = :workspace and 'g/' || g.name = key)
order by key;
