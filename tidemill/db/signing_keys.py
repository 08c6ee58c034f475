"""Keys that identity tokens are signed with, sealed with the root key; the first one is made when it is needed."""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from tidemill.db.pool import Database, Json, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.root_key import hold_root_key
from tidemill.engine.id_token import LONGEST_S, jwk_of
from tidemill.engine.sealing import Place, open_sealed, seal
from tidemill.model.errors import SecretsUnreadable
from tidemill.model.rootkey import RootKeys

_SQL: Final = queries("signing_keys")
_BITS: Final = 2048
_EXPONENT: Final = 65537


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A key as it is kept."""

    id: str
    sealed: bytes
    root_key_id: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key stands. `published_until` is None for the one that signs; what is past it is told to nobody."""

    id: str
    created_at: datetime
    published_until: datetime | None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that can sign."""

    id: str
    private: RSAPrivateKey


async def newest(database: Database, root: RootKeys, *, known: SigningKey | None = None) -> SigningKey:
    """The key that signs now; `known` itself where it still is that. Made where there is none yet.

    Raises:
        SecretsUnreadable: its root key is not held.
    """
    row = await database.single.fetch_optional(_SQL["newest"], SealedKey)
    if row is None:
        return await _make(database, root)
    if known is not None and known.id == row.id:
        return known
    return SigningKey(row.id, await asyncio.to_thread(_opened, root, row))


async def published(statements: Statements) -> list[bytes]:
    """The public halves of all keys that a good token may be signed with, each a JSON Web Key, the newest first."""
    return [row["jwk"] for row in await statements.fetch_all(_SQL["published"], longest_s=LONGEST_S)]


async def standings(statements: Statements) -> list[Standing]:
    """All keys, the newest first; none where no token was ever asked for."""
    return await statements.fetch_all(_SQL["standings"], Standing, longest_s=LONGEST_S)


async def rotate(database: Database, root: RootKeys) -> SigningKey:
    """Make a key that signs from now on; forget those whose tokens have all ended.

    Raises:
        SecretsUnreadable: the current root key is not held.
    """
    made = await _make(database, root)
    await database.single.execute(_SQL["forget_ended"], longest_s=LONGEST_S)
    return made


async def reseal(tx: Transaction, root: RootKeys) -> None:
    """Seal all keys with the newest root key.

    Raises:
        SecretsUnreadable: one of them cannot be opened.
    """
    root_key_id, root_key = root.current()
    for row in await tx.fetch_all(_SQL["foreign_keys"], SealedKey, root_key_id=root_key_id):
        content = open_sealed(row.sealed, key=root.get(row.root_key_id), place=_place(row.id))
        sealed = seal(content, key=root_key, key_id=0, place=_place(row.id))
        await tx.execute(_SQL["reseal"], id=row.id, sealed=sealed, root_key_id=root_key_id)


async def check(database: Database, root: RootKeys) -> tuple[int, list[str]]:
    """How many keys open, and the names of those that do not."""
    opened, failed = 0, []
    for row in await database.single.fetch_all(_SQL["all_of"], SealedKey):
        try:
            open_sealed(row.sealed, key=root.get(row.root_key_id), place=_place(row.id))
        except SecretsUnreadable:
            failed.append(f"signing key {row.id}")
        else:
            opened += 1
    return opened, failed


async def _make(database: Database, root: RootKeys) -> SigningKey:
    private = await asyncio.to_thread(rsa.generate_private_key, _EXPONENT, _BITS)
    content = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    jwk = jwk_of(private.public_key())
    async with database.system() as tx:
        root_key_id = await hold_root_key(tx)
        sealed = seal(content, key=root.get(root_key_id), key_id=0, place=_place(jwk["kid"]))
        await tx.execute(
            _SQL["add"], id=jwk["kid"], sealed=sealed, root_key_id=root_key_id, jwk=Json(json.dumps(jwk).encode())
        )
    return SigningKey(jwk["kid"], private)


def _opened(root: RootKeys, row: SealedKey) -> RSAPrivateKey:
    key = load_der_private_key(open_sealed(row.sealed, key=root.get(row.root_key_id), place=_place(row.id)), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def _place(key_id: str) -> Place:
    return Place("", "signing key", key_id, 1)
