"""Who is behind an access key, and with which secret its requests are signed.

| access key | is of | secret |
| --- | --- | --- |
| `jwt_<header>.<payload>` | a running job: its token without the last segment | the last segment |
| `TMT<hash>.<workspace>` | a personal token | derived from the token's hash with a key of the instance; nowhere kept |
| `TMK<random>` | a member, who made it | random, sealed with the key of the workspace |

A secret alone says nothing: whose the key is, and whether it still holds, is looked up for each request.
"""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from tidemill.db import access_keys, identity
from tidemill.engine import job_token
from tidemill.engine.s3_faults import S3Fault
from tidemill.model.errors import LeaseLost, NotFound, SecretsUnreadable, Unauthenticated
from tidemill.model.identity import CredentialKind, Principal
from tidemill.server.parts import Parts

_OF_TOKEN: Final = "TMT"  # noqa: S105  # the start of a public id
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """What an S3 client is given."""

    access_key: str
    secret_key: str


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose an access key is: its secret, its workspace, and the look-up of who that is now."""

    secret: str
    workspace: str
    principal: Callable[[], Awaitable[Principal]]


def of_job(token: str) -> S3Credentials:
    """The credentials in the token of a job, as Windmill's clients find them."""
    access_key, _, secret = token.rpartition(".")
    return S3Credentials(access_key, secret)


def of_token(parts: Parts, token_hash: bytes, workspace: str) -> S3Credentials:
    """The credentials of a personal token for one workspace."""
    text = base64.urlsafe_b64encode(token_hash).rstrip(b"=").decode()
    return S3Credentials(f"{_OF_TOKEN}{text}.{workspace}", _secret_of_token(parts, token_hash, workspace))


async def find(parts: Parts, access_key: str) -> Holder:
    """Whose `access_key` is.

    Raises:
        S3Fault: nobody's.
    """
    if access_key.startswith(job_token.PREFIX):
        return _job(parts, access_key)
    if access_key.startswith(_OF_TOKEN):
        return _token(parts, access_key)
    if access_key.startswith(access_keys.PREFIX):
        return await _member(parts, access_key)
    raise S3Fault("InvalidAccessKeyId")


def _job(parts: Parts, access_key: str) -> Holder:
    secret = job_token.signature_of(parts.job_secret, access_key)
    told = job_token.read(parts.job_secret, f"{access_key}.{secret}")
    if told is None:
        raise S3Fault("InvalidAccessKeyId")

    async def principal() -> Principal:
        return await identity.principal_of_job(parts.database, told.job_id, told.attempt, "")

    return Holder(secret, "", principal)


def _token(parts: Parts, access_key: str) -> Holder:
    text, _, workspace = access_key.removeprefix(_OF_TOKEN).partition(".")
    try:
        token_hash = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise S3Fault("InvalidAccessKeyId") from error
    if len(token_hash) != _HASH_BYTES or not workspace:
        raise S3Fault("InvalidAccessKeyId")

    async def principal() -> Principal:
        found = await identity.principal_by_token(parts.database, token_hash, workspace)
        if found.credential.kind is not CredentialKind.PERSONAL:
            raise Unauthenticated("Only personal tokens, access keys and jobs reach the S3 endpoint.")
        return found

    return Holder(_secret_of_token(parts, token_hash, workspace), workspace, principal)


async def _member(parts: Parts, access_key: str) -> Holder:
    found = await access_keys.find(parts.database.look_ups, access_key)
    if found is None:
        raise S3Fault("InvalidAccessKeyId")
    try:
        secret = await access_keys.open_secret(parts.database.single, parts.keyring, found)
    except SecretsUnreadable as error:
        raise S3Fault("InternalError") from error

    async def principal() -> Principal:
        if found.is_stale:
            await access_keys.touch(parts.database.single, access_key)
        owner = await identity.principal_by_name(parts.database, found.email, found.workspace_id)
        return replace(owner, credential=found.credential())

    return Holder(secret, found.workspace_id, principal)


def _secret_of_token(parts: Parts, token_hash: bytes, workspace: str) -> str:
    signed = hmac.digest(parts.s3_secret, token_hash + workspace.encode(), "sha256")
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


async def principal_of(holder: Holder) -> Principal:
    """Who it is now.

    Raises:
        S3Fault: nobody any more: the token was revoked, the member disabled, the job has ended.
    """
    try:
        return await holder.principal()
    except Unauthenticated as error:
        is_job = holder.workspace == ""
        raise S3Fault("ExpiredToken" if is_job else "InvalidAccessKeyId", str(error)) from error
    except LeaseLost as error:
        raise S3Fault("ExpiredToken", str(error)) from error
    except NotFound as error:
        raise S3Fault("AccessDenied", "The owner of this access key is not a member of the workspace.") from error
