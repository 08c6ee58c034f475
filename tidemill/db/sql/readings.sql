-- name: record
-- Note uses of values that were read before: in the audit log those of secrets, and what was touched, many at once.
-- Accesses of one job come in the order of their ids, as `storage_access.record` has it.
with alone as materialized (
  select pg_advisory_xact_lock(hashtextextended('tidemill access ' || job, 0))
  from (select distinct job::text as job from unnest(:jobs::uuid[]) as job where job is not null order by 1) as noted),
ready as materialized (select count(*) from alone),
used as materialized (
  select used.* from ready, unnest(
    :workspaces::text[], :emails::text[], :usernames::text[], :actors::text[], :jobs::uuid[], :impersonators::text[],
    :kinds::text[], :paths::text[], :versions::bigint[], :secrets::boolean[]) with ordinality
    as used (workspace_id, email, username, actor, job_id, impersonated_by, kind, path, version, is_secret, place)
  where exists (select from workspace w where w.id = used.workspace_id)),
audited as (
  insert into audit (workspace_id, email, username, operation, action_kind, resource, job_id, impersonated_by)
  select workspace_id, email, username, 'variables.decrypt_secret', 'Execute', path, job_id, impersonated_by
  from used where is_secret order by place)
insert into storage_access (workspace_id, job_id, actor, kind, address, access, version)
select workspace_id, job_id, actor, kind, path, 'read', version from used order by place;
