-- name: note_object
-- A large value is in the object store from now on; one that was there already counts as new again.
insert into instance_object (digest, size_bytes, stored_bytes)
values (:digest, :size_bytes, :stored_bytes)
on conflict (digest) do update set touched_at = now();

-- name: unused_objects
-- Up to :limit objects that were last put more than a day ago and that no row names.
select o.digest from instance_object o
where o.touched_at < now() - interval '1 day'
  and not exists (select from job j where j.args_object = o.digest)
  and not exists (select from job_completed c where c.result_object = o.digest)
  and not exists (select from result_cache r where r.result_object = o.digest)
order by o.touched_at limit :limit;

-- name: forget_object
-- Remove the note of an object, unless it was put again meanwhile.
delete from instance_object where digest = :digest and touched_at < now() - interval '1 day';
