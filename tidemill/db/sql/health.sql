-- name: check
-- The database's time, and how many workers are alive.
select now() as checked_at,
  (select count(*) from worker where ping_at > now() - interval '2 minutes')::int as workers;
