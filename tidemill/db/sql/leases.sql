-- name: acquire
-- Take the lease on :path if nobody holds it; the number is greater than any given before. No row: it is held.
insert into lease (workspace_id, path, holder, fence, expires_at)
values (:workspace, :path, :holder, nextval('item_version'), now() + make_interval(secs => :ttl_s))
on conflict (workspace_id, path) do update
  set holder = excluded.holder, fence = nextval('item_version'), expires_at = excluded.expires_at
  where lease.expires_at <= now()
returning path, holder, fence, expires_at, true as is_held;

-- name: renew
-- Hold the lease for longer. No row: it has run out or is another's.
update lease set expires_at = now() + make_interval(secs => :ttl_s)
where workspace_id = :workspace and path = :path and fence = :fence and expires_at > now()
returning path, holder, fence, expires_at, true as is_held;

-- name: release
-- Give the lease back; its number stays taken. No row: it has run out or is another's.
update lease set expires_at = now()
where workspace_id = :workspace and path = :path and fence = :fence and expires_at > now()
returning path, holder, fence, expires_at, false as is_held;

-- name: find
-- The lease on :path as it stands or was last held.
select path, holder, fence, expires_at, expires_at > now() as is_held
from lease where workspace_id = :workspace and path = :path;
