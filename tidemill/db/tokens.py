"""Credentials that are kept: personal tokens and browser sessions. Only hashes are; the text is shown once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.model.errors import BadRequest
from tidemill.model.identity import CredentialKind

_SQL: Final = queries("tokens")


@dataclass(frozen=True, slots=True)
class Token:
    """What lists show of a credential."""

    prefix: str
    kind: CredentialKind
    email: str
    workspace_id: str | None
    label: str
    scopes: tuple[str, ...] | None
    read_only: bool
    impersonated_by: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewToken:
    """A credential to keep: of `expires_at` and `lifetime_s` at most one is given; neither is for ever."""

    hash: bytes
    prefix: str
    email: str
    kind: CredentialKind = CredentialKind.PERSONAL
    label: str = ""
    workspace: str | None = None
    scopes: list[str] | None = None
    read_only: bool = False
    impersonated_by: str | None = None
    expires_at: datetime | None = None
    lifetime_s: float | None = None


async def create(tx: Transaction, token: NewToken) -> None:
    """Keep it; raises BadRequest where it would have expired already."""
    made = await tx.execute(
        _SQL["create"],
        hash=token.hash,
        prefix=token.prefix,
        kind=token.kind.value,
        email=token.email,
        workspace=token.workspace,
        label=token.label,
        scopes=token.scopes,
        read_only=token.read_only,
        impersonated_by=token.impersonated_by,
        expires_at=token.expires_at,
        lifetime_s=token.lifetime_s,
    )
    if not made:
        raise BadRequest("The expiration lies in the past.")


async def personal_expiry(statements: Statements, token_hash: bytes) -> datetime | None:
    """When the personal token ends; None for one that does not, and for a session, which is a person's own."""
    row = await statements.fetch_optional(_SQL["expiry"], hash=token_hash)
    if row is None or row["kind"] != CredentialKind.PERSONAL:
        return None
    expires_at: datetime | None = row["expires_at"]
    return expires_at


async def page(
    statements: Statements, email: str, *, limit: int, skip: int = 0, personal_only: bool = False
) -> list[Token]:
    """The credentials of an account, newest first."""
    return await statements.fetch_all(
        _SQL["page"], Token, email=email, limit=limit, skip=skip, personal_only=personal_only
    )


async def delete(tx: Transaction, email: str, prefix: str) -> bool:
    """Revoke the account's credential with this prefix; whether there was one."""
    return await tx.execute(_SQL["delete_by_prefix"], email=email, prefix=prefix) > 0


async def delete_session(tx: Transaction, token_hash: bytes) -> bool:
    """End the session; False where the hash is of something else."""
    return await tx.execute(_SQL["delete_session"], hash=token_hash) > 0


async def delete_sessions(tx: Transaction, email: str, *, keep: bytes | None = None) -> int:
    """End the sessions of an account, but for the one with the hash `keep`; how many there were."""
    return await tx.execute(_SQL["delete_sessions"], email=email, keep=keep)
