-- name: find
-- The variable at :path of :workspace, unless its time is over.
select path, version, value, sealed, is_secret, description, is_oauth, expires_at, extra_perms, labels,
  created_by, edited_by, created_at, edited_at
from variable
where workspace_id = :workspace and path = :path and (expires_at is null or expires_at > now());

-- name: hold
-- The variable at :path, held against other writers until the transaction ends.
select path, version, value, sealed, is_secret, description, is_oauth, expires_at, extra_perms, labels,
  created_by, edited_by, created_at, edited_at
from variable
where workspace_id = :workspace and path = :path and (expires_at is null or expires_at > now())
for no key update;

-- name: page
-- Up to :limit variables after the path :after, in order of path, of those that the owners and keys open.
select path, version, value, null::bytea as sealed, is_secret, description, is_oauth, expires_at, extra_perms, labels,
  created_by, edited_by, created_at, edited_at
from variable
where workspace_id = :workspace and path collate "C" > :after
  and (expires_at is null or expires_at > now())
  and (:everything or split_part(path, '/', 1) || '/' || split_part(path, '/', 2) = any(:owners)
       or extra_perms ?| :keys)
  and (:path_start::text is null or starts_with(path, :path_start))
  and (:path::text is null or path = :path)
  and (:description::text is null or position(lower(:description) in lower(description)) > 0)
  and (:value::text is null or position(lower(:value) in lower(value)) > 0)
  and (:anything::text is null or position(lower(:anything) in lower(path || ' ' || description)) > 0)
  and (:label::text is null or :label = any(labels))
order by path collate "C" limit :limit;

-- name: next_version
-- A version that no item has had; take it while the item is held, so that an item's versions grow.
select nextval('item_version');

-- name: delete_expired
-- Delete the variable at :path if its time is over, so that another can take its place.
delete from variable where workspace_id = :workspace and path = :path and expires_at <= now();

-- name: create
-- A new variable.
insert into variable (workspace_id, path, version, value, sealed, key_id, is_secret, description, is_oauth, expires_at,
  labels, created_by, edited_by)
values (:workspace, :path, :version, :value, :sealed, :key_id, :is_secret, :description, :is_oauth, :expires_at,
  :labels, :actor, :actor)
on conflict do nothing returning version;

-- name: update
-- Another version of the variable at :path; no row where its version is not one of :versions (null: any).
update variable set version = :version, value = :value, sealed = :sealed, key_id = :key_id, is_secret = :is_secret,
  description = :description, labels = :labels, edited_by = :actor, edited_at = now()
where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
returning version;

-- name: move
-- As update, under another path; history tells of it as a delete and a create.
with gone as (
  delete from variable
  where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
  returning *)
insert into variable (workspace_id, path, version, value, sealed, key_id, is_secret, description, account, is_oauth,
  expires_at, extra_perms, labels, created_by, edited_by, created_at)
select workspace_id, :new_path, :version, :value, :sealed, :key_id, :is_secret, :description, account, is_oauth,
  expires_at, extra_perms, :labels, created_by, :actor, created_at
from gone
returning version;

-- name: delete
-- Delete the variable at :path; no row where its version is not one of :versions (null: any).
delete from variable
where workspace_id = :workspace and path = :path and (:versions::bigint[] is null or version = any(:versions))
returning version;
