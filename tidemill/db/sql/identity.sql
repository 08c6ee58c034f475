-- name: principal_by_token
-- Who shows the token with :hash, as it stands in :workspace ('' for instance level). No row: unknown, expired or disabled.
select t.kind, t.label, t.scopes, t.read_only, t.impersonated_by, t.workspace_id as token_workspace,
  t.last_used_at is null or t.last_used_at < now() - interval '5 minutes' as is_stale, s.*
from token t
cross join standing(t.email, :workspace) s
where t.hash = :hash and (t.expires_at is null or t.expires_at > now())
  and (t.impersonated_by is null
       or exists (select from account i where i.email = t.impersonated_by and i.superadmin and not i.disabled));

-- name: principal_by_name
-- The account :email as it stands in :workspace, without any credential: for jobs and for acting as somebody.
select s.* from standing(:email, :workspace) s;

-- name: principal_of_job
-- The running job :id, under which attempt it runs now, and whom it acts for: no e-mail where that account is gone. The
-- id is looked up, as in `jobs.by_id`.
select q.workspace_id as job_workspace, q.attempt, j.permissioned_as, s.*
from job_queue q
join job j on j.id = q.id
left join standing(j.email, q.workspace_id) s on true
where q.id = (select :id::uuid) and q.state = 'running';

-- name: hold_attempt
-- Lock the job :id against being taken away while a write of its attempt :attempt commits; no row: the lease is lost.
select 1 as held from job_queue where id = :id and attempt = :attempt and state = 'running' for key share;

-- name: touch_token
-- Note that the token was used just now.
update token set last_used_at = now() where hash = :hash;
