"""Access keys of members for the S3 endpoint. Their secrets sign requests, so they are kept, sealed."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from tidemill.db.keys import ACCESS_KEY, Keyring
from tidemill.db.pool import Statements, Transaction
from tidemill.db.queries import queries
from tidemill.engine import scopes
from tidemill.engine.sealing import Place
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Credential, CredentialKind

_SQL: Final = queries("access_keys")

PREFIX: Final = "TMK"
_ID_CHARS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ID_LENGTH: Final = 20
_SECRET_BYTES: Final = 30


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What lists show of an access key. `owner` is the member's username."""

    id: str
    owner: str
    email: str
    label: str
    scopes: tuple[str, ...] | None
    read_only: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundKey:
    """An access key that holds. `is_stale`: its last use was noted long ago."""

    id: str
    workspace_id: str
    email: str
    label: str
    scopes: tuple[str, ...] | None
    read_only: bool
    sealed: bytes
    is_stale: bool

    def credential(self) -> Credential:
        """What whoever shows it has shown."""
        return Credential(
            kind=CredentialKind.PERSONAL,
            label=self.label,
            scopes=None if self.scopes is None else scopes.parse_all(self.scopes),
            read_only=self.read_only,
            workspace=self.workspace_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What an access key is made with: of the member with this e-mail."""

    email: str
    label: str = ""
    scopes: list[str] | None = None
    read_only: bool = False
    expires_at: datetime | None = None


async def create(tx: Transaction, keyring: Keyring, workspace: str, *, new: NewKey) -> tuple[str, str]:
    """Make an access key; its id and its secret, which is shown this once.

    Raises:
        BadRequest: it would have expired already.
    """
    key_id = PREFIX + "".join(secrets.choice(_ID_CHARS) for _ in range(_ID_LENGTH - len(PREFIX)))
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    sealed, sealed_by = await keyring.seal(tx, secret.encode(), place=place_of(workspace, key_id))
    made = await tx.execute(
        _SQL["create"],
        id=key_id,
        workspace=workspace,
        email=new.email,
        label=new.label,
        scopes=new.scopes,
        read_only=new.read_only,
        sealed=sealed,
        key_id=sealed_by,
        expires_at=new.expires_at,
    )
    if not made:
        raise BadRequest("The expiration lies in the past.")
    return key_id, secret


async def find(statements: Statements, key_id: str) -> FoundKey | None:
    """The access key, unless there is none or it has expired."""
    return await statements.fetch_optional(_SQL["find"], FoundKey, id=key_id)


async def open_secret(statements: Statements, keyring: Keyring, key: FoundKey) -> str:
    """Its secret.

    Raises:
        SecretsUnreadable: it does not open.
    """
    return (await keyring.open(statements, key.sealed, place=place_of(key.workspace_id, key.id))).decode()


async def touch(statements: Statements, key_id: str) -> None:
    """Note that it was used just now."""
    await statements.execute(_SQL["touch"], id=key_id)


async def page(
    statements: Statements, workspace: str, *, email: str | None, limit: int, skip: int = 0
) -> list[AccessKey]:
    """Access keys of a workspace, newest first; of one member only, unless `email` is None."""
    return await statements.fetch_all(_SQL["page"], AccessKey, workspace=workspace, email=email, limit=limit, skip=skip)


async def delete(tx: Transaction, workspace: str, key_id: str, *, email: str | None) -> bool:
    """Revoke it, of one member only unless `email` is None; whether there was one."""
    return await tx.execute(_SQL["delete"], workspace=workspace, id=key_id, email=email) > 0


def place_of(workspace: str, key_id: str) -> Place:
    """Where the secret of an access key belongs; it never changes, so it has one version."""
    return Place(workspace, ACCESS_KEY, key_id, 1)
