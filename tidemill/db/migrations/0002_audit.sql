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

-- Which job or person touched which stored thing; lineage and the space manager read it. `version` is that of a variable
-- or resource: the worker masks in a job's output what exactly this version held.
create table storage_access (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  workspace_id text not null,
  job_id uuid,
  actor text not null,
  kind text not null,
  address text not null,
  access text not null check (access in ('read', 'write')),
  version bigint
);
create index storage_access_address on storage_access (workspace_id, kind, address, id desc);
create index storage_access_job on storage_access (job_id, id) where job_id is not null;
create index storage_access_at on storage_access (at);
call wall_off('storage_access');

-- Delete a workspace with all that has its id, so that a later one of the same name starts empty. What was audited is
-- evidence and stays, under a name that no workspace can have. New tables with `workspace_id` are found by themselves.
create function erase_workspace(target text) returns void
language plpgsql as $$
declare
  part regclass;
begin
  delete from workspace where id = target;
  for part in
    select c.oid::regclass from pg_class c
    join pg_attribute w on w.attrelid = c.oid and w.attname = 'workspace_id'
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname <> 'audit'
  loop
    execute format('delete from %s where workspace_id = $1', part) using target;
  end loop;
  update audit set workspace_id = target || '#' || to_char(now() at time zone 'utc', 'YYYYMMDD"T"HH24MISS.US')
  where workspace_id = target;
end $$;
