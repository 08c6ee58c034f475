-- Schedules, the occurrences that follow from them, and what was changed about them.

-- `settings` is `json`: arguments come back as they were written. It runs as `permissioned_as`, who edited it last.
create table schedule (
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  version bigint not null default nextval('item_version'),
  cron text not null,
  timezone text not null,
  target_kind text not null check (target_kind in ('script', 'flow')),
  target_path text not null,
  enabled boolean not null,
  paused_until timestamptz,
  settings json not null,
  labels text[] not null default '{}',
  extra_perms jsonb not null default '{}',
  permissioned_as text not null,
  email text not null,
  created_by text not null,
  edited_by text not null,
  created_at timestamptz not null default now(),
  edited_at timestamptz not null default now(),
  -- why the last occurrence could not be started, if it could not
  error text,
  -- how many runs failed, and how many have succeeded since
  failures int not null default 0,
  successes int not null default 0,
  primary key (workspace_id, path)
);
create index schedule_of_target on schedule (workspace_id, target_path);
call wall_off('schedule');

-- One row for each moment at which a schedule comes: its next one is `due`, and is inserted by the transaction that starts
-- the one before. `job_id` is of the run; while `asking`, of the script that decides whether to skip it.
create table schedule_occurrence (
  workspace_id text not null,
  path text not null,
  scheduled_for timestamptz not null,
  state text not null check (state in ('due', 'asking', 'running', 'success', 'failure', 'canceled', 'skipped', 'missed')),
  job_id uuid,
  reason text not null default '',
  at timestamptz not null default now(),
  primary key (workspace_id, path, scheduled_for),
  foreign key (workspace_id, path) references schedule on delete cascade
);
create unique index schedule_occurrence_next on schedule_occurrence (workspace_id, path) where state = 'due';
create index schedule_occurrence_due on schedule_occurrence (scheduled_for) where state = 'due';
create index schedule_occurrence_open on schedule_occurrence (job_id) where state in ('asking', 'running');
call wall_off('schedule_occurrence');

-- `changes` is {field: {old, new}}; null for a delete.
create table schedule_history (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  operation text not null check (operation in ('create', 'update', 'delete')),
  changes json,
  actor text not null,
  email text not null,
  job_id uuid
);
create index schedule_history_page on schedule_history (workspace_id, id desc);
call wall_off('schedule_history');
