"""Accounts of the instance: who can sign in."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db import members, tokens
from tidemill.db.pool import Statements, Transaction, unique
from tidemill.db.queries import queries
from tidemill.model.errors import Conflict, NotFound
from tidemill.model.path import check_email

_SQL: Final = queries("accounts")


@dataclass(frozen=True, slots=True)
class Account:
    """One who can sign in. `password_hash` is None where it signs in elsewhere."""

    email: str
    name: str
    password_hash: str | None
    superadmin: bool
    disabled: bool
    created_at: datetime


async def find(statements: Statements, email: str) -> Account | None:
    """The account, if there is one; e-mails are compared in lower case."""
    return await statements.fetch_optional(_SQL["find"], Account, email=email.lower())


async def get(statements: Statements, email: str) -> Account:
    """The account; raises NotFound."""
    account = await find(statements, email)
    if account is None:
        raise NotFound(f"There is no account '{email}'.")
    return account


async def page(
    statements: Statements, *, limit: int, after: str = "", skip: int = 0, active_only: bool = False
) -> list[Account]:
    """Accounts by e-mail, those after `after`."""
    return await statements.fetch_all(
        _SQL["page"], Account, after=after, limit=limit, skip=skip, active_only=active_only
    )


async def create(
    tx: Transaction, email: str, *, name: str = "", password_hash: str | None = None, superadmin: bool = False
) -> str:
    """Make an account and give its e-mail as it is kept.

    Raises:
        InvalidName: it is not an e-mail address.
        AlreadyExists: there is one.
    """
    email = check_email(email)
    with unique(f"There is an account '{email}' already."):
        await tx.execute(_SQL["create"], email=email, name=name, password_hash=password_hash, superadmin=superadmin)
    return email


async def update(
    tx: Transaction,
    email: str,
    *,
    name: str | None = None,
    superadmin: bool | None = None,
    disabled: bool | None = None,
) -> None:
    """Change what is given.

    Raises:
        NotFound: there is no such account.
        Conflict: nobody could sign in as superadmin any more.
    """
    account = await get(tx, email)
    if superadmin is False or disabled is True:
        await _keep_a_superadmin(tx, account.email)
    await tx.execute(_SQL["update"], email=account.email, name=name, superadmin=superadmin, disabled=disabled)
    if disabled:
        await tokens.delete_sessions(tx, account.email)


async def set_password(tx: Transaction, email: str, password_hash: str, *, keep_session: bytes | None = None) -> None:
    """Keep another password and end the account's sessions but the one with the hash `keep_session`."""
    if not await tx.execute(_SQL["set_password"], email=email, password_hash=password_hash):
        raise NotFound(f"There is no account '{email}'.")
    await tokens.delete_sessions(tx, email, keep=keep_session)


async def delete(tx: Transaction, email: str) -> None:
    """Delete the account, its tokens and its memberships; needs a transaction that sees all workspaces.

    Raises:
        NotFound: there is no such account.
        Conflict: it is the last superadmin.
    """
    account = await get(tx, email)
    await _keep_a_superadmin(tx, account.email)
    for membership in await members.of_account(tx, account.email):
        await members.remove(tx, membership.workspace_id, membership.username)
    await tx.execute(_SQL["delete"], email=account.email)


async def _keep_a_superadmin(tx: Transaction, email: str) -> None:
    able = [row["email"] for row in await tx.fetch_all(_SQL["superadmins"])]
    if able == [email]:
        raise Conflict(f"'{email}' is the last superadmin: make another one first.")
