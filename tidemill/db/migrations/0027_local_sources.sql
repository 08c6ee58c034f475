-- Sources from somebody's files that are not deployed: what is tried or locked imports them in the place of what is. They
-- are their owner's alone, named by what they hold, and kept for a day.
create table local_source (
  workspace_id text not null references workspace on delete cascade,
  email text not null references account on delete cascade on update cascade,
  -- SHA-256 of the content, hexadecimal
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  content text not null,
  stored_at timestamptz not null default now(),
  primary key (workspace_id, email, hash)
);
create index local_source_age on local_source (stored_at);
create index local_source_email on local_source (email);
call wall_off('local_source');
