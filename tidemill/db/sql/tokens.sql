-- name: create
-- A new credential; nothing happens where it would have expired already.
insert into token (hash, prefix, kind, email, workspace_id, label, scopes, read_only, impersonated_by, expires_at)
select :hash, :prefix, :kind, :email, :workspace, :label, :scopes::text[], :read_only, :impersonated_by, e.at
from (select coalesce(:expires_at::timestamptz, now() + make_interval(secs => :lifetime_s::float8)) as at) e
where e.at is null or e.at > now();

-- name: expiry
-- When the credential ends, and which kind it is.
select kind, expires_at from token where hash = :hash;

-- name: page
-- The credentials of an account, newest first; without sessions where :personal_only.
select prefix, kind, email, workspace_id, label, scopes, read_only, impersonated_by, created_at, expires_at, last_used_at
from token where email = :email and not (:personal_only and kind = 'session')
order by created_at desc, hash limit :limit offset :skip;

-- name: delete_by_prefix
-- Revoke a credential of an account.
delete from token where email = :email and prefix = :prefix;

-- name: delete_session
-- End a session.
delete from token where hash = :hash and kind = 'session';

-- name: delete_sessions
-- End the sessions of an account, but for the one with the hash :keep.
delete from token where email = :email and kind = 'session' and hash is distinct from :keep::bytea;
