-- name: page
-- Up to :limit versions of an item, newest first, below the id :before where that is given.
select id, at, kind, path, version, operation, null::json as value, null::bytea as sealed,
  sealed is not null as is_secret, resource_type, description, actor, email, job_id
from history
where workspace_id = :workspace and kind = :kind and path = :path and (:before::bigint is null or id < :before)
order by id desc limit :limit;

-- name: find
-- One version, of whatever item of the kind it is.
select id, at, kind, path, version, operation, value, sealed, sealed is not null as is_secret, resource_type,
  description, actor, email, job_id
from history where workspace_id = :workspace and kind = :kind and id = :id;

-- name: clear
-- Forget the versions of an item but the newest.
delete from history h
where workspace_id = :workspace and kind = :kind and path = :path
  and id < (select max(id) from history n
            where n.workspace_id = :workspace and n.kind = :kind and n.path = :path);
