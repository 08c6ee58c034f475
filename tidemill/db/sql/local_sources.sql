-- name: store
-- Keep a source for another day.
insert into local_source (workspace_id, email, hash, content) values (:workspace, :email, :hash, :content)
on conflict (workspace_id, email, hash) do update set stored_at = now();

-- name: bound
-- Remove what :email stored longest ago but for the :keep newest.
delete from local_source where workspace_id = :workspace and email = :email and hash in (
  select hash from local_source where workspace_id = :workspace and email = :email
  order by stored_at desc, hash offset :keep);

-- name: find
-- A source of :email.
select content from local_source where workspace_id = :workspace and email = :email and hash = :hash;

-- name: absent
-- Those of :hashes that :email has not stored.
select hash from unnest(:hashes::text[]) as hash where not exists (
  select from local_source s where s.workspace_id = :workspace and s.email = :email and s.hash = hash.hash);

-- name: deployed
-- What is deployed at :paths, by the hash of its source, with what decides who may read it.
select path, encode(sha256(convert_to(content, 'UTF8')), 'hex') as hash, extra_perms from script
where workspace_id = :workspace and path = any(:paths) and not archived;

-- name: of_root
-- The options of the job that a step belongs to, if that acts for :email too.
select options from job where id = :id and workspace_id = :workspace and email = :email;
