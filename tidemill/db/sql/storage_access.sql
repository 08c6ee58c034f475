-- name: record
-- Note what was touched. Those of one job come in the order of their ids: a reader that has seen one misses none before.
with alone as materialized (
  select pg_advisory_xact_lock(hashtextextended('tidemill access ' || coalesce(:job::uuid::text, ''), 0))
  where :job::uuid is not null),
ready as materialized (select count(*) from alone)
insert into storage_access (workspace_id, job_id, actor, kind, address, access, version)
select :workspace, :job, :actor, kind, address, :access, version
from ready, unnest(:kinds::text[], :addresses::text[], :versions::bigint[]) as touched (kind, address, version);

-- name: read_by_job
-- Which versions of variables and resources the job has read since the record :after, each once, with its last record.
select kind, address as path, version, max(id) as last_id from storage_access
where job_id = :job and workspace_id = :workspace and id > :after and access = 'read' and version is not null
  and kind in ('variable', 'resource')
group by kind, address, version order by last_id;

-- name: sealed_versions
-- The ciphertexts of these :versions of secrets, from the variables or their history.
select path, version, sealed from variable
where workspace_id = :workspace and path = any(:paths) and version = any(:versions) and sealed is not null
union
select path, version, sealed from history
where workspace_id = :workspace and kind = 'variable' and path = any(:paths) and version = any(:versions)
  and sealed is not null and operation <> 'delete';

-- name: resource_versions
-- The values of these :versions of resources, from the resources or their history.
select resource_type, value from resource
where workspace_id = :workspace and path = any(:paths) and version = any(:versions)
union all
select resource_type, value from history
where workspace_id = :workspace and kind = 'resource' and path = any(:paths) and version = any(:versions)
  and operation <> 'delete';
