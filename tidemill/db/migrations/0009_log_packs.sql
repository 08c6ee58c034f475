-- Long logs of completed jobs leave `job_log` for the instance's object store. A pack is a stretch of a log, named by the
-- digest of its text; packs are the beginning of a log, and what is not packed yet follows them in `job_log`.
create table job_log_pack (
  job_id uuid not null,
  start_unit bigint not null,
  workspace_id text not null,
  units int not null,
  size_bytes int not null,
  digest text not null,
  packed_at timestamptz not null default now(),
  primary key (job_id, start_unit)
);
create index job_log_pack_digest on job_log_pack (digest);
call wall_off('job_log_pack');

-- Finds the long ones among the logs: their rows behind this place, which is the smallest that TIDEMILL_INLINE_LOG_UNITS may name.
create index job_log_long on job_log (job_id, (start_unit + units)) where start_unit + units > 16384;
