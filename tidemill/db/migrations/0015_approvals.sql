-- A level of a flow that waits for answers after one of its steps. `source_id` is the job whose definition it runs.
create table flow_approval (
  level_id uuid primary key,
  workspace_id text not null,
  source_id uuid not null,
  step text not null,
  step_job uuid not null,
  required int not null,
  -- those whose members may answer; null: anybody
  groups text[],
  asked_at timestamptz not null default now(),
  expires_at timestamptz
);
create index flow_approval_source on flow_approval (source_id);
create index flow_approval_job on flow_approval (step_job);
call wall_off('flow_approval');

-- An answer, by the job and the number that its link was made for. It is for one step of a level, or (without a step) for
-- the next one of the flow `level_id` that asks; `used_level` and `used_step` say which one has counted it.
create table flow_answer (
  job_id uuid not null,
  resume_id bigint not null,
  workspace_id text not null,
  id bigint generated always as identity unique,
  level_id uuid not null,
  step text,
  approved boolean not null,
  payload json,
  approver text not null,
  -- of who was signed in
  email text,
  groups text[] not null default '{}',
  answered_at timestamptz not null default now(),
  used_level uuid,
  used_step text,
  primary key (job_id, resume_id)
);
create index flow_answer_level on flow_answer (level_id);
create index flow_answer_used on flow_answer (used_level) where used_level is not null;
call wall_off('flow_answer');
