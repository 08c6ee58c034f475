-- Variables, resources and their types, states (resources of the type `state`), their history, leases.

-- Versions come from one sequence: a deleted and re-created item never gets a version that it had before.
create sequence item_version;

create table workspace_key (
  workspace_id text not null references workspace on delete cascade,
  key_id int not null,
  wrapped bytea not null,
  root_key_id text not null,
  created_at timestamptz not null default now(),
  retired_at timestamptz,
  primary key (workspace_id, key_id)
);
call wall_off('workspace_key');

-- A known text sealed by the root key: shows at start whether the key belongs to this database.
create table instance_canary (
  id boolean primary key default true check (id),
  sealed bytea not null,
  root_key_id text not null
);

create table variable (
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  version bigint not null default nextval('item_version'),
  value text,
  sealed bytea,
  key_id int,
  is_secret boolean not null,
  description text not null default '',
  account bigint,
  is_oauth boolean not null default false,
  expires_at timestamptz,
  extra_perms jsonb not null default '{}',
  labels text[] not null default '{}',
  created_by text not null,
  edited_by text not null,
  created_at timestamptz not null default now(),
  edited_at timestamptz not null default now(),
  primary key (workspace_id, path),
  check (is_secret = (sealed is not null) and is_secret = (key_id is not null) and is_secret = (value is null))
);
call wall_off('variable');

create table resource_type (
  workspace_id text not null references workspace on delete cascade,
  name text not null,
  schema json not null,
  description text not null default '',
  display_name text not null default '',
  format_extension text,
  is_fileset boolean not null default false,
  created_by text not null,
  created_at timestamptz not null default now(),
  edited_at timestamptz not null default now(),
  primary key (workspace_id, name)
);
call wall_off('resource_type');

-- `value` is `json`, not `jsonb`: it comes back as it was written, to the digit.
create table resource (
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  version bigint not null default nextval('item_version'),
  resource_type text not null,
  value json not null,
  description text not null default '',
  is_oauth boolean not null default false,
  extra_perms jsonb not null default '{}',
  labels text[] not null default '{}',
  created_by text not null,
  edited_by text not null,
  created_at timestamptz not null default now(),
  edited_at timestamptz not null default now(),
  primary key (workspace_id, path)
);
create index resource_by_type on resource (workspace_id, resource_type, path);
call wall_off('resource');

-- Each version of a variable, resource or state, written by triggers: who, in which job, when. Secrets stay sealed.
create table history (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  workspace_id text not null,
  kind text not null check (kind in ('variable', 'resource')),
  path text not null,
  version bigint not null,
  operation text not null check (operation in ('create', 'update', 'delete')),
  value json,
  sealed bytea,
  key_id int,
  resource_type text,
  description text not null,
  actor text not null,
  email text not null,
  job_id uuid
);
create index history_item on history (workspace_id, kind, path, id desc);
create index history_sealed on history (workspace_id, key_id) where sealed is not null;
call wall_off('history');

create function record_history() returns trigger
language plpgsql as $$
declare
  item record := case when tg_op = 'DELETE' then old else new end;
  change text := case tg_op when 'INSERT' then 'create' when 'UPDATE' then 'update' else 'delete' end;
  who text := coalesce(nullif(current_setting('tidemill.actor', true), ''), 'system');
  who_email text := coalesce(current_setting('tidemill.email', true), '');
  in_job uuid := nullif(current_setting('tidemill.job', true), '')::uuid;
begin
  if tg_op = 'UPDATE' and new.version = old.version then
    return null;  -- permissions, labels or the sealing key changed, not what is kept
  end if;
  if tg_table_name = 'variable' then
    insert into history (workspace_id, kind, path, version, operation, value, sealed, key_id, description,
                         actor, email, job_id)
    values (item.workspace_id, 'variable', item.path, item.version, change, to_json(item.value), item.sealed,
            item.key_id, item.description, who, who_email, in_job);
  else
    insert into history (workspace_id, kind, path, version, operation, value, resource_type, description,
                         actor, email, job_id)
    values (item.workspace_id, 'resource', item.path, item.version, change, item.value, item.resource_type,
            item.description, who, who_email, in_job);
  end if;
  return null;
end $$;
create trigger variable_history after insert or update or delete on variable
  for each row execute function record_history();
create trigger resource_history after insert or update or delete on resource
  for each row execute function record_history();

-- A lease on a name, with a number that only ever grows: what is written under an older number can be told apart.
create table lease (
  workspace_id text not null references workspace on delete cascade,
  path text not null,
  holder text not null,
  fence bigint not null,
  expires_at timestamptz not null,
  primary key (workspace_id, path)
);
call wall_off('lease');

create table flow_user_state (
  workspace_id text not null references workspace on delete cascade,
  root_job uuid not null,
  key text not null,
  value json not null,
  primary key (workspace_id, root_job, key)
);
call wall_off('flow_user_state');
