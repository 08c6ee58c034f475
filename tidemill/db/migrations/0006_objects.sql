-- Storages of a workspace beside or instead of the default one, which is there without a row. Kept by the instance itself
-- (kind `instance`), in a folder of the host (`local`), or where a resource leads. `rules` null stands for the defaults.
create table workspace_storage (
  workspace_id text not null references workspace on delete cascade,
  name text not null,
  kind text not null,
  resource_path text,
  root_path text,
  public_resource boolean not null default false,
  rules json,
  version bigint not null default nextval('item_version'),
  edited_at timestamptz not null default now(),
  edited_by text not null,
  primary key (workspace_id, name),
  check ((resource_path is null) = (kind in ('instance', 'local'))),
  check ((root_path is not null) = (kind = 'local'))
);
create index workspace_storage_resource on workspace_storage (workspace_id, resource_path);
call wall_off('workspace_storage');

-- How much a storage holds, as it was last counted.
create table storage_usage (
  workspace_id text not null references workspace on delete cascade,
  storage text not null,
  size_bytes bigint not null,
  objects bigint not null,
  complete boolean not null,
  computed_at timestamptz not null default now(),
  primary key (workspace_id, storage)
);
call wall_off('storage_usage');

-- Multipart uploads that are under way, and for a day those that were completed, so that a repeated completion gets its
-- answer again. `place` is what the address of the object begins with; the bytes of the parts are in the backend.
create table object_upload (
  id uuid primary key,
  workspace_id text not null references workspace on delete cascade,
  place text not null,
  key text not null,
  attributes json not null,
  backend_upload text not null,
  started_by text not null,
  job_id uuid,
  started_at timestamptz not null default now(),
  completed_at timestamptz,
  completed_etag text
);
create index object_upload_page on object_upload (workspace_id, place, key collate "C", id) where completed_at is null;
create index object_upload_age on object_upload (started_at);
call wall_off('object_upload');

create table object_upload_part (
  workspace_id text not null references workspace on delete cascade,
  upload_id uuid not null references object_upload on delete cascade,
  number int not null,
  size_bytes bigint not null,
  etag text not null,
  receipt text not null,
  stored_at timestamptz not null default now(),
  primary key (upload_id, number)
);
call wall_off('object_upload_part');

-- Objects are among what is touched: with their size, and deleted as well.
alter table storage_access add column size_bytes bigint;
alter table storage_access drop constraint storage_access_access_check;
alter table storage_access add constraint storage_access_access_check
  check (access in ('read', 'write', 'delete')) not valid;
create index storage_access_object on storage_access (workspace_id, address collate "C", id desc)
where kind = 'object';
