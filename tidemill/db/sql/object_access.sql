-- name: record
-- Note accesses to objects and to users' databases, many at once.
insert into storage_access (at, workspace_id, job_id, actor, kind, address, access, size_bytes)
select at, workspace_id, job_id, actor, kind, address, access, size_bytes
from unnest(:times::timestamptz[], :workspaces::text[], :jobs::uuid[], :actors::text[], :kinds::text[],
            :addresses::text[], :accesses::text[], :sizes::bigint[]) with ordinality
  as touched (at, workspace_id, job_id, actor, kind, address, access, size_bytes, place)
where exists (select from workspace w where w.id = touched.workspace_id)
order by place;

-- name: page
-- Up to :limit accesses to objects before the record :before, newest first.
select id, at, job_id, kind, actor, address, access, size_bytes from storage_access
where workspace_id = :workspace and kind = 'object' and (:before::bigint is null or id < :before)
  and (:address::text is null or address = :address)
  and (:lowest::text is null or (address collate "C" >= :lowest and starts_with(address, :lowest)))
  and (:actor::text is null or actor = :actor)
  and (:access::text is null or access = :access)
  and (:since::timestamptz is null or at >= :since)
order by id desc limit :limit;

-- name: page_of_job
-- Up to :limit accesses of a job to objects, databases and resources before the record :before, newest first.
select id, at, job_id, kind, actor, address, access, size_bytes from storage_access
where workspace_id = :workspace and kind in ('object', 'database', 'resource') and (:before::bigint is null or id < :before)
  and (:address::text is null or address = :address)
  and (:lowest::text is null or (address collate "C" >= :lowest and starts_with(address, :lowest)))
  and job_id = :job
  and (:actor::text is null or actor = :actor)
  and (:access::text is null or access = :access)
  and (:since::timestamptz is null or at >= :since)
order by id desc limit :limit;
