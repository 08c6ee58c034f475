-- name: newest
-- The key that signs now.
select id, sealed, root_key_id from signing_key order by created_at desc, id limit 1;

-- name: published
-- The public halves of the keys that tokens may still be signed with, the newest first: a key that another one took the
-- place of is told for :longest_s seconds, as long as a token of it can be good.
select jwk from (
  select jwk, created_at, id, lead(created_at) over (order by created_at, id desc) as replaced_at from signing_key) each_key
where replaced_at is null or replaced_at > now() - make_interval(secs => :longest_s)
order by created_at desc, id;

-- name: standings
-- Every key, the newest first: since when it is there, and until when it is published (null: it signs).
select id, created_at,
  lead(created_at) over (order by created_at, id desc) + make_interval(secs => :longest_s) as published_until
from signing_key order by created_at desc, id;

-- name: forget_ended
-- Forget the keys whose tokens have all ended: those that another one took the place of :longest_s seconds ago.
delete from signing_key where id in (
  select id from (select id, lead(created_at) over (order by created_at, id desc) as replaced_at from signing_key) each_key
  where replaced_at <= now() - make_interval(secs => :longest_s));

-- name: all_of
-- Every key there is.
select id, sealed, root_key_id from signing_key order by id;

-- name: add
-- A new key, which signs from now on.
insert into signing_key (id, sealed, root_key_id, jwk) values (:id, :sealed, :root_key_id, :jwk::json);

-- name: foreign_keys
-- Keys that another root key than :root_key_id seals, locked.
select id, sealed, root_key_id from signing_key where root_key_id <> :root_key_id order by id for update;

-- name: reseal
-- The same key under another root key.
update signing_key set sealed = :sealed, root_key_id = :root_key_id where id = :id;
