-- Made by `python -m tidemill.db.schema` from the migrations; a test compares. Do not edit.

CREATE FUNCTION public.apply_state_write(of_job uuid, of_workspace text, at_path text) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.erase_workspace(target text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
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
end $_$;

CREATE FUNCTION public.first_id_at(moment timestamp with time zone) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

CREATE FUNCTION public.forget_permission_key(workspace text, key text) RETURNS void
    LANGUAGE plpgsql
    AS $_$
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
end $_$;

CREATE PROCEDURE public.make_month(IN moment timestamp with time zone)
    LANGUAGE plpgsql
    AS $$
declare
  opens timestamptz := date_trunc('month', moment at time zone 'utc') at time zone 'utc';
  closes timestamptz := (date_trunc('month', moment at time zone 'utc') + interval '1 month') at time zone 'utc';
  parent text;
  child text;
begin
  foreach parent in array array['job', 'job_completed', 'job_log', 'job_stream', 'job_attempt'] loop
    child := parent || to_char(opens at time zone 'utc', '"_"YYYYMM');
    if to_regclass(child) is null then
      execute format('create table %I partition of %I for values from (%L) to (%L)',
                     child, parent, first_id_at(opens), first_id_at(closes));
      call wall_off(child::regclass);
    end if;
  end loop;
end $$;

CREATE FUNCTION public.record_history() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.standing(of_email text, in_workspace text) RETURNS TABLE(email text, superadmin boolean, workspace_exists boolean, username text, role text, groups text[], folders json)
    LANGUAGE sql STABLE
    AS $$
  select a.email, a.superadmin, w.id is not null, m.username, m.role, coalesce(g.names, '{}'), coalesce(f.rows, '[]')
  from account a
  left join workspace w on w.id = in_workspace and w.archived_at is null
  left join member m on m.workspace_id = w.id and m.email = a.email and not m.disabled
  left join lateral (
    select array_agg(gm.group_name) as names from group_member gm
    where gm.workspace_id = m.workspace_id and gm.username = m.username) g on true
  left join lateral (
    select json_agg(json_build_object('name', fo.name, 'owners', fo.owners, 'extra_perms', fo.extra_perms)) as rows
    from folder fo where fo.workspace_id = m.workspace_id
      and (fo.owners || array(select jsonb_object_keys(fo.extra_perms)))
          && (array['u/' || m.username, 'g/all'] || array(select 'g/' || unnest(g.names)))) f on true
  where a.email = of_email and not a.disabled
$$;

CREATE PROCEDURE public.wall_off(IN target regclass)
    LANGUAGE plpgsql
    AS $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  execute format(
    'create policy of_workspace on %s using (
       workspace_id = current_setting(''tidemill.workspace'', true)
       or current_setting(''tidemill.workspace'', true) = ''*'')', target);
end $$;

CREATE TABLE public.access_key (
    id text NOT NULL,
    workspace_id text NOT NULL,
    email text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    scopes text[],
    read_only boolean DEFAULT false NOT NULL,
    sealed bytea NOT NULL,
    key_id integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone
);

ALTER TABLE ONLY public.access_key FORCE ROW LEVEL SECURITY;

CREATE TABLE public.account (
    email text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    password_hash text,
    superadmin boolean DEFAULT false NOT NULL,
    disabled boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT account_email_check CHECK ((email = lower(email)))
);

CREATE TABLE public.audit (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    workspace_id text NOT NULL,
    email text NOT NULL,
    username text NOT NULL,
    operation text NOT NULL,
    action_kind text NOT NULL,
    resource text,
    parameters jsonb,
    job_id uuid,
    impersonated_by text,
    CONSTRAINT audit_action_kind_check CHECK ((action_kind = ANY (ARRAY['Create'::text, 'Update'::text, 'Delete'::text, 'Execute'::text])))
);

ALTER TABLE ONLY public.audit FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.concurrency_start (
    key text NOT NULL,
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.debounce (
    batch uuid NOT NULL,
    workspace_id text NOT NULL,
    key text NOT NULL,
    job_id uuid NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    replaced integer DEFAULT 0 NOT NULL,
    is_open boolean DEFAULT true NOT NULL
);

ALTER TABLE ONLY public.debounce FORCE ROW LEVEL SECURITY;

CREATE TABLE public.debounced (
    batch uuid NOT NULL,
    place integer NOT NULL,
    workspace_id text NOT NULL,
    job_id uuid NOT NULL
);

ALTER TABLE ONLY public.debounced FORCE ROW LEVEL SECURITY;

CREATE TABLE public.favorite (
    workspace_id text NOT NULL,
    email text NOT NULL,
    kind text NOT NULL,
    path text NOT NULL,
    starred_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT favorite_kind_check CHECK ((kind = ANY (ARRAY['script'::text, 'flow'::text, 'resource'::text])))
);

ALTER TABLE ONLY public.favorite FORCE ROW LEVEL SECURITY;

CREATE TABLE public.flow (
    workspace_id text NOT NULL,
    path text NOT NULL,
    version bigint NOT NULL,
    archived boolean DEFAULT false NOT NULL,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.flow FORCE ROW LEVEL SECURITY;

CREATE TABLE public.flow_answer (
    job_id uuid NOT NULL,
    resume_id bigint NOT NULL,
    workspace_id text NOT NULL,
    id bigint NOT NULL,
    level_id uuid NOT NULL,
    step text,
    approved boolean NOT NULL,
    payload json,
    approver text NOT NULL,
    email text,
    groups text[] DEFAULT '{}'::text[] NOT NULL,
    answered_at timestamp with time zone DEFAULT now() NOT NULL,
    used_level uuid,
    used_step text
);

ALTER TABLE ONLY public.flow_answer FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flow_answer ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.flow_answer_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.flow_approval (
    level_id uuid NOT NULL,
    workspace_id text NOT NULL,
    source_id uuid NOT NULL,
    step text NOT NULL,
    step_job uuid NOT NULL,
    required integer NOT NULL,
    groups text[],
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    asks json
);

ALTER TABLE ONLY public.flow_approval FORCE ROW LEVEL SECURITY;

CREATE TABLE public.flow_items (
    job_id uuid NOT NULL,
    step text NOT NULL,
    workspace_id text NOT NULL,
    items json,
    items_object text,
    CONSTRAINT flow_items_check CHECK (((items IS NULL) OR (items_object IS NULL)))
);

ALTER TABLE ONLY public.flow_items FORCE ROW LEVEL SECURITY;

CREATE TABLE public.flow_run (
    job_id uuid NOT NULL,
    workspace_id text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    state json NOT NULL
);

ALTER TABLE ONLY public.flow_run FORCE ROW LEVEL SECURITY;

CREATE TABLE public.flow_user_state (
    workspace_id text NOT NULL,
    root_job uuid NOT NULL,
    key text NOT NULL,
    value json NOT NULL
);

ALTER TABLE ONLY public.flow_user_state FORCE ROW LEVEL SECURITY;

CREATE TABLE public.flow_version (
    id bigint NOT NULL,
    workspace_id text NOT NULL,
    path text NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    value json NOT NULL,
    schema json,
    tag text,
    options json DEFAULT '{}'::json NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    deployment_message text,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    lock_job uuid
);

ALTER TABLE ONLY public.flow_version FORCE ROW LEVEL SECURITY;

ALTER TABLE public.flow_version ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.flow_version_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.folder (
    workspace_id text NOT NULL,
    name text NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    owners text[] DEFAULT '{}'::text[] NOT NULL,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.folder FORCE ROW LEVEL SECURITY;

CREATE TABLE public.former_member (
    workspace_id text NOT NULL,
    username text NOT NULL,
    email text NOT NULL,
    removed_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.former_member FORCE ROW LEVEL SECURITY;

CREATE TABLE public.group_member (
    workspace_id text NOT NULL,
    group_name text NOT NULL,
    username text NOT NULL
);

ALTER TABLE ONLY public.group_member FORCE ROW LEVEL SECURITY;

CREATE TABLE public.history (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    workspace_id text NOT NULL,
    kind text NOT NULL,
    path text NOT NULL,
    version bigint NOT NULL,
    operation text NOT NULL,
    value json,
    sealed bytea,
    key_id integer,
    resource_type text,
    description text NOT NULL,
    actor text NOT NULL,
    email text NOT NULL,
    job_id uuid,
    CONSTRAINT history_kind_check CHECK ((kind = ANY (ARRAY['variable'::text, 'resource'::text]))),
    CONSTRAINT history_operation_check CHECK ((operation = ANY (ARRAY['create'::text, 'update'::text, 'delete'::text])))
);

ALTER TABLE ONLY public.history FORCE ROW LEVEL SECURITY;

ALTER TABLE public.history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.idempotency_key (
    workspace_id text NOT NULL,
    caller text NOT NULL,
    key text NOT NULL,
    request_digest bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    status integer,
    content_type text,
    body bytea,
    job_id uuid
);

ALTER TABLE ONLY public.idempotency_key FORCE ROW LEVEL SECURITY;

CREATE TABLE public.instance_canary (
    id boolean DEFAULT true NOT NULL,
    sealed bytea NOT NULL,
    root_key_id text NOT NULL,
    CONSTRAINT instance_canary_id_check CHECK (id)
);

CREATE TABLE public.instance_object (
    digest text NOT NULL,
    size_bytes bigint NOT NULL,
    stored_bytes bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    touched_at timestamp with time zone DEFAULT now() NOT NULL,
    parts bytea
);

CREATE TABLE public.instance_setting (
    name text NOT NULL,
    value json NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE SEQUENCE public.item_version
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.job (
    id uuid NOT NULL,
    workspace_id text NOT NULL,
    kind text NOT NULL,
    script_hash bigint,
    script_path text,
    language text,
    content text,
    lock text,
    args json,
    args_object text,
    created_by text NOT NULL,
    permissioned_as text NOT NULL,
    email text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    tag text NOT NULL,
    parent_job uuid,
    root_job uuid,
    flow_step_id text,
    schedule_path text,
    timeout_s integer,
    cache_ttl_s integer,
    retry json,
    on_worker_loss text DEFAULT 'restart'::text NOT NULL,
    options json DEFAULT '{}'::json NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    visible_to_owner boolean DEFAULT true NOT NULL,
    flow_index integer,
    CONSTRAINT job_check CHECK (((args IS NULL) OR (args_object IS NULL))),
    CONSTRAINT job_on_worker_loss_check CHECK ((on_worker_loss = ANY (ARRAY['restart'::text, 'fail'::text])))
)
PARTITION BY RANGE (id);

ALTER TABLE ONLY public.job FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_attempt (
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    workspace_id text NOT NULL,
    worker text,
    started_at timestamp with time zone,
    ended_at timestamp with time zone DEFAULT now() NOT NULL,
    end_reason text NOT NULL,
    error json
)
PARTITION BY RANGE (job_id);

ALTER TABLE ONLY public.job_attempt FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_attempt_default (
    job_id uuid CONSTRAINT job_attempt_job_id_not_null NOT NULL,
    attempt integer CONSTRAINT job_attempt_attempt_not_null NOT NULL,
    workspace_id text CONSTRAINT job_attempt_workspace_id_not_null NOT NULL,
    worker text,
    started_at timestamp with time zone,
    ended_at timestamp with time zone DEFAULT now() CONSTRAINT job_attempt_ended_at_not_null NOT NULL,
    end_reason text CONSTRAINT job_attempt_end_reason_not_null NOT NULL,
    error json
);

ALTER TABLE ONLY public.job_attempt_default FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_completed (
    id uuid NOT NULL,
    workspace_id text NOT NULL,
    status text NOT NULL,
    result json,
    result_object text,
    started_at timestamp with time zone,
    completed_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_ms bigint NOT NULL,
    attempt integer NOT NULL,
    retries integer DEFAULT 0 NOT NULL,
    worker text,
    memory_peak_bytes bigint,
    end_reason text,
    canceled_by text,
    cancel_reason text,
    progress smallint,
    CONSTRAINT job_completed_check CHECK (((result IS NULL) OR (result_object IS NULL))),
    CONSTRAINT job_completed_status_check CHECK ((status = ANY (ARRAY['success'::text, 'failure'::text, 'canceled'::text, 'skipped'::text])))
)
PARTITION BY RANGE (id);

ALTER TABLE ONLY public.job_completed FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_completed_default (
    id uuid CONSTRAINT job_completed_id_not_null NOT NULL,
    workspace_id text CONSTRAINT job_completed_workspace_id_not_null NOT NULL,
    status text CONSTRAINT job_completed_status_not_null NOT NULL,
    result json,
    result_object text,
    started_at timestamp with time zone,
    completed_at timestamp with time zone DEFAULT now() CONSTRAINT job_completed_completed_at_not_null NOT NULL,
    duration_ms bigint CONSTRAINT job_completed_duration_ms_not_null NOT NULL,
    attempt integer CONSTRAINT job_completed_attempt_not_null NOT NULL,
    retries integer DEFAULT 0 CONSTRAINT job_completed_retries_not_null NOT NULL,
    worker text,
    memory_peak_bytes bigint,
    end_reason text,
    canceled_by text,
    cancel_reason text,
    progress smallint,
    CONSTRAINT job_completed_check CHECK (((result IS NULL) OR (result_object IS NULL))),
    CONSTRAINT job_completed_status_check CHECK ((status = ANY (ARRAY['success'::text, 'failure'::text, 'canceled'::text, 'skipped'::text])))
);

ALTER TABLE ONLY public.job_completed_default FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_default (
    id uuid CONSTRAINT job_id_not_null NOT NULL,
    workspace_id text CONSTRAINT job_workspace_id_not_null NOT NULL,
    kind text CONSTRAINT job_kind_not_null NOT NULL,
    script_hash bigint,
    script_path text,
    language text,
    content text,
    lock text,
    args json,
    args_object text,
    created_by text CONSTRAINT job_created_by_not_null NOT NULL,
    permissioned_as text CONSTRAINT job_permissioned_as_not_null NOT NULL,
    email text CONSTRAINT job_email_not_null NOT NULL,
    created_at timestamp with time zone DEFAULT now() CONSTRAINT job_created_at_not_null NOT NULL,
    tag text CONSTRAINT job_tag_not_null NOT NULL,
    parent_job uuid,
    root_job uuid,
    flow_step_id text,
    schedule_path text,
    timeout_s integer,
    cache_ttl_s integer,
    retry json,
    on_worker_loss text DEFAULT 'restart'::text CONSTRAINT job_on_worker_loss_not_null NOT NULL,
    options json DEFAULT '{}'::json CONSTRAINT job_options_not_null NOT NULL,
    labels text[] DEFAULT '{}'::text[] CONSTRAINT job_labels_not_null NOT NULL,
    visible_to_owner boolean DEFAULT true CONSTRAINT job_visible_to_owner_not_null NOT NULL,
    flow_index integer,
    CONSTRAINT job_check CHECK (((args IS NULL) OR (args_object IS NULL))),
    CONSTRAINT job_on_worker_loss_check CHECK ((on_worker_loss = ANY (ARRAY['restart'::text, 'fail'::text])))
);

ALTER TABLE ONLY public.job_default FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_log (
    job_id uuid NOT NULL,
    start_unit bigint NOT NULL,
    workspace_id text NOT NULL,
    units integer NOT NULL,
    attempt integer NOT NULL,
    text text NOT NULL
)
PARTITION BY RANGE (job_id);

ALTER TABLE ONLY public.job_log FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_log_default (
    job_id uuid CONSTRAINT job_log_job_id_not_null NOT NULL,
    start_unit bigint CONSTRAINT job_log_start_unit_not_null NOT NULL,
    workspace_id text CONSTRAINT job_log_workspace_id_not_null NOT NULL,
    units integer CONSTRAINT job_log_units_not_null NOT NULL,
    attempt integer CONSTRAINT job_log_attempt_not_null NOT NULL,
    text text CONSTRAINT job_log_text_not_null NOT NULL
);

ALTER TABLE ONLY public.job_log_default FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_log_pack (
    job_id uuid NOT NULL,
    start_unit bigint NOT NULL,
    workspace_id text NOT NULL,
    units integer NOT NULL,
    size_bytes integer NOT NULL,
    digest text NOT NULL,
    packed_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.job_log_pack FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_queue (
    id uuid NOT NULL,
    workspace_id text NOT NULL,
    tag text NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    run_at timestamp with time zone NOT NULL,
    state text DEFAULT 'queued'::text NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    retries integer DEFAULT 0 NOT NULL,
    worker text,
    started_at timestamp with time zone,
    heartbeat_at timestamp with time zone,
    concurrency_key text,
    concurrency_limit integer,
    concurrency_window_s integer,
    progress smallint,
    memory_peak_bytes bigint,
    canceled_by text,
    cancel_reason text,
    cancel_forced boolean DEFAULT false NOT NULL,
    CONSTRAINT job_queue_check CHECK ((((state = 'running'::text) = (worker IS NOT NULL)) AND ((state = 'running'::text) = (heartbeat_at IS NOT NULL)))),
    CONSTRAINT job_queue_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'waiting'::text])))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_threshold='200');

ALTER TABLE ONLY public.job_queue FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_stream (
    job_id uuid NOT NULL,
    start_unit bigint NOT NULL,
    workspace_id text NOT NULL,
    units integer NOT NULL,
    attempt integer NOT NULL,
    text text NOT NULL
)
PARTITION BY RANGE (job_id);

ALTER TABLE ONLY public.job_stream FORCE ROW LEVEL SECURITY;

CREATE TABLE public.job_stream_default (
    job_id uuid CONSTRAINT job_stream_job_id_not_null NOT NULL,
    start_unit bigint CONSTRAINT job_stream_start_unit_not_null NOT NULL,
    workspace_id text CONSTRAINT job_stream_workspace_id_not_null NOT NULL,
    units integer CONSTRAINT job_stream_units_not_null NOT NULL,
    attempt integer CONSTRAINT job_stream_attempt_not_null NOT NULL,
    text text CONSTRAINT job_stream_text_not_null NOT NULL
);

ALTER TABLE ONLY public.job_stream_default FORCE ROW LEVEL SECURITY;

CREATE TABLE public.lease (
    workspace_id text NOT NULL,
    path text NOT NULL,
    holder text NOT NULL,
    fence bigint NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.lease FORCE ROW LEVEL SECURITY;

CREATE TABLE public.local_source (
    workspace_id text NOT NULL,
    email text NOT NULL,
    hash text NOT NULL,
    content text NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT local_source_hash_check CHECK ((hash ~ '^[0-9a-f]{64}$'::text))
);

ALTER TABLE ONLY public.local_source FORCE ROW LEVEL SECURITY;

CREATE TABLE public.login_throttle (
    key text NOT NULL,
    level double precision NOT NULL,
    at timestamp with time zone NOT NULL
);

CREATE TABLE public.member (
    workspace_id text NOT NULL,
    username text NOT NULL,
    email text NOT NULL,
    role text NOT NULL,
    disabled boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT member_role_check CHECK ((role = ANY (ARRAY['admin'::text, 'developer'::text, 'operator'::text])))
);

ALTER TABLE ONLY public.member FORCE ROW LEVEL SECURITY;

CREATE TABLE public.object_checksum (
    workspace_id text NOT NULL,
    place text NOT NULL,
    key text NOT NULL,
    etag text NOT NULL,
    algorithm text,
    kind text,
    value text,
    part_sizes bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    part_checksums text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT object_checksum_check CHECK ((((algorithm IS NULL) = (kind IS NULL)) AND ((algorithm IS NULL) = (value IS NULL)))),
    CONSTRAINT object_checksum_kind_check CHECK ((kind = ANY (ARRAY['COMPOSITE'::text, 'FULL_OBJECT'::text])))
);

ALTER TABLE ONLY public.object_checksum FORCE ROW LEVEL SECURITY;

CREATE TABLE public.object_link (
    id uuid NOT NULL,
    workspace_id text NOT NULL,
    place text NOT NULL,
    key text NOT NULL,
    email text NOT NULL,
    actor text NOT NULL,
    job_id uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone
);

ALTER TABLE ONLY public.object_link FORCE ROW LEVEL SECURITY;

CREATE TABLE public.object_part_checksum (
    workspace_id text NOT NULL,
    upload_id uuid NOT NULL,
    number integer NOT NULL,
    algorithm text NOT NULL,
    value text NOT NULL
);

ALTER TABLE ONLY public.object_part_checksum FORCE ROW LEVEL SECURITY;

CREATE TABLE public.object_upload (
    id uuid NOT NULL,
    workspace_id text NOT NULL,
    place text NOT NULL,
    key text NOT NULL,
    attributes json NOT NULL,
    backend_upload text NOT NULL,
    started_by text NOT NULL,
    job_id uuid,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    completed_at timestamp with time zone,
    completed_etag text,
    waits_for uuid,
    chosen json
);

ALTER TABLE ONLY public.object_upload FORCE ROW LEVEL SECURITY;

CREATE TABLE public.object_upload_part (
    workspace_id text NOT NULL,
    upload_id uuid NOT NULL,
    number integer NOT NULL,
    size_bytes bigint NOT NULL,
    etag text NOT NULL,
    receipt text NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.object_upload_part FORCE ROW LEVEL SECURITY;

CREATE TABLE public.query_history (
    id bigint NOT NULL,
    workspace_id text NOT NULL,
    email text NOT NULL,
    resource text NOT NULL,
    language text NOT NULL,
    content text NOT NULL,
    is_cut boolean NOT NULL,
    ran_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_ms bigint NOT NULL,
    result_rows bigint,
    error text
);

ALTER TABLE ONLY public.query_history FORCE ROW LEVEL SECURITY;

ALTER TABLE public.query_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.query_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.resource (
    workspace_id text NOT NULL,
    path text NOT NULL,
    version bigint DEFAULT nextval('public.item_version'::regclass) NOT NULL,
    resource_type text NOT NULL,
    value json NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    is_oauth boolean DEFAULT false NOT NULL,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    created_by text NOT NULL,
    edited_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.resource FORCE ROW LEVEL SECURITY;

CREATE TABLE public.resource_type (
    workspace_id text NOT NULL,
    name text NOT NULL,
    schema json NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    display_name text DEFAULT ''::text NOT NULL,
    format_extension text,
    is_fileset boolean DEFAULT false NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.resource_type FORCE ROW LEVEL SECURITY;

CREATE TABLE public.result_cache (
    workspace_id text NOT NULL,
    key bytea NOT NULL,
    result json,
    result_object text,
    expires_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.result_cache FORCE ROW LEVEL SECURITY;

CREATE TABLE public.schedule (
    workspace_id text NOT NULL,
    path text NOT NULL,
    version bigint DEFAULT nextval('public.item_version'::regclass) NOT NULL,
    cron text NOT NULL,
    timezone text NOT NULL,
    target_kind text NOT NULL,
    target_path text NOT NULL,
    enabled boolean NOT NULL,
    paused_until timestamp with time zone,
    settings json NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    permissioned_as text NOT NULL,
    email text NOT NULL,
    created_by text NOT NULL,
    edited_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL,
    error text,
    failures integer DEFAULT 0 NOT NULL,
    successes integer DEFAULT 0 NOT NULL,
    CONSTRAINT schedule_target_kind_check CHECK ((target_kind = ANY (ARRAY['script'::text, 'flow'::text])))
);

ALTER TABLE ONLY public.schedule FORCE ROW LEVEL SECURITY;

CREATE TABLE public.schedule_history (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    workspace_id text NOT NULL,
    path text NOT NULL,
    operation text NOT NULL,
    changes json,
    actor text NOT NULL,
    email text NOT NULL,
    job_id uuid,
    CONSTRAINT schedule_history_operation_check CHECK ((operation = ANY (ARRAY['create'::text, 'update'::text, 'delete'::text])))
);

ALTER TABLE ONLY public.schedule_history FORCE ROW LEVEL SECURITY;

ALTER TABLE public.schedule_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.schedule_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schedule_occurrence (
    workspace_id text NOT NULL,
    path text NOT NULL,
    scheduled_for timestamp with time zone NOT NULL,
    state text NOT NULL,
    job_id uuid,
    reason text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schedule_occurrence_state_check CHECK ((state = ANY (ARRAY['due'::text, 'asking'::text, 'running'::text, 'success'::text, 'failure'::text, 'canceled'::text, 'skipped'::text, 'missed'::text])))
);

ALTER TABLE ONLY public.schedule_occurrence FORCE ROW LEVEL SECURITY;

CREATE TABLE public.script (
    workspace_id text NOT NULL,
    hash bigint NOT NULL,
    path text NOT NULL,
    parent_hashes bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    content text NOT NULL,
    language text NOT NULL,
    kind text DEFAULT 'script'::text NOT NULL,
    schema json,
    lock text,
    lock_error text,
    lock_job uuid,
    no_main_func boolean DEFAULT false NOT NULL,
    has_preprocessor boolean DEFAULT false NOT NULL,
    tag text,
    on_worker_loss text DEFAULT 'restart'::text NOT NULL,
    options json DEFAULT '{}'::json NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    deployment_message text,
    archived boolean DEFAULT false NOT NULL,
    deleted boolean DEFAULT false NOT NULL,
    created_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT script_on_worker_loss_check CHECK ((on_worker_loss = ANY (ARRAY['restart'::text, 'fail'::text])))
);

ALTER TABLE ONLY public.script FORCE ROW LEVEL SECURITY;

CREATE TABLE public.signing_key (
    id text NOT NULL,
    sealed bytea NOT NULL,
    root_key_id text NOT NULL,
    jwk json NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.state_write (
    workspace_id text NOT NULL,
    path text NOT NULL,
    job_id uuid NOT NULL,
    attempt integer NOT NULL,
    expected bigint NOT NULL,
    version bigint DEFAULT nextval('public.item_version'::regclass) NOT NULL,
    value json NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    actor text NOT NULL,
    username text NOT NULL,
    email text NOT NULL,
    written_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.state_write FORCE ROW LEVEL SECURITY;

CREATE TABLE public.storage_access (
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    workspace_id text NOT NULL,
    job_id uuid,
    actor text NOT NULL,
    kind text NOT NULL,
    address text NOT NULL,
    access text NOT NULL,
    version bigint,
    size_bytes bigint
);

ALTER TABLE ONLY public.storage_access FORCE ROW LEVEL SECURITY;

ALTER TABLE public.storage_access ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.storage_access_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.storage_usage (
    workspace_id text NOT NULL,
    storage text NOT NULL,
    size_bytes bigint NOT NULL,
    objects bigint NOT NULL,
    complete boolean NOT NULL,
    computed_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.storage_usage FORCE ROW LEVEL SECURITY;

CREATE TABLE public.token (
    hash bytea NOT NULL,
    prefix text NOT NULL,
    kind text NOT NULL,
    email text NOT NULL,
    workspace_id text,
    label text DEFAULT ''::text NOT NULL,
    scopes text[],
    read_only boolean DEFAULT false NOT NULL,
    impersonated_by text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT token_kind_check CHECK ((kind = ANY (ARRAY['personal'::text, 'session'::text])))
);

CREATE TABLE public.user_group (
    workspace_id text NOT NULL,
    name text NOT NULL,
    summary text DEFAULT ''::text NOT NULL,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.user_group FORCE ROW LEVEL SECURITY;

CREATE TABLE public.variable (
    workspace_id text NOT NULL,
    path text NOT NULL,
    version bigint DEFAULT nextval('public.item_version'::regclass) NOT NULL,
    value text,
    sealed bytea,
    key_id integer,
    is_secret boolean NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    account bigint,
    is_oauth boolean DEFAULT false NOT NULL,
    expires_at timestamp with time zone,
    extra_perms jsonb DEFAULT '{}'::jsonb NOT NULL,
    labels text[] DEFAULT '{}'::text[] NOT NULL,
    created_by text NOT NULL,
    edited_by text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT variable_check CHECK (((is_secret = (sealed IS NOT NULL)) AND (is_secret = (key_id IS NOT NULL)) AND (is_secret = (value IS NULL))))
);

ALTER TABLE ONLY public.variable FORCE ROW LEVEL SECURITY;

CREATE TABLE public.worker (
    name text NOT NULL,
    worker_group text NOT NULL,
    tags text[] NOT NULL,
    slots integer NOT NULL,
    host text NOT NULL,
    version text NOT NULL,
    isolated boolean NOT NULL,
    draining boolean DEFAULT false NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    ping_at timestamp with time zone DEFAULT now() NOT NULL,
    jobs_executed bigint DEFAULT 0 NOT NULL,
    memory_bytes bigint
);

CREATE TABLE public.workflow_step (
    job_id uuid NOT NULL,
    key text NOT NULL,
    workspace_id text NOT NULL,
    kind text NOT NULL,
    child uuid,
    round integer,
    sealed bytea,
    key_id integer,
    value json,
    until timestamp with time zone,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_ms bigint,
    CONSTRAINT workflow_step_check CHECK (((sealed IS NULL) = (key_id IS NULL))),
    CONSTRAINT workflow_step_kind_check CHECK ((kind = ANY (ARRAY['step'::text, 'task'::text, 'sleep'::text, 'approval'::text])))
);

ALTER TABLE ONLY public.workflow_step FORCE ROW LEVEL SECURITY;

CREATE TABLE public.workspace (
    id text NOT NULL,
    name text NOT NULL,
    owner_email text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    archived_at timestamp with time zone,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL
);

CREATE TABLE public.workspace_key (
    workspace_id text NOT NULL,
    key_id integer NOT NULL,
    wrapped bytea NOT NULL,
    root_key_id text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone
);

ALTER TABLE ONLY public.workspace_key FORCE ROW LEVEL SECURITY;

CREATE TABLE public.workspace_storage (
    workspace_id text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    resource_path text,
    root_path text,
    public_resource boolean DEFAULT false NOT NULL,
    rules json,
    version bigint DEFAULT nextval('public.item_version'::regclass) NOT NULL,
    edited_at timestamp with time zone DEFAULT now() NOT NULL,
    edited_by text NOT NULL,
    CONSTRAINT workspace_storage_check CHECK (((resource_path IS NULL) = (kind = ANY (ARRAY['instance'::text, 'local'::text])))),
    CONSTRAINT workspace_storage_check1 CHECK (((root_path IS NOT NULL) = (kind = 'local'::text)))
);

ALTER TABLE ONLY public.workspace_storage FORCE ROW LEVEL SECURITY;

ALTER TABLE ONLY public.job_attempt ATTACH PARTITION public.job_attempt_default DEFAULT;

ALTER TABLE ONLY public.job_completed ATTACH PARTITION public.job_completed_default DEFAULT;

ALTER TABLE ONLY public.job ATTACH PARTITION public.job_default DEFAULT;

ALTER TABLE ONLY public.job_log ATTACH PARTITION public.job_log_default DEFAULT;

ALTER TABLE ONLY public.job_stream ATTACH PARTITION public.job_stream_default DEFAULT;

ALTER TABLE ONLY public.access_key
    ADD CONSTRAINT access_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (email);

ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.concurrency_start
    ADD CONSTRAINT concurrency_start_pkey PRIMARY KEY (key, job_id, attempt);

ALTER TABLE ONLY public.debounce
    ADD CONSTRAINT debounce_pkey PRIMARY KEY (batch);

ALTER TABLE ONLY public.debounced
    ADD CONSTRAINT debounced_pkey PRIMARY KEY (batch, place);

ALTER TABLE ONLY public.favorite
    ADD CONSTRAINT favorite_pkey PRIMARY KEY (workspace_id, email, kind, path);

ALTER TABLE ONLY public.flow_answer
    ADD CONSTRAINT flow_answer_id_key UNIQUE (id);

ALTER TABLE ONLY public.flow_answer
    ADD CONSTRAINT flow_answer_pkey PRIMARY KEY (job_id, resume_id);

ALTER TABLE ONLY public.flow_approval
    ADD CONSTRAINT flow_approval_pkey PRIMARY KEY (level_id);

ALTER TABLE ONLY public.flow_items
    ADD CONSTRAINT flow_items_pkey PRIMARY KEY (job_id, step);

ALTER TABLE ONLY public.flow
    ADD CONSTRAINT flow_pkey PRIMARY KEY (workspace_id, path);

ALTER TABLE ONLY public.flow_run
    ADD CONSTRAINT flow_run_pkey PRIMARY KEY (job_id);

ALTER TABLE ONLY public.flow_user_state
    ADD CONSTRAINT flow_user_state_pkey PRIMARY KEY (workspace_id, root_job, key);

ALTER TABLE ONLY public.flow_version
    ADD CONSTRAINT flow_version_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.folder
    ADD CONSTRAINT folder_pkey PRIMARY KEY (workspace_id, name);

ALTER TABLE ONLY public.former_member
    ADD CONSTRAINT former_member_pkey PRIMARY KEY (workspace_id, username);

ALTER TABLE ONLY public.group_member
    ADD CONSTRAINT group_member_pkey PRIMARY KEY (workspace_id, group_name, username);

ALTER TABLE ONLY public.history
    ADD CONSTRAINT history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.idempotency_key
    ADD CONSTRAINT idempotency_key_pkey PRIMARY KEY (workspace_id, caller, key);

ALTER TABLE ONLY public.instance_canary
    ADD CONSTRAINT instance_canary_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.instance_object
    ADD CONSTRAINT instance_object_pkey PRIMARY KEY (digest);

ALTER TABLE ONLY public.instance_setting
    ADD CONSTRAINT instance_setting_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.job_attempt
    ADD CONSTRAINT job_attempt_pkey PRIMARY KEY (job_id, attempt);

ALTER TABLE ONLY public.job_attempt_default
    ADD CONSTRAINT job_attempt_default_pkey PRIMARY KEY (job_id, attempt);

ALTER TABLE ONLY public.job_completed
    ADD CONSTRAINT job_completed_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job_completed_default
    ADD CONSTRAINT job_completed_default_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job_default
    ADD CONSTRAINT job_default_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job_log
    ADD CONSTRAINT job_log_pkey PRIMARY KEY (job_id, start_unit);

ALTER TABLE ONLY public.job_log_default
    ADD CONSTRAINT job_log_default_pkey PRIMARY KEY (job_id, start_unit);

ALTER TABLE ONLY public.job_log_pack
    ADD CONSTRAINT job_log_pack_pkey PRIMARY KEY (job_id, start_unit);

ALTER TABLE ONLY public.job_queue
    ADD CONSTRAINT job_queue_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.job_stream
    ADD CONSTRAINT job_stream_pkey PRIMARY KEY (job_id, start_unit);

ALTER TABLE ONLY public.job_stream_default
    ADD CONSTRAINT job_stream_default_pkey PRIMARY KEY (job_id, start_unit);

ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_pkey PRIMARY KEY (workspace_id, path);

ALTER TABLE ONLY public.local_source
    ADD CONSTRAINT local_source_pkey PRIMARY KEY (workspace_id, email, hash);

ALTER TABLE ONLY public.login_throttle
    ADD CONSTRAINT login_throttle_pkey PRIMARY KEY (key);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_pkey PRIMARY KEY (workspace_id, username);

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_workspace_id_email_key UNIQUE (workspace_id, email);

ALTER TABLE ONLY public.object_checksum
    ADD CONSTRAINT object_checksum_pkey PRIMARY KEY (workspace_id, place, key);

ALTER TABLE ONLY public.object_link
    ADD CONSTRAINT object_link_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.object_part_checksum
    ADD CONSTRAINT object_part_checksum_pkey PRIMARY KEY (upload_id, number);

ALTER TABLE ONLY public.object_upload_part
    ADD CONSTRAINT object_upload_part_pkey PRIMARY KEY (upload_id, number);

ALTER TABLE ONLY public.object_upload
    ADD CONSTRAINT object_upload_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.query_history
    ADD CONSTRAINT query_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_pkey PRIMARY KEY (workspace_id, path);

ALTER TABLE ONLY public.resource_type
    ADD CONSTRAINT resource_type_pkey PRIMARY KEY (workspace_id, name);

ALTER TABLE ONLY public.result_cache
    ADD CONSTRAINT result_cache_pkey PRIMARY KEY (workspace_id, key);

ALTER TABLE ONLY public.schedule_history
    ADD CONSTRAINT schedule_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schedule_occurrence
    ADD CONSTRAINT schedule_occurrence_pkey PRIMARY KEY (workspace_id, path, scheduled_for);

ALTER TABLE ONLY public.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (workspace_id, path);

ALTER TABLE ONLY public.script
    ADD CONSTRAINT script_pkey PRIMARY KEY (workspace_id, hash);

ALTER TABLE ONLY public.signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.state_write
    ADD CONSTRAINT state_write_pkey PRIMARY KEY (workspace_id, path);

ALTER TABLE public.storage_access
    ADD CONSTRAINT storage_access_access_check CHECK ((access = ANY (ARRAY['read'::text, 'write'::text, 'delete'::text]))) NOT VALID;

ALTER TABLE ONLY public.storage_access
    ADD CONSTRAINT storage_access_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.storage_usage
    ADD CONSTRAINT storage_usage_pkey PRIMARY KEY (workspace_id, storage);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.user_group
    ADD CONSTRAINT user_group_pkey PRIMARY KEY (workspace_id, name);

ALTER TABLE ONLY public.variable
    ADD CONSTRAINT variable_pkey PRIMARY KEY (workspace_id, path);

ALTER TABLE ONLY public.worker
    ADD CONSTRAINT worker_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.workflow_step
    ADD CONSTRAINT workflow_step_pkey PRIMARY KEY (job_id, key);

ALTER TABLE ONLY public.workspace_key
    ADD CONSTRAINT workspace_key_pkey PRIMARY KEY (workspace_id, key_id);

ALTER TABLE ONLY public.workspace
    ADD CONSTRAINT workspace_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.workspace_storage
    ADD CONSTRAINT workspace_storage_pkey PRIMARY KEY (workspace_id, name);

CREATE INDEX access_key_owner ON public.access_key USING btree (workspace_id, email, created_at);

CREATE INDEX audit_at ON public.audit USING btree (at);

CREATE INDEX audit_page ON public.audit USING btree (workspace_id, id DESC);

CREATE INDEX audit_person ON public.audit USING btree (email, id DESC);

CREATE INDEX concurrency_start_window ON public.concurrency_start USING btree (key, started_at);

CREATE INDEX debounce_job ON public.debounce USING btree (job_id);

CREATE UNIQUE INDEX debounce_open ON public.debounce USING btree (key) WHERE is_open;

CREATE INDEX debounced_job ON public.debounced USING btree (job_id);

CREATE INDEX favorite_email ON public.favorite USING btree (email);

CREATE INDEX flow_answer_level ON public.flow_answer USING btree (level_id);

CREATE INDEX flow_answer_used ON public.flow_answer USING btree (used_level) WHERE (used_level IS NOT NULL);

CREATE INDEX flow_approval_job ON public.flow_approval USING btree (step_job);

CREATE INDEX flow_approval_source ON public.flow_approval USING btree (source_id);

CREATE INDEX flow_items_object ON public.flow_items USING btree (items_object) WHERE (items_object IS NOT NULL);

CREATE INDEX flow_versions ON public.flow_version USING btree (workspace_id, path, id DESC);

CREATE INDEX group_member_username ON public.group_member USING btree (workspace_id, username);

CREATE INDEX history_item ON public.history USING btree (workspace_id, kind, path, id DESC);

CREATE INDEX history_sealed ON public.history USING btree (workspace_id, key_id) WHERE (sealed IS NOT NULL);

CREATE INDEX idempotency_key_age ON public.idempotency_key USING btree (created_at);

CREATE INDEX job_args_object ON ONLY public.job USING btree (args_object) WHERE (args_object IS NOT NULL);

CREATE INDEX job_completed_result_object ON ONLY public.job_completed USING btree (result_object) WHERE (result_object IS NOT NULL);

CREATE INDEX job_completed_default_result_object_idx ON public.job_completed_default USING btree (result_object) WHERE (result_object IS NOT NULL);

CREATE INDEX job_completed_page ON ONLY public.job_completed USING btree (workspace_id, id DESC);

CREATE INDEX job_completed_default_workspace_id_id_idx ON public.job_completed_default USING btree (workspace_id, id DESC);

CREATE INDEX job_default_args_object_idx ON public.job_default USING btree (args_object) WHERE (args_object IS NOT NULL);

CREATE INDEX job_to_erase_alone ON ONLY public.job USING btree (id) WHERE ((root_job IS NULL) AND ((options ->> 'delete_after_use'::text) = 'true'::text) AND ((options ->> 'deleted'::text) IS NULL));

CREATE INDEX job_default_id_idx ON public.job_default USING btree (id) WHERE ((root_job IS NULL) AND ((options ->> 'delete_after_use'::text) = 'true'::text) AND ((options ->> 'deleted'::text) IS NULL));

CREATE INDEX job_of_parent ON ONLY public.job USING btree (parent_job) WHERE (parent_job IS NOT NULL);

CREATE INDEX job_default_parent_job_idx ON public.job_default USING btree (parent_job) WHERE (parent_job IS NOT NULL);

CREATE INDEX job_to_erase ON ONLY public.job USING btree (root_job) WHERE ((root_job IS NOT NULL) AND ((options ->> 'delete_after_use'::text) = 'true'::text) AND ((options ->> 'deleted'::text) IS NULL));

CREATE INDEX job_default_root_job_idx ON public.job_default USING btree (root_job) WHERE ((root_job IS NOT NULL) AND ((options ->> 'delete_after_use'::text) = 'true'::text) AND ((options ->> 'deleted'::text) IS NULL));

CREATE INDEX job_page ON ONLY public.job USING btree (workspace_id, id DESC);

CREATE INDEX job_default_workspace_id_id_idx ON public.job_default USING btree (workspace_id, id DESC);

CREATE INDEX job_of_script ON ONLY public.job USING btree (workspace_id, script_path, id DESC);

CREATE INDEX job_default_workspace_id_script_path_id_idx ON public.job_default USING btree (workspace_id, script_path, id DESC);

CREATE INDEX job_log_long ON ONLY public.job_log USING btree (job_id, ((start_unit + units))) WHERE ((start_unit + units) > 16384);

CREATE INDEX job_log_default_job_id_expr_idx ON public.job_log_default USING btree (job_id, ((start_unit + units))) WHERE ((start_unit + units) > 16384);

CREATE INDEX job_log_pack_digest ON public.job_log_pack USING btree (digest);

CREATE INDEX job_queue_concurrency ON public.job_queue USING btree (concurrency_key) WHERE (concurrency_key IS NOT NULL);

CREATE INDEX job_queue_due ON public.job_queue USING btree (tag, priority DESC, run_at, id) WHERE (state = 'queued'::text);

CREATE INDEX job_queue_limited ON public.job_queue USING btree (run_at) WHERE ((state = 'queued'::text) AND (concurrency_key IS NOT NULL));

CREATE INDEX job_queue_next ON public.job_queue USING btree (run_at) WHERE (state = 'queued'::text);

CREATE INDEX job_queue_running ON public.job_queue USING btree (heartbeat_at) WHERE (state = 'running'::text);

CREATE INDEX job_queue_workspace ON public.job_queue USING btree (workspace_id, id DESC);

CREATE INDEX local_source_age ON public.local_source USING btree (stored_at);

CREATE INDEX local_source_email ON public.local_source USING btree (email);

CREATE INDEX login_throttle_at ON public.login_throttle USING btree (at);

CREATE INDEX member_email ON public.member USING btree (email);

CREATE INDEX object_link_expiry ON public.object_link USING btree (expires_at);

CREATE INDEX object_link_of_object ON public.object_link USING btree (workspace_id, place, key);

CREATE INDEX object_link_page ON public.object_link USING btree (workspace_id, id DESC);

CREATE INDEX object_upload_age ON public.object_upload USING btree (started_at);

CREATE INDEX object_upload_page ON public.object_upload USING btree (workspace_id, place, key COLLATE "C", id) WHERE (completed_at IS NULL);

CREATE INDEX object_upload_waits ON public.object_upload USING btree (waits_for) WHERE (waits_for IS NOT NULL);

CREATE INDEX query_history_age ON public.query_history USING btree (ran_at);

CREATE INDEX query_history_page ON public.query_history USING btree (workspace_id, email, id DESC);

CREATE INDEX resource_by_type ON public.resource USING btree (workspace_id, resource_type, path);

CREATE INDEX result_cache_expiry ON public.result_cache USING btree (expires_at);

CREATE INDEX result_cache_result_object ON public.result_cache USING btree (result_object) WHERE (result_object IS NOT NULL);

CREATE INDEX schedule_history_page ON public.schedule_history USING btree (workspace_id, id DESC);

CREATE INDEX schedule_occurrence_due ON public.schedule_occurrence USING btree (scheduled_for) WHERE (state = 'due'::text);

CREATE UNIQUE INDEX schedule_occurrence_next ON public.schedule_occurrence USING btree (workspace_id, path) WHERE (state = 'due'::text);

CREATE INDEX schedule_occurrence_open ON public.schedule_occurrence USING btree (job_id) WHERE (state = ANY (ARRAY['asking'::text, 'running'::text]));

CREATE INDEX schedule_of_target ON public.schedule USING btree (workspace_id, target_path);

CREATE UNIQUE INDEX script_head ON public.script USING btree (workspace_id, path) WHERE (NOT archived);

CREATE INDEX script_versions ON public.script USING btree (workspace_id, path, created_at DESC);

CREATE INDEX state_write_job ON public.state_write USING btree (job_id);

CREATE INDEX storage_access_address ON public.storage_access USING btree (workspace_id, kind, address, id DESC);

CREATE INDEX storage_access_at ON public.storage_access USING btree (at);

CREATE INDEX storage_access_job ON public.storage_access USING btree (job_id, id) WHERE (job_id IS NOT NULL);

CREATE INDEX storage_access_object ON public.storage_access USING btree (workspace_id, address COLLATE "C", id DESC) WHERE (kind = 'object'::text);

CREATE INDEX token_email ON public.token USING btree (email, created_at);

CREATE INDEX workflow_step_sealed ON public.workflow_step USING btree (workspace_id, key_id, job_id, key) WHERE (sealed IS NOT NULL);

CREATE INDEX workspace_storage_resource ON public.workspace_storage USING btree (workspace_id, resource_path);

ALTER INDEX public.job_attempt_pkey ATTACH PARTITION public.job_attempt_default_pkey;

ALTER INDEX public.job_completed_pkey ATTACH PARTITION public.job_completed_default_pkey;

ALTER INDEX public.job_completed_result_object ATTACH PARTITION public.job_completed_default_result_object_idx;

ALTER INDEX public.job_completed_page ATTACH PARTITION public.job_completed_default_workspace_id_id_idx;

ALTER INDEX public.job_args_object ATTACH PARTITION public.job_default_args_object_idx;

ALTER INDEX public.job_to_erase_alone ATTACH PARTITION public.job_default_id_idx;

ALTER INDEX public.job_of_parent ATTACH PARTITION public.job_default_parent_job_idx;

ALTER INDEX public.job_pkey ATTACH PARTITION public.job_default_pkey;

ALTER INDEX public.job_to_erase ATTACH PARTITION public.job_default_root_job_idx;

ALTER INDEX public.job_page ATTACH PARTITION public.job_default_workspace_id_id_idx;

ALTER INDEX public.job_of_script ATTACH PARTITION public.job_default_workspace_id_script_path_id_idx;

ALTER INDEX public.job_log_long ATTACH PARTITION public.job_log_default_job_id_expr_idx;

ALTER INDEX public.job_log_pkey ATTACH PARTITION public.job_log_default_pkey;

ALTER INDEX public.job_stream_pkey ATTACH PARTITION public.job_stream_default_pkey;

CREATE TRIGGER resource_history AFTER INSERT OR DELETE OR UPDATE ON public.resource FOR EACH ROW EXECUTE FUNCTION public.record_history();

CREATE TRIGGER variable_history AFTER INSERT OR DELETE OR UPDATE ON public.variable FOR EACH ROW EXECUTE FUNCTION public.record_history();

ALTER TABLE ONLY public.access_key
    ADD CONSTRAINT access_key_workspace_id_email_fkey FOREIGN KEY (workspace_id, email) REFERENCES public.member(workspace_id, email) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.access_key
    ADD CONSTRAINT access_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.debounced
    ADD CONSTRAINT debounced_batch_fkey FOREIGN KEY (batch) REFERENCES public.debounce(batch) ON DELETE CASCADE;

ALTER TABLE ONLY public.favorite
    ADD CONSTRAINT favorite_email_fkey FOREIGN KEY (email) REFERENCES public.account(email) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.favorite
    ADD CONSTRAINT favorite_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.flow_user_state
    ADD CONSTRAINT flow_user_state_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.flow_version
    ADD CONSTRAINT flow_version_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.flow
    ADD CONSTRAINT flow_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.folder
    ADD CONSTRAINT folder_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.former_member
    ADD CONSTRAINT former_member_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.group_member
    ADD CONSTRAINT group_member_workspace_id_group_name_fkey FOREIGN KEY (workspace_id, group_name) REFERENCES public.user_group(workspace_id, name) ON DELETE CASCADE;

ALTER TABLE ONLY public.group_member
    ADD CONSTRAINT group_member_workspace_id_username_fkey FOREIGN KEY (workspace_id, username) REFERENCES public.member(workspace_id, username) ON DELETE CASCADE;

ALTER TABLE ONLY public.lease
    ADD CONSTRAINT lease_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.local_source
    ADD CONSTRAINT local_source_email_fkey FOREIGN KEY (email) REFERENCES public.account(email) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.local_source
    ADD CONSTRAINT local_source_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_email_fkey FOREIGN KEY (email) REFERENCES public.account(email) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.member
    ADD CONSTRAINT member_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_checksum
    ADD CONSTRAINT object_checksum_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_link
    ADD CONSTRAINT object_link_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_part_checksum
    ADD CONSTRAINT object_part_checksum_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES public.object_upload(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_part_checksum
    ADD CONSTRAINT object_part_checksum_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_upload_part
    ADD CONSTRAINT object_upload_part_upload_id_fkey FOREIGN KEY (upload_id) REFERENCES public.object_upload(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_upload_part
    ADD CONSTRAINT object_upload_part_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.object_upload
    ADD CONSTRAINT object_upload_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.query_history
    ADD CONSTRAINT query_history_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.resource_type
    ADD CONSTRAINT resource_type_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.resource
    ADD CONSTRAINT resource_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.schedule_history
    ADD CONSTRAINT schedule_history_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.schedule_occurrence
    ADD CONSTRAINT schedule_occurrence_workspace_id_path_fkey FOREIGN KEY (workspace_id, path) REFERENCES public.schedule(workspace_id, path) ON DELETE CASCADE;

ALTER TABLE ONLY public.schedule
    ADD CONSTRAINT schedule_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.script
    ADD CONSTRAINT script_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.state_write
    ADD CONSTRAINT state_write_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.storage_usage
    ADD CONSTRAINT storage_usage_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_email_fkey FOREIGN KEY (email) REFERENCES public.account(email) ON UPDATE CASCADE ON DELETE CASCADE;

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_group
    ADD CONSTRAINT user_group_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.variable
    ADD CONSTRAINT variable_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workspace_key
    ADD CONSTRAINT workspace_key_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.workspace_storage
    ADD CONSTRAINT workspace_storage_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspace(id) ON DELETE CASCADE;

ALTER TABLE public.access_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.debounce ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.debounced ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.favorite ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow_answer ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow_approval ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow_items ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow_run ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow_user_state ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.flow_version ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.folder ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.former_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.group_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.history ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.idempotency_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_attempt ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_attempt_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_completed ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_completed_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_log_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_log_pack ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_queue ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_stream ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.job_stream_default ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.lease ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.local_source ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.member ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.object_checksum ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.object_link ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.object_part_checksum ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.object_upload ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.object_upload_part ENABLE ROW LEVEL SECURITY;

CREATE POLICY of_workspace ON public.access_key USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.audit USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.debounce USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.debounced USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.favorite USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow_answer USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow_approval USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow_items USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow_run USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow_user_state USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.flow_version USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.folder USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.former_member USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.group_member USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.history USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.idempotency_key USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_attempt USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_attempt_default USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_completed USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_completed_default USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_default USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_log USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_log_default USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_log_pack USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_queue USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_stream USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.job_stream_default USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.lease USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.local_source USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.member USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.object_checksum USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.object_link USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.object_part_checksum USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.object_upload USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.object_upload_part USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.query_history USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.resource USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.resource_type USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.result_cache USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.schedule USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.schedule_history USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.schedule_occurrence USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.script USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.state_write USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.storage_access USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.storage_usage USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.user_group USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.variable USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.workflow_step USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.workspace_key USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

CREATE POLICY of_workspace ON public.workspace_storage USING (((workspace_id = current_setting('tidemill.workspace'::text, true)) OR (current_setting('tidemill.workspace'::text, true) = '*'::text)));

ALTER TABLE public.query_history ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.resource ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.resource_type ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.result_cache ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.schedule ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.schedule_history ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.schedule_occurrence ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.script ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.state_write ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.storage_access ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.storage_usage ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_group ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.variable ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workflow_step ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspace_key ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.workspace_storage ENABLE ROW LEVEL SECURITY;
