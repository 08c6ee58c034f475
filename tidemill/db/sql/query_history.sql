-- name: add
-- Note a statement that :email ran on :resource.
insert into query_history (workspace_id, email, resource, language, content, is_cut, duration_ms, result_rows, error)
values (:workspace, :email, :resource, :language, :content, :is_cut, :duration_ms, :result_rows, :error)
returning id;

-- name: page
-- What :email ran, the newest first: on :resource or anywhere, holding :text or anything, before the entry :before.
select id, resource, language, content, is_cut, ran_at, duration_ms, result_rows as rows, error from query_history
where workspace_id = :workspace and email = :email and (:resource::text is null or resource = :resource)
  and (:before::bigint is null or id < :before)
  and (:text::text is null or position(lower(:text) in lower(content)) > 0)
order by id desc limit :limit;

-- name: remove
-- Forget one entry of :email, or all: on :resource or anywhere.
delete from query_history
where workspace_id = :workspace and email = :email and (:id::bigint is null or id = :id)
  and (:resource::text is null or resource = :resource);
