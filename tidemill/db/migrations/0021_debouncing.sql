-- Calls that wait for newer ones of the same key, which take their place: one row for each job that waits so.
create table debounce (
  -- the job that came first; the row outlives it
  batch uuid primary key,
  workspace_id text not null,
  key text not null,
  -- the job that waits now: the newest
  job_id uuid not null,
  since timestamptz not null default now(),
  replaced int not null default 0,
  -- whether the next call takes its place
  is_open boolean not null default true
);
create unique index debounce_open on debounce (key) where is_open;
create index debounce_job on debounce (job_id);
call wall_off('debounce');

-- Calls whose place was taken, and whose arguments the job that waits takes along.
create table debounced (
  batch uuid not null references debounce on delete cascade,
  place int not null,
  workspace_id text not null,
  job_id uuid not null,
  primary key (batch, place)
);
create index debounced_job on debounced (job_id);
call wall_off('debounced');
