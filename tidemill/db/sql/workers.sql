-- name: ping
-- A worker shows that it is there.
insert into worker (name, worker_group, tags, slots, host, version, isolated, draining, jobs_executed, memory_bytes)
values (:name, :worker_group, :tags, :slots, :host, :version, :isolated, :draining, :jobs_executed, :memory_bytes)
on conflict (name) do update set ping_at = now(), draining = excluded.draining,
  jobs_executed = excluded.jobs_executed, memory_bytes = excluded.memory_bytes;

-- name: remove
-- A worker that stopped in good order.
delete from worker where name = :name;

-- name: page
-- The workers that showed themselves in the last :seen_within_s seconds.
select name, worker_group, tags, slots, host, version, isolated, draining, started_at,
  extract(epoch from now() - ping_at)::float8 as last_ping_s, jobs_executed, memory_bytes
from worker where ping_at > now() - make_interval(secs => :seen_within_s::float8)
order by name limit :limit offset :skip;

-- name: served
-- Those of :tags that a worker serves which is there.
select distinct tag from worker, unnest(tags) as tag
where ping_at > now() - interval '2 minutes' and not draining and tag = any(:tags::text[]);

-- name: waiting
-- How many due jobs wait, by tag.
select tag, count(*)::int as count from job_queue where state = 'queued' and run_at <= now() group by tag order by tag;
