-- What a statement of a job writes becomes an object only once the statement has succeeded: until then its uploads wait,
-- with the parts that they are to be made of.
alter table object_upload
  add column waits_for uuid,
  -- [[number, etag], ...]; null until the client has completed it
  add column chosen json;
