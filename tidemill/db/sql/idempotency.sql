-- name: hold
-- Be the only one to work on a key until the transaction ends; false: the first request with it is still at work.
select pg_try_advisory_xact_lock(hashtextextended(
  concat_ws(E'\n', 'tidemill idempotency', :workspace_id::text, :caller::text, :key::text), 0)) as held;

-- name: find
-- The job that a key was used for, with the digest of the request.
select request_digest, job_id from idempotency_key
where workspace_id = :workspace_id and caller = :caller and key = :key;

-- name: keep
-- A request with a key made a job.
insert into idempotency_key (workspace_id, caller, key, request_digest, job_id, status)
values (:workspace_id, :caller, :key, :request_digest, :job_id, 201);
