-- name: create
-- Note links that are good for :expires_s seconds from now, one for each of :keys; when they end.
insert into object_link (id, workspace_id, place, key, email, actor, job_id, expires_at)
select id, :workspace, place, key, :email, :actor, :job, date_trunc('second', now()) + make_interval(secs => :expires_s)
from unnest(:ids::uuid[], :places::text[], :keys::text[]) as wanted (id, place, key)
returning expires_at;

-- name: find
-- A link that still holds.
select id, place, key, email, actor, job_id, created_at, expires_at from object_link
where workspace_id = :workspace and id = :id and expires_at > now() and revoked_at is null;

-- name: page
-- Links that still hold, the newest first: of :actor or of everybody, to :place and :key or to anything, made before :before.
select id, place, key, email, actor, job_id, created_at, expires_at from object_link
where workspace_id = :workspace and expires_at > now() and revoked_at is null
  and (:actor::text is null or actor = :actor) and (:place::text is null or place = :place)
  and (:key::text is null or key = :key) and (:before::uuid is null or id < :before)
order by id desc limit :limit;

-- name: revoke
-- Take back the link :id, or all links to :key at :place: those of :actor, or of everybody.
update object_link set revoked_at = now()
where workspace_id = :workspace and expires_at > now() and revoked_at is null
  and (:id::uuid is null or id = :id) and (:place::text is null or place = :place)
  and (:key::text is null or key = :key) and (:actor::text is null or actor = :actor)
returning id, place, key;

-- name: remove_expired
-- Forget up to :batch links that ended more than a day ago.
delete from object_link where id in (
  select id from object_link where expires_at < now() - interval '1 day' order by expires_at limit :batch);
