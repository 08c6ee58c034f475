-- What was done, by whom. `workspace_id` is '' for the instance as a whole.
create table audit (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  workspace_id text not null,
  email text not null,
  username text not null,
  operation text not null,
  action_kind text not null check (action_kind in ('Create', 'Update', 'Delete', 'Execute')),
  resource text,
  parameters jsonb,
  job_id uuid,
  impersonated_by text
);
create index audit_page on audit (workspace_id, id desc);
create index audit_at on audit (at);
call wall_off('audit');

-- Which job or person touched which stored thing; lineage and the space manager read it.
create table storage_access (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  workspace_id text not null,
  job_id uuid,
  actor text not null,
  kind text not null,
  address text not null,
  access text not null check (access in ('read', 'write'))
);
create index storage_access_address on storage_access (workspace_id, kind, address, id desc);
create index storage_access_job on storage_access (job_id) where job_id is not null;
create index storage_access_at on storage_access (at);
call wall_off('storage_access');
