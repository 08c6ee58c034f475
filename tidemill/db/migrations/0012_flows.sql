-- Flows: immutable versions by number. A flow has a path and the version that runs.
create table flow (
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  version bigint not null,
  archived boolean not null default false,
  extra_perms jsonb not null default '{}',
  created_by text not null,
  created_at timestamptz not null default now(),
  primary key (workspace_id, path)
);
call wall_off('flow');

create table flow_version (
  id bigint generated always as identity primary key,
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  summary text not null default '',
  description text not null default '',
  -- the OpenFlow value as it was sent
  value json not null,
  schema json,
  tag text,
  -- the other settings of the wire format (timeout, visible_to_runner_only, ...), only those given
  options json not null default '{}',
  labels text[] not null default '{}',
  deployment_message text,
  created_by text not null,
  created_at timestamptz not null default now()
);
create index flow_versions on flow_version (workspace_id, path, id desc);
call wall_off('flow_version');

-- How far a level of a flow is: the flow itself, an iteration of a loop, a branch. Each is a job; what runs below it are
-- jobs with it as their parent. Whoever changes the state says which version of it was looked at.
create table flow_run (
  job_id uuid primary key,
  workspace_id text not null,
  version bigint not null default 1,
  state json not null
);
call wall_off('flow_run');

-- What a loop goes through, from when it begins.
create table flow_items (
  job_id uuid not null,
  step text not null,
  workspace_id text not null,
  items json,
  items_object text,
  primary key (job_id, step),
  check (items is null or items_object is null)
);
create index flow_items_object on flow_items (items_object) where items_object is not null;
call wall_off('flow_items');

-- Which iteration or branch of its step a job is.
alter table job add column flow_index int;

-- `waiting`: a flow that has begun, and has nothing to do before one of its steps ends. No worker holds it.
alter table job_queue drop constraint job_queue_state_check;
alter table job_queue add constraint job_queue_state_check check (state in ('queued', 'running', 'waiting'));
