-- name: star
-- Mark an item for :email; it may be marked.
insert into favorite (workspace_id, email, kind, path) values (:workspace, :email, :kind, :path) on conflict do nothing;

-- name: unstar
-- Take the mark away.
delete from favorite where workspace_id = :workspace and email = :email and kind = :kind and path = :path;

-- name: count
-- How many items :email has marked.
select count(*) from favorite where workspace_id = :workspace and email = :email;

-- name: paths
-- The paths of a kind that :email has marked.
select path from favorite where workspace_id = :workspace and email = :email and kind = :kind order by path;

-- name: all_of
-- What :email has marked and is still there, by kind and path, with what decides who may see it.
select f.kind, f.path, i.summary, i.extra_perms, i.about, f.starred_at
from favorite f cross join lateral (
  select s.summary, s.extra_perms, s.language as about from script s
  where f.kind = 'script' and s.workspace_id = f.workspace_id and s.path = f.path and not s.archived
  union all
  select v.summary, w.extra_perms, 'flow' from flow w join flow_version v on v.workspace_id = w.workspace_id and v.id = w.version
  where f.kind = 'flow' and w.workspace_id = f.workspace_id and w.path = f.path and not w.archived
  union all
  select r.description, r.extra_perms, r.resource_type from resource r
  where f.kind = 'resource' and r.workspace_id = f.workspace_id and r.path = f.path) i
where f.workspace_id = :workspace and f.email = :email
order by f.kind, f.path;
