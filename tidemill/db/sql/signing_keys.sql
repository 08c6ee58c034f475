-- name: newest
-- The key that signs now.
select id, sealed, root_key_id from signing_key order by created_at desc, id limit 1;

-- name: published
-- The public halves of all keys, the newest first.
select jwk from signing_key order by created_at desc, id;

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
