-- name: find
-- One account.
select email, name, password_hash, superadmin, disabled, created_at from account where email = :email;

-- name: page
-- A page of accounts by e-mail, after :after; only those that are not disabled where :active_only.
select email, name, password_hash, superadmin, disabled, created_at from account
where email > :after and not (:active_only and disabled) order by email limit :limit offset :skip;

-- name: create
-- A new account.
insert into account (email, name, password_hash, superadmin) values (:email, :name, :password_hash, :superadmin);

-- name: update
-- Change what is given of an account.
update account set name = coalesce(:name, name), superadmin = coalesce(:superadmin, superadmin),
  disabled = coalesce(:disabled, disabled)
where email = :email;

-- name: set_password
-- Keep another password.
update account set password_hash = :password_hash where email = :email;

-- name: delete
-- Delete an account with its tokens; its memberships must be gone by then.
delete from account where email = :email;

-- name: superadmins
-- Those who can sign in as superadmin, held so that two of them cannot remove each other.
select email from account where superadmin and not disabled order by email for update;

-- name: any_account
-- Whether there is an account at all.
select 1 from account limit 1;

-- name: hold_setup
-- Be the only one to set the instance up until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('tidemill first admin', 0));
