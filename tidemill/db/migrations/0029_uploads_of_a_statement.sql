-- no transaction
-- A statement has few uploads, and others may have many.
create index concurrently if not exists object_upload_waits on object_upload (waits_for) where waits_for is not null;
