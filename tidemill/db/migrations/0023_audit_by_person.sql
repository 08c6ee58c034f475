-- Whoever is no admin sees their own records, newest first.
create index audit_person on audit (email, id desc);
