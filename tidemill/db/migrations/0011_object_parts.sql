-- The parts that an object was uploaded in, also of those that came without checksums.
alter table object_checksum
  alter column algorithm drop not null,
  alter column kind drop not null,
  alter column value drop not null,
  add column part_sizes bigint[] not null default '{}',
  add column part_checksums text[] not null default '{}',
  add check ((algorithm is null) = (kind is null) and (algorithm is null) = (value is null));
