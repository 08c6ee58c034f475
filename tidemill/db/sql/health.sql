-- name: check
-- The database's time, and how many workers are alive.
select now() as checked_at,
  (select count(*) from worker where ping_at > now() - interval '2 minutes')::int as workers;

-- name: unprotected_tables
-- Tables whose rows all belong to workspaces, and on which row-level security does not bind us as we are now.
select c.relname as name
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'workspace_id' and a.attnotnull
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and not row_security_active(c.oid)
order by 1;
