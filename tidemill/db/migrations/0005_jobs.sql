-- Jobs, split by how they are used: the input (`job`, written once), the queue (small, hot), the completed, the logs.
-- Ids are UUIDv7, so a range of ids is a range of time: the large tables are partitioned by month of creation.

create table job (
  id uuid primary key,
  workspace_id text not null,
  kind text not null,
  script_hash bigint,
  script_path text,
  language text,
  -- source and lock of a preview; a deployed script is found by its hash
  content text,
  lock text,
  args json,
  args_object text,
  created_by text not null,
  permissioned_as text not null,
  email text not null,
  created_at timestamptz not null default now(),
  tag text not null,
  parent_job uuid,
  root_job uuid,
  flow_step_id text,
  schedule_path text,
  timeout_s int,
  cache_ttl_s int,
  retry json,
  on_worker_loss text not null default 'restart' check (on_worker_loss in ('restart', 'fail')),
  options json not null default '{}',
  labels text[] not null default '{}',
  visible_to_owner boolean not null default true,
  check (args is null or args_object is null)
) partition by range (id);
create index job_page on job (workspace_id, id desc);
create index job_of_script on job (workspace_id, script_path, id desc);
create index job_args_object on job (args_object) where args_object is not null;
create index job_of_parent on job (parent_job) where parent_job is not null;
call wall_off('job');

create table job_queue (
  id uuid primary key,
  workspace_id text not null,
  tag text not null,
  priority smallint not null default 0,
  run_at timestamptz not null,
  state text not null default 'queued' check (state in ('queued', 'running')),
  -- goes up with each claim; every write of a worker names it
  attempt int not null default 0,
  -- repeats after failures that the retry policy allowed
  retries int not null default 0,
  worker text,
  started_at timestamptz,
  heartbeat_at timestamptz,
  concurrency_key text,
  concurrency_limit int,
  concurrency_window_s int,
  progress smallint,
  memory_peak_bytes bigint,
  canceled_by text,
  cancel_reason text,
  cancel_forced boolean not null default false,
  check ((state = 'running') = (worker is not null) and (state = 'running') = (heartbeat_at is not null))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200);
create index job_queue_due on job_queue (tag, priority desc, run_at, id) where state = 'queued';
create index job_queue_next on job_queue (run_at) where state = 'queued';
create index job_queue_running on job_queue (heartbeat_at) where state = 'running';
create index job_queue_concurrency on job_queue (concurrency_key) where concurrency_key is not null;
create index job_queue_limited on job_queue (run_at) where state = 'queued' and concurrency_key is not null;
create index job_queue_workspace on job_queue (workspace_id, id desc);
call wall_off('job_queue');

create table job_completed (
  id uuid primary key,
  workspace_id text not null,
  status text not null check (status in ('success', 'failure', 'canceled', 'skipped')),
  result json,
  result_object text,
  started_at timestamptz,
  completed_at timestamptz not null default now(),
  duration_ms bigint not null,
  attempt int not null,
  retries int not null default 0,
  worker text,
  memory_peak_bytes bigint,
  end_reason text,
  canceled_by text,
  cancel_reason text,
  progress smallint,
  check (result is null or result_object is null)
) partition by range (id);
create index job_completed_page on job_completed (workspace_id, id desc);
create index job_completed_result_object on job_completed (result_object) where result_object is not null;
call wall_off('job_completed');

-- `start_unit` counts UTF-16 units from the start of the job's log, as the wire's `log_offset` does.
create table job_log (
  job_id uuid not null,
  start_unit bigint not null,
  workspace_id text not null,
  units int not null,
  attempt int not null,
  text text not null,
  primary key (job_id, start_unit)
) partition by range (job_id);
call wall_off('job_log');

-- What a job streams as its result while it runs.
create table job_stream (
  job_id uuid not null,
  start_unit bigint not null,
  workspace_id text not null,
  units int not null,
  attempt int not null,
  text text not null,
  primary key (job_id, start_unit)
) partition by range (job_id);
call wall_off('job_stream');

-- Attempts that ended without the job: a lost worker, a graceful stop, a retry.
create table job_attempt (
  job_id uuid not null,
  attempt int not null,
  workspace_id text not null,
  worker text,
  started_at timestamptz,
  ended_at timestamptz not null default now(),
  end_reason text not null,
  error json,
  primary key (job_id, attempt)
) partition by range (job_id);
call wall_off('job_attempt');

-- The ids of a month, as UUIDv7: its first 48 bits are milliseconds since 1970.
create function first_id_at(moment timestamptz) returns uuid
language sql immutable parallel safe as $$
  select (lpad(to_hex((extract(epoch from moment) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

-- Make the partitions of the month that `moment` lies in, where they are missing. Ids of no month (not UUIDv7) go to
-- the default partitions.
create procedure make_month(moment timestamptz)
language plpgsql as $$
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

create table job_default partition of job default;
create table job_completed_default partition of job_completed default;
create table job_log_default partition of job_log default;
create table job_stream_default partition of job_stream default;
create table job_attempt_default partition of job_attempt default;
call wall_off('job_default');
call wall_off('job_completed_default');
call wall_off('job_log_default');
call wall_off('job_stream_default');
call wall_off('job_attempt_default');

-- Starts of jobs with a concurrency limit, for its window.
create table concurrency_start (
  key text not null,
  job_id uuid not null,
  attempt int not null,
  started_at timestamptz not null default now(),
  primary key (key, job_id, attempt)
);
create index concurrency_start_window on concurrency_start (key, started_at);

create table result_cache (
  workspace_id text not null,
  key bytea not null,
  result json,
  result_object text,
  expires_at timestamptz not null,
  primary key (workspace_id, key)
);
create index result_cache_expiry on result_cache (expires_at);
call wall_off('result_cache');

-- The answer to a request with an `Idempotency-Key`; null while the request is in flight.
create table idempotency_key (
  workspace_id text not null,
  caller text not null,
  key text not null,
  request_digest bytea not null,
  created_at timestamptz not null default now(),
  status int,
  content_type text,
  body bytea,
  job_id uuid,
  primary key (workspace_id, caller, key)
);
create index idempotency_key_age on idempotency_key (created_at);
call wall_off('idempotency_key');

-- Large results and arguments in the instance's object store, named by the SHA-256 of their bytes.
create table instance_object (
  digest text primary key,
  size_bytes bigint not null,
  stored_bytes bigint not null,
  created_at timestamptz not null default now(),
  touched_at timestamptz not null default now()
);

create table worker (
  name text primary key,
  worker_group text not null,
  tags text[] not null,
  slots int not null,
  host text not null,
  version text not null,
  isolated boolean not null,
  draining boolean not null default false,
  started_at timestamptz not null default now(),
  ping_at timestamptz not null default now(),
  jobs_executed bigint not null default 0,
  memory_bytes bigint
);
