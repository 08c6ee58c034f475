-- The account :of_email as it stands in :in_workspace ('' for the instance as a whole): its part in it, with groups and
-- the folders that it has rights to. No row: there is no such account, or it is disabled. Every request and job asks this
-- as a part of its own statement, into which the planner puts the body: keep it one plain `select`.
create function standing(of_email text, in_workspace text)
returns table (
  email text, superadmin boolean, workspace_exists boolean, username text, role text, groups text[], folders json)
language sql stable as $$
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
