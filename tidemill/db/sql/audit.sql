-- name: record
-- Note one thing that was done.
insert into audit (workspace_id, email, username, operation, action_kind, resource, parameters, job_id, impersonated_by)
values (:workspace, :email, :username, :operation, :kind, :resource, :parameters::json::jsonb, :job, :impersonated_by);

-- name: record_all
-- Note one thing that was done to each of :resources.
insert into audit (workspace_id, email, username, operation, action_kind, resource, parameters, job_id, impersonated_by)
select :workspace, :email, :username, :operation, :kind, resource, :parameters::json::jsonb, :job, :impersonated_by
from unnest(:resources::text[]) as resource;

-- name: page
-- A page of records, newest first: those of :workspace, or of the whole instance where it is null; only the caller's own where :own is given.
select id, at, workspace_id, email, username, operation, action_kind, resource, parameters, job_id, impersonated_by
from audit
where (:workspace::text is null or workspace_id = :workspace)
  and (:own::text is null or email = :own)
  and (:username::text is null or username = :username)
  and (:operations::text[] is null or operation = any(:operations) or split_part(operation, '.', 1) || '.*' = any(:operations))
  and (:not_operations::text[] is null or operation <> all(:not_operations))
  and (:kind::text is null or action_kind = :kind)
  and (:resource::text is null or resource = :resource)
  and (:resource_prefix::text is null or starts_with(resource, :resource_prefix))
  and (:before::timestamptz is null or at < :before)
  and (:after::timestamptz is null or at > :after)
  and (:before_id::bigint is null or id < :before_id)
  and (:after_id::bigint is null or id > :after_id)
order by id desc
limit :limit offset :skip;

-- name: by_id
-- The record :id of :workspace.
select id, at, workspace_id, email, username, operation, action_kind, resource, parameters, job_id, impersonated_by
from audit where workspace_id = :workspace and id = :id and (:own::text is null or email = :own);
