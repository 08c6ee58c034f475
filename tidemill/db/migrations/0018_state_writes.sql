-- What steps of flows have written to states, and counts with their end: the one statement that ends a step applies it.
-- One writer at a path; a row whose attempt does not run any more counts for nothing. `expected` is the version that the
-- state must still have (0: none), `version` the one that it gets.
create table state_write (
  workspace_id text not null references workspace (id) on delete cascade,
  path text not null,
  job_id uuid not null,
  attempt int not null,
  expected bigint not null,
  version bigint not null default nextval('item_version'),
  value json not null,
  description text not null default '',
  labels text[] not null default '{}',
  actor text not null,
  username text not null,
  email text not null,
  written_at timestamptz not null default now(),
  primary key (workspace_id, path)
);
create index state_write_job on state_write (job_id);
call wall_off('state_write');

-- Apply what the running job `of_job` has written to the state at `at_path`, or fail with TM001 where somebody else has
-- changed that state since, so that nothing of the calling statement happens.
create function apply_state_write(of_job uuid, of_workspace text, at_path text) returns void language plpgsql as $$
declare
  written state_write;
begin
  delete from state_write where workspace_id = of_workspace and path = at_path and job_id = of_job
  returning * into strict written;
  perform set_config('tidemill.actor', written.actor, true), set_config('tidemill.email', written.email, true),
    set_config('tidemill.job', of_job::text, true);
  if written.expected = 0 then
    insert into resource (workspace_id, path, version, resource_type, value, description, labels, created_by, edited_by)
    values (of_workspace, at_path, written.version, 'state', written.value, written.description, written.labels,
      written.actor, written.actor)
    on conflict do nothing;
  else
    update resource set version = written.version, value = written.value, description = written.description,
      labels = written.labels, edited_by = written.actor, edited_at = now()
    where workspace_id = of_workspace and path = at_path and version = written.expected;
  end if;
  if not found then
    raise exception using errcode = 'TM001', message = at_path;
  end if;
  insert into audit (workspace_id, email, username, operation, action_kind, resource, job_id)
  values (of_workspace, written.email, written.username,
    case written.expected when 0 then 'resources.create' else 'resources.update' end,
    case written.expected when 0 then 'Create' else 'Update' end, at_path, of_job);
  insert into storage_access (workspace_id, job_id, actor, kind, address, access, version)
  values (of_workspace, of_job, written.actor, 'resource', at_path, 'write', written.version);
end $$;
