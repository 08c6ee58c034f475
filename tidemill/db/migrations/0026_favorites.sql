-- What people marked for themselves, to find it again. The item may be gone since: then it is not shown.
create table favorite (
  workspace_id text not null references workspace on delete cascade,
  email text not null references account on delete cascade on update cascade,
  kind text not null check (kind in ('script', 'flow', 'resource')),
  path text not null,
  starred_at timestamptz not null default now(),
  primary key (workspace_id, email, kind, path)
);
create index favorite_email on favorite (email);
call wall_off('favorite');
