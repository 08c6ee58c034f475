-- no transaction
-- Whoever is no admin sees their own records, newest first. The log may be long, and all changes write to it.
create index concurrently if not exists audit_person on audit (email, id desc);
