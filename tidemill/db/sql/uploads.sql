-- name: create
-- Begin a multipart upload.
insert into object_upload (id, workspace_id, place, key, attributes, backend_upload, started_by, job_id, waits_for)
values (:id, :workspace, :place, :key, :attributes, :backend_upload, :actor, :job, :waits_for);

-- name: find
-- One upload of a key, under way or completed.
select id, key, attributes, backend_upload, started_by, started_at, completed_etag from object_upload
where workspace_id = :workspace and place = :place and key = :key and id = :id;

-- name: page
-- Up to :limit uploads under way below :prefix, behind the key and id, by key and then by id, which is by age.
select id, key, attributes, backend_upload, started_by, started_at, completed_etag from object_upload
where workspace_id = :workspace and place = :place and completed_at is null and starts_with(key, :prefix)
  and key collate "C" >= :prefix
  and (key collate "C", id) > (:after_key, :after_id)
order by key collate "C", id limit :limit;

-- name: put_part
-- Keep what is known of a part; it replaces an earlier one of its number, and needs the upload to be under way.
insert into object_upload_part (workspace_id, upload_id, number, size_bytes, etag, receipt)
select workspace_id, id, :number, :size_bytes, :etag, :receipt from object_upload
where workspace_id = :workspace and id = :id and completed_at is null
on conflict (upload_id, number) do update set
  size_bytes = excluded.size_bytes, etag = excluded.etag, receipt = excluded.receipt, stored_at = now();

-- name: parts
-- Up to :limit parts behind the number :after, by number.
select number, size_bytes, etag, receipt, stored_at from object_upload_part
where workspace_id = :workspace and upload_id = :id and number > :after order by number limit :limit;

-- name: complete
-- Note that the object is there, and forget the parts.
with done as (
  update object_upload set completed_at = now(), completed_etag = :etag
  where workspace_id = :workspace and id = :id returning id)
delete from object_upload_part where upload_id in (select id from done);

-- name: choose
-- Keep the parts that an upload which waits is to be made of.
update object_upload set chosen = :chosen
where workspace_id = :workspace and id = :id and waits_for is not null and completed_at is null;

-- name: waiting
-- What a statement of a job has begun, in the order of its uploads.
select id, place, key, attributes, backend_upload, chosen from object_upload
where workspace_id = :workspace and waits_for = :statement and job_id = :job and completed_at is null order by id;

-- name: delete
-- Forget an upload with its parts.
delete from object_upload where workspace_id = :workspace and id = :id;

-- name: stale
-- Up to :limit uploads under way that got nothing for :age_s seconds, oldest first.
select u.workspace_id, u.place, u.key, u.id, u.backend_upload from object_upload u
where u.completed_at is null and u.started_at < now() - make_interval(secs => :age_s)
  and not exists (select from object_upload_part p
                  where p.upload_id = u.id and p.stored_at >= now() - make_interval(secs => :age_s))
order by u.started_at limit :limit;

-- name: forget_completed
-- Forget what was completed longer than :age_s seconds ago.
delete from object_upload where completed_at < now() - make_interval(secs => :age_s);
