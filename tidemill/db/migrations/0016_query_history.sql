-- What people ran in the console of the explorer, for themselves alone. Arguments are not kept: they may be secrets.
create table query_history (
  id bigint generated always as identity primary key,
  workspace_id text not null references workspace on delete cascade,
  email text not null,
  resource text not null,
  language text not null,
  content text not null,
  -- only its beginning is kept
  is_cut boolean not null,
  ran_at timestamptz not null default now(),
  duration_ms bigint not null,
  -- of a result that is a list
  result_rows bigint,
  -- why it failed; null where it did not
  error text
);
create index query_history_page on query_history (workspace_id, email, id desc);
create index query_history_age on query_history (ran_at);
call wall_off('query_history');
