-- Keys that identity tokens are signed with: the newest signs, all are published. The private key (PKCS 8) is sealed with
-- the root key; `jwk` is the public one as verifiers read it.
create table signing_key (
  id text primary key,
  sealed bytea not null,
  root_key_id text not null,
  jwk json not null,
  created_at timestamptz not null default now()
);
