-- Scripts: immutable versions by hash. The one version of a path that is not archived is its head.
create table script (
  workspace_id text not null references workspace on delete cascade,
  hash bigint not null,
  path text not null,
  parent_hashes bigint[] not null default '{}',
  summary text not null default '',
  description text not null default '',
  content text not null,
  language text not null,
  kind text not null default 'script',
  schema json,
  -- null: not resolved yet; '': needs nothing beyond the base environment
  lock text,
  lock_error text,
  lock_job uuid,
  no_main_func boolean not null default false,
  has_preprocessor boolean not null default false,
  tag text,
  on_worker_loss text not null default 'restart' check (on_worker_loss in ('restart', 'fail')),
  -- the other run-time settings of the wire format (timeout, cache_ttl, concurrent_limit, envs, ...), only those given
  options json not null default '{}',
  labels text[] not null default '{}',
  extra_perms jsonb not null default '{}',
  deployment_message text,
  archived boolean not null default false,
  deleted boolean not null default false,
  created_by text not null,
  created_at timestamptz not null default now(),
  primary key (workspace_id, hash)
);
create unique index script_head on script (workspace_id, path) where not archived;
create index script_versions on script (workspace_id, path, created_at desc);
call wall_off('script');
