-- Public links to objects. The address carries a signature; the row is there so that a link can be taken back, and so that
-- the right of whoever made it is asked again each time. `place` and `key` are those of the object.
create table object_link (
  id uuid primary key,
  workspace_id text not null references workspace on delete cascade,
  place text not null,
  key text not null,
  email text not null,
  actor text not null,
  job_id uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index object_link_page on object_link (workspace_id, id desc);
create index object_link_of_object on object_link (workspace_id, place, key);
create index object_link_expiry on object_link (expires_at);
call wall_off('object_link');
