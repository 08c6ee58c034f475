-- Access keys of members for the S3 endpoint; their secrets are sealed with the key of the workspace. They go with the
-- member.
create table access_key (
  id text primary key,
  workspace_id text not null references workspace on delete cascade,
  email text not null,
  label text not null default '',
  scopes text[],
  read_only boolean not null default false,
  sealed bytea not null,
  key_id int not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  foreign key (workspace_id, email) references member (workspace_id, email) on delete cascade on update cascade
);
create index access_key_owner on access_key (workspace_id, email, created_at);
call wall_off('access_key');

-- Checksums that clients sent for parts of multipart uploads, and of objects for which they came too late to be written
-- beside the bytes: after the last byte. They hold for the ETag that they name.
create table object_part_checksum (
  workspace_id text not null references workspace on delete cascade,
  upload_id uuid not null references object_upload on delete cascade,
  number int not null,
  algorithm text not null,
  value text not null,
  primary key (upload_id, number)
);
call wall_off('object_part_checksum');

create table object_checksum (
  workspace_id text not null references workspace on delete cascade,
  place text not null,
  key text not null,
  etag text not null,
  algorithm text not null,
  kind text not null check (kind in ('COMPOSITE', 'FULL_OBJECT')),
  value text not null,
  primary key (workspace_id, place, key)
);
call wall_off('object_checksum');
