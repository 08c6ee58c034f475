-- name: keep_part
-- The checksum that a client sent with a part of an upload.
insert into object_part_checksum (workspace_id, upload_id, number, algorithm, value)
values (:workspace, :upload, :number, :algorithm, :value)
on conflict (upload_id, number) do update set algorithm = excluded.algorithm, value = excluded.value;

-- name: parts
-- Checksums of the parts of an upload, by number.
select number, algorithm, value from object_part_checksum
where workspace_id = :workspace and upload_id = :upload order by number;

-- name: keep
-- Checksum and parts of an object as it is with this ETag.
insert into object_checksum (workspace_id, place, key, etag, algorithm, kind, value, part_sizes, part_checksums)
values (:workspace, :place, :key, :etag, :algorithm, :kind, :value, :part_sizes::bigint[], :part_checksums::text[])
on conflict (workspace_id, place, key) do update set
  etag = excluded.etag, algorithm = excluded.algorithm, kind = excluded.kind, value = excluded.value,
  part_sizes = excluded.part_sizes, part_checksums = excluded.part_checksums;

-- name: find
-- The checksum of an object, if it still has this ETag.
select algorithm, kind, value from object_checksum
where workspace_id = :workspace and place = :place and key = :key and etag = :etag and algorithm is not null;

-- name: find_layout
-- The parts of an object, if it still has this ETag and they are known.
select part_sizes as sizes, part_checksums as checksums from object_checksum
where workspace_id = :workspace and place = :place and key = :key and etag = :etag and part_sizes <> '{}';

-- name: forget
-- Objects that are gone have no checksum.
delete from object_checksum where workspace_id = :workspace and place = :place and key = any(:keys);

-- name: page
-- Up to :limit objects with a checksum, behind the one that is named.
select workspace_id, place, key, etag from object_checksum
where (workspace_id, place, key) > (:workspace::text, :place::text, :key::text)
order by workspace_id, place, key limit :limit;

-- name: forget_these
-- These objects are not as they were when their checksums were kept.
delete from object_checksum using unnest(:workspaces::text[], :places::text[], :keys::text[], :etags::text[])
  as stale (workspace_id, place, key, etag)
where object_checksum.workspace_id = stale.workspace_id and object_checksum.place = stale.place
  and object_checksum.key = stale.key and object_checksum.etag = stale.etag;
