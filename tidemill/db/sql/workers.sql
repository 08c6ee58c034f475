-- name: ping
-- A worker shows that it is there.
insert into worker (name, worker_group, tags, slots, host, version, isolated, draining, jobs_executed, memory_bytes)
values (:name, :worker_group, :tags, :slots, :host, :version, :isolated, :draining, :jobs_executed, :memory_bytes)
on conflict (name) do update set ping_at = now(), draining = excluded.draining,
  jobs_executed = excluded.jobs_executed, memory_bytes = excluded.memory_bytes;

-- name: remove
-- A worker that stopped in good order.
delete from worker where name = :name;

