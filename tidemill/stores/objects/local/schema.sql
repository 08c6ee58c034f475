-- The index of a local store. `pragma user_version` is the number of its format.

-- What the keys lead to. Texts compare byte by byte, so that this is the order of listings.
create table object (
  key text primary key,
  content integer not null references content,
  size_bytes integer not null,
  modified_us integer not null,  -- since 1970
  etag text not null,
  attributes text  -- JSON; null: none
) without rowid;

-- The bytes of one or more objects; never changed. They are here, or else in the segments.
create table content (
  id integer primary key,
  refs integer not null,  -- how many objects lead here
  md5 text,  -- of `bytes`, in hex
  bytes blob
);

create table segment (
  content integer not null references content,
  start integer not null,  -- its first byte's place in the content
  blob text not null,
  size_bytes integer not null,
  md5 text not null,
  primary key (content, start)
) without rowid;

create unique index segment_blob on segment (blob);

-- Multipart uploads that are neither completed nor aborted.
create table upload (
  id text primary key,
  key text not null,
  attributes text,
  started_us integer not null
) without rowid;

create table part (
  upload text not null references upload,
  number integer not null,
  blob text not null,
  size_bytes integer not null,
  md5 text not null,
  primary key (upload, number)
) without rowid;

create unique index part_blob on part (blob);
