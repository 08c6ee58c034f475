-- name: log_from
-- The pack of a job's log that holds the UTF-16 unit :unit; where there is none, up to :limit pieces, from the one that
-- holds it on.
with pack as materialized (
  select start_unit, units, digest from (
    select start_unit, units, digest from job_log_pack
    where workspace_id = :workspace_id and job_id = :id and start_unit <= :unit::bigint
    order by start_unit desc limit 1) nearest
  where start_unit + units > :unit::bigint)
select start_unit, units, null as text, digest from pack
union all (
  select start_unit, units, text, null from job_log
  where workspace_id = :workspace_id and job_id = :id and not exists (select from pack) and start_unit >= coalesce(
    (select max(start_unit) from job_log where job_id = :id and start_unit <= :unit::bigint), 0)
  order by start_unit limit :limit);

-- name: stream_from
-- Up to :limit pieces of what a job streams as its result, from the one that holds the UTF-16 unit :unit on.
select start_unit, units, text, null as digest from job_stream
where workspace_id = :workspace_id and job_id = :id and start_unit >= coalesce(
  (select max(start_unit) from job_stream where job_id = :id and start_unit <= :unit::bigint), 0)
order by start_unit limit :limit;

-- name: long_logs
-- Up to :limit jobs behind :after whose log has more than :inline_units and that ended more than :age_s seconds ago.
select distinct l.job_id as id, c.workspace_id
from job_log l join job_completed c on c.id = l.job_id
where l.start_unit + l.units > 16384 and l.start_unit + l.units > :inline_units::bigint and l.job_id > :after
  and c.completed_at < now() - make_interval(secs => :age_s::float8)
order by id limit :limit;

-- name: first_pieces
-- The first pieces of what is not packed of a log: so many that they have :units together, or all.
select start_unit, units, text from (
  select start_unit, units, text, sum(units) over (order by start_unit) - units as units_before
  from job_log where job_id = :id) counted
where units_before < :units order by start_unit;

-- name: hold_completed
-- Keep completed jobs as they are until the transaction ends: whoever removes them, or parts of them, asks for this first.
select id from job_completed where id = any(:ids::uuid[]) order by id for update;

-- name: places
-- Where the pieces of a log begin that do so before the unit :end, and how long they are.
select start_unit, units from job_log where job_id = :id and start_unit < :end::bigint order by start_unit;

-- name: replace_with_pack
-- A pack takes the place of the pieces that begin before its end.
with packed as (delete from job_log where job_id = :id and start_unit < :start_unit::bigint + :units::int)
insert into job_log_pack (job_id, start_unit, workspace_id, units, size_bytes, digest)
values (:id, :start_unit, :workspace_id, :units, :size_bytes, :digest);
