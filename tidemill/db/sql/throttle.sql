-- name: take
-- Count one more try of :key, unless its bucket of :size, of which one runs out every :refill_s seconds, is full: no row.
insert into login_throttle as t (key, level, at) values (:key, 1, clock_timestamp())
on conflict (key) do update set at = clock_timestamp(),
  level = greatest(0, t.level - extract(epoch from clock_timestamp() - t.at)::float8 / :refill_s::float8) + 1
where greatest(0, t.level - extract(epoch from clock_timestamp() - t.at)::float8 / :refill_s::float8) <= :size::float8 - 1
returning level;

-- name: wait
-- Seconds until :key may try again.
select ceil((level - :size::float8 + 1) * :refill_s::float8 - extract(epoch from clock_timestamp() - at)::float8)::int
from login_throttle where key = :key;

-- name: forget
-- The owner of :key showed that it is the one: its tries do not count.
delete from login_throttle where key = :key;

-- name: give_back
-- One try of :key was none.
update login_throttle set level = greatest(0, level - 1) where key = :key;
