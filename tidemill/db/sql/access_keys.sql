-- name: create
-- A new access key of a member; nothing happens where it would have expired already.
insert into access_key (id, workspace_id, email, label, scopes, read_only, sealed, key_id, expires_at)
select :id, :workspace, :email, :label, :scopes::text[], :read_only, :sealed, :key_id, :expires_at::timestamptz
where :expires_at::timestamptz is null or :expires_at::timestamptz > now();

-- name: find
-- The access key :id, unless it has expired; its owner is looked up apart.
select id, workspace_id, email, label, scopes, read_only, sealed,
  last_used_at is null or last_used_at < now() - interval '5 minutes' as is_stale
from access_key where id = :id and (expires_at is null or expires_at > now());

-- name: touch
-- Note that the access key was used just now.
update access_key set last_used_at = now() where id = :id;

-- name: page
-- Access keys of :workspace, newest first: of :email, or of everybody where it is null.
select k.id, m.username as owner, k.email, k.label, k.scopes, k.read_only, k.created_at, k.expires_at, k.last_used_at
from access_key k join member m on m.workspace_id = k.workspace_id and m.email = k.email
where k.workspace_id = :workspace and (:email::text is null or k.email = :email)
order by k.created_at desc, k.id limit :limit offset :skip;

-- name: delete
-- Revoke the access key :id of :workspace: of :email, or of anybody where it is null.
delete from access_key where workspace_id = :workspace and id = :id and (:email::text is null or email = :email);
