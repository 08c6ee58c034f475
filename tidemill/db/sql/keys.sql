-- name: current_key
-- The key that new secrets of :workspace are sealed with, held until the transaction ends, so that no rotation passes a
-- writer by.
select key_id, wrapped, root_key_id from workspace_key
where workspace_id = :workspace and retired_at is null for share;

-- name: key
-- One key of :workspace; none once a rotation has deleted it.
select key_id, wrapped, root_key_id from workspace_key where workspace_id = :workspace and key_id = :key_id;

-- name: add_key
-- A new current key; the one before must be retired by then.
insert into workspace_key (workspace_id, key_id, wrapped, root_key_id)
values (:workspace, :key_id, :wrapped, :root_key_id);

-- name: canary
-- The canary, if one was made.
select sealed, root_key_id from instance_canary;

-- name: hold_root_key
-- The root key that new workspace keys are wrapped with, held until the transaction ends.
select root_key_id from instance_canary for share;

-- name: add_canary
-- The first start leaves its canary; where two start at once, the first one's stays.
insert into instance_canary (sealed, root_key_id) values (:sealed, :root_key_id) on conflict do nothing;

-- name: replace_canary
-- From here on, new workspace keys are wrapped with another root key.
update instance_canary set sealed = :sealed, root_key_id = :root_key_id where root_key_id <> :root_key_id;

-- name: root_keys_in_use
-- Ids of the root keys that workspace keys are wrapped with, and signing keys sealed.
select root_key_id from workspace_key union select root_key_id from signing_key order by root_key_id;

-- name: all_keys
-- Every workspace key there is.
select workspace_id, key_id, wrapped, root_key_id from workspace_key order by workspace_id, key_id;

-- name: sealed_variables
-- A page of sealed variables of all workspaces.
select workspace_id, path, version, key_id, sealed from variable
where sealed is not null and (workspace_id, path) > (:after_workspace, :after_path)
order by workspace_id, path limit :limit;

-- name: sealed_history
-- A page of sealed versions in the history of all workspaces.
select workspace_id, path, version, key_id, sealed, id, kind from history
where sealed is not null and id > :after order by id limit :limit;

-- name: sealed_access_keys
-- A page of access keys of all workspaces.
select workspace_id, id, key_id, sealed from access_key where id > :after order by id limit :limit;

-- name: sealed_steps
-- A page of what steps of workflows gave, of all workspaces.
select workspace_id, job_id, key, key_id, sealed from workflow_step
where sealed is not null and (job_id, key) > (:after_job, :after_key)
order by job_id, key limit :limit;

-- name: lock_rotation
-- Let one rotation at a time begin in :workspace.
select pg_advisory_xact_lock(hashtextextended('tidemill key rotation ' || :workspace, 0));

-- name: unfinished_rotation
-- The current key's id and whether older keys of :workspace are still there.
select max(key_id) filter (where retired_at is null) as key_id, max(key_id) as last_key_id,
  bool_or(retired_at is not null) as is_unfinished
from workspace_key where workspace_id = :workspace;

-- name: retire_keys
-- No new secret is sealed with these keys any more; waits for writers that hold one.
update workspace_key set retired_at = now() where workspace_id = :workspace and retired_at is null;

-- name: stale_variables
-- Variables that a retired key seals and nobody else works on, locked.
select path, version, sealed from variable
where workspace_id = :workspace and key_id <> :key_id and path > :after
order by path limit :limit for update skip locked;

-- name: reseal_variable
-- The same value under another key; not a change that history records.
update variable set sealed = :sealed, key_id = :key_id
where workspace_id = :workspace and path = :path and version = :version;

-- name: stale_history
-- Versions in the history that a retired key seals, locked.
select id, kind, path, version, sealed from history
where workspace_id = :workspace and key_id <> :key_id and id > :after
order by id limit :limit for update skip locked;

-- name: reseal_history
-- The same old value under another key.
update history set sealed = :sealed, key_id = :key_id where workspace_id = :workspace and id = :id;

-- name: stale_access_keys
-- Access keys whose secrets a retired key seals, locked.
select id as path, sealed from access_key
where workspace_id = :workspace and key_id <> :key_id and id > :after
order by id limit :limit for update skip locked;

-- name: reseal_access_key
-- The same secret under another key.
update access_key set sealed = :sealed, key_id = :key_id where workspace_id = :workspace and id = :path;

-- name: stale_steps
-- What steps of workflows gave and a retired key seals, locked.
select job_id, key, job_id || ' ' || key as path, sealed from workflow_step
where workspace_id = :workspace and key_id <> :key_id and (job_id, key) > (:after_job, :after_key)
order by job_id, key limit :limit for update skip locked;

-- name: reseal_step
-- The same value under another key.
update workflow_step set sealed = :sealed, key_id = :key_id
where workspace_id = :workspace and job_id = :job_id and key = :key;

-- name: count_stale
-- How many secrets retired keys still seal; one snapshot, so that none is missed on its way from variable to history.
select (select count(*) from variable where workspace_id = :workspace and key_id <> :key_id)
     + (select count(*) from history where workspace_id = :workspace and key_id <> :key_id)
     + (select count(*) from access_key where workspace_id = :workspace and key_id <> :key_id)
     + (select count(*) from workflow_step where workspace_id = :workspace and key_id <> :key_id);

-- name: delete_retired_keys
-- Delete the keys that seal nothing any more.
delete from workspace_key k where workspace_id = :workspace and retired_at is not null
  and not exists (select from variable v where v.workspace_id = k.workspace_id and v.key_id = k.key_id)
  and not exists (select from history h where h.workspace_id = k.workspace_id and h.key_id = k.key_id)
  and not exists (select from access_key a where a.workspace_id = k.workspace_id and a.key_id = k.key_id)
  and not exists (select from workflow_step s where s.workspace_id = k.workspace_id and s.key_id = k.key_id);

-- name: foreign_wrapped_keys
-- Workspace keys that another root key than :root_key_id wraps, locked.
select workspace_id, key_id, wrapped, root_key_id from workspace_key
where root_key_id <> :root_key_id order by workspace_id, key_id limit :limit for update;

-- name: rewrap_key
-- The same workspace key under another root key.
update workspace_key set wrapped = :wrapped, root_key_id = :root_key_id
where workspace_id = :workspace and key_id = :key_id;

-- name: root_key_standing
-- The root key of the instance, and how many keys other root keys still wrap: none but while the root key is changed.
select c.root_key_id,
  (select count(*)::int from workspace_key w where w.root_key_id = c.root_key_id)
    + (select count(*)::int from signing_key s where s.root_key_id = c.root_key_id) as wrapped,
  (select count(*)::int from workspace_key w where w.root_key_id <> c.root_key_id)
    + (select count(*)::int from signing_key s where s.root_key_id <> c.root_key_id) as wrapped_by_others
from instance_canary c;
