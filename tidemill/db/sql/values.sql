-- name: note_object
-- A large value is in the object store from now on; one that was there already counts as new again.
insert into instance_object (digest, size_bytes, stored_bytes, parts)
values (:digest, :size_bytes, :stored_bytes, :parts)
on conflict (digest) do update set touched_at = now(), stored_bytes = excluded.stored_bytes,
  parts = coalesce(excluded.parts, instance_object.parts);

-- name: parts_of_object
-- Where the parts of a large value lie.
select parts from instance_object where digest = :digest;

-- name: unused_objects
-- Up to :limit objects that were last put more than a day ago and that no row names.
select o.digest from instance_object o
where o.touched_at < now() - interval '1 day'
  and not exists (select from job j where j.args_object = o.digest)
  and not exists (select from job_completed c where c.result_object = o.digest)
  and not exists (select from result_cache r where r.result_object = o.digest)
  and not exists (select from flow_items i where i.items_object = o.digest)
  and not exists (select from job_log_pack p where p.digest = o.digest)
order by o.touched_at limit :limit;

-- name: forget_object
-- Remove the note of an object, unless it was put again meanwhile.
delete from instance_object where digest = :digest and touched_at < now() - interval '1 day';

-- name: named_objects
-- Up to :limit digests behind :after that rows name, in order.
select o.digest from instance_object o
where o.digest > :after
  and (exists (select from job j where j.args_object = o.digest)
       or exists (select from job_completed c where c.result_object = o.digest)
       or exists (select from result_cache r where r.result_object = o.digest)
       or exists (select from flow_items i where i.items_object = o.digest)
       or exists (select from job_log_pack p where p.digest = o.digest))
order by o.digest limit :limit;

-- name: adopt_objects
-- Note those objects that were put more than an hour ago and that have no note; they are collected in a day.
insert into instance_object (digest, size_bytes, stored_bytes)
select digest, 0, 0 from unnest(:digests::text[], :times::timestamptz[]) as stored (digest, put_at)
where put_at < now() - interval '1 hour'
on conflict do nothing;
