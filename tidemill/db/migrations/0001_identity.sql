-- Workspaces, accounts, members, groups, folders, tokens: who there is.

-- A table behind the wall shows a transaction the rows of the workspace that it names in `tidemill.workspace`, or all for
-- '*' (workers, chores, sign-in); nothing where it names none. This is the second wall behind `engine/permit.py`, and it
-- holds for the owner of the tables too.
create procedure wall_off(target regclass)
language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy of_workspace on %s using (
       workspace_id = current_setting(''tidemill.workspace'', true)
       or current_setting(''tidemill.workspace'', true) = ''*'')', target);
end $$;

create table workspace (
  id text primary key,
  name text not null,
  owner_email text not null,
  created_at timestamptz not null default now(),
  archived_at timestamptz,
  settings jsonb not null default '{}'
);

create table account (
  email text primary key check (email = lower(email)),
  name text not null default '',
  password_hash text,
  superadmin boolean not null default false,
  disabled boolean not null default false,
  created_at timestamptz not null default now()
);

create table member (
  workspace_id text not null references workspace on delete cascade,
  username text not null,
  email text not null references account on delete cascade on update cascade,
  role text not null check (role in ('admin', 'developer', 'operator')),
  disabled boolean not null default false,
  created_at timestamptz not null default now(),
  primary key (workspace_id, username),
  unique (workspace_id, email)
);
create index member_email on member (email);

-- Names are never given to somebody else: paths, jobs and the audit log know their owner by name only.
create table former_member (
  workspace_id text not null references workspace on delete cascade,
  username text not null,
  email text not null,
  removed_at timestamptz not null default now(),
  primary key (workspace_id, username)
);

create table user_group (
  workspace_id text not null references workspace on delete cascade,
  name text not null,
  summary text not null default '',
  extra_perms jsonb not null default '{}',
  created_at timestamptz not null default now(),
  primary key (workspace_id, name)
);

create table group_member (
  workspace_id text not null,
  group_name text not null,
  username text not null,
  primary key (workspace_id, group_name, username),
  foreign key (workspace_id, group_name) references user_group on delete cascade,
  foreign key (workspace_id, username) references member on delete cascade
);
create index group_member_username on group_member (workspace_id, username);

create table folder (
  workspace_id text not null references workspace on delete cascade,
  name text not null,
  display_name text not null default '',
  summary text not null default '',
  owners text[] not null default '{}',
  extra_perms jsonb not null default '{}',
  labels text[] not null default '{}',
  created_by text not null,
  created_at timestamptz not null default now(),
  edited_at timestamptz not null default now(),
  primary key (workspace_id, name)
);

-- Credentials are kept as SHA-256 of 256 random bits; `prefix` is what lists show of them. Job tokens are not here:
-- they are signed and checked against the running job.
create table token (
  hash bytea primary key,
  prefix text not null,
  kind text not null check (kind in ('personal', 'session')),
  email text not null references account on delete cascade on update cascade,
  workspace_id text references workspace on delete cascade,
  label text not null default '',
  scopes text[],
  read_only boolean not null default false,
  impersonated_by text,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  last_used_at timestamptz
);
create index token_email on token (email, created_at);

-- Tries to sign in, by account and by address, as a bucket that each try fills by one and time empties. `key` is a hash:
-- people type passwords into the wrong field.
create table login_throttle (
  key text primary key,
  level double precision not null,
  at timestamptz not null
);
create index login_throttle_at on login_throttle (at);

create table instance_setting (
  name text primary key,
  value json not null,
  edited_at timestamptz not null default now()
);

-- Take the permission key (`u/ann`, `g/ops`) of somebody who is gone out of every share and folder, so that nobody who
-- gets the name later gets the rights. New tables with `extra_perms` are found by themselves.
create function forget_permission_key(workspace text, key text) returns void
language plpgsql as $$
declare
  shared regclass;
begin
  for shared in
    select c.oid::regclass from pg_class c
    join pg_attribute s on s.attrelid = c.oid and s.attname = 'extra_perms'
    join pg_attribute w on w.attrelid = c.oid and w.attname = 'workspace_id'
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  loop
    execute format('update %s set extra_perms = extra_perms - $2 where workspace_id = $1 and extra_perms ? $2', shared)
      using workspace, key;
  end loop;
  update folder set owners = array_remove(owners, key) where workspace_id = workspace and key = any(owners);
end $$;

call wall_off('member');
call wall_off('former_member');
call wall_off('user_group');
call wall_off('group_member');
call wall_off('folder');
