-- name: targets
-- The variables and resources at these paths, with what decides on who may read them.
select 'variable' as kind, path, version, extra_perms, value as text, sealed, null::json as json, null as resource_type
from variable
where workspace_id = :workspace and path = any(:variables) and (expires_at is null or expires_at > now())
union all
select 'resource', path, version, extra_perms, null, null, value, resource_type
from resource where workspace_id = :workspace and path = any(:resources);

-- name: standings
-- How the variables and resources at these paths stand now: versions and shares, without what they hold.
select 'variable' as kind, path, version, extra_perms from variable
where workspace_id = :workspace and path = any(:variables) and (expires_at is null or expires_at > now())
union all
select 'resource', path, version, extra_perms from resource where workspace_id = :workspace and path = any(:resources);
