"""Who is behind a credential: accounts, members, their groups and folders, as a `Principal`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Final
from uuid import UUID

from tidemill.db.pool import Database, Row, Statements
from tidemill.db.queries import queries
from tidemill.engine import permit, scopes
from tidemill.model.errors import LeaseLost, NotFound, Unauthenticated
from tidemill.model.identity import Credential, CredentialKind, FolderRight, Principal, Role

_SQL: Final = queries("identity")

_FOLDERS_KEPT: Final = 256
_UNKNOWN: Final = "The credential is unknown, expired or revoked: sign in again or make a new token."


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder's permissions, as `permit.folder_rights` reads them."""

    name: str
    owners: tuple[str, ...]
    extra_perms: Mapping[str, bool]


async def principal_by_token(database: Database, token_hash: bytes, workspace: str) -> Principal:
    """Who shows the token, as it stands in `workspace` ("" for instance level).

    Raises:
        Unauthenticated: the token is unknown or expired, its account disabled.
        NotFound: there is no such workspace, or the account has no part in it: both look the same.
    """
    holder = await database.look_ups.remembered(
        _SQL["principal_by_token"], partial(_holder, workspace), hash=token_hash, workspace=workspace
    ).get()
    if holder is None:
        raise Unauthenticated(_UNKNOWN)
    if holder.is_stale:
        await database.single.execute(_SQL["touch_token"], hash=token_hash)
    return holder.principal


async def principal_of_job(database: Database, job_id: UUID, attempt: int, workspace: str) -> Principal:
    """Whom the running job `job_id` acts for.

    Raises:
        Unauthenticated: it does not run (any more), or whom it acts for is gone.
        LeaseLost: it runs under another attempt by now.
        NotFound: it belongs to another workspace.
    """
    make = partial(_actor_of_job, job_id, attempt, workspace)
    about = attempt, workspace
    return await database.look_ups.remembered(_SQL["principal_of_job"], make, about=about, id=job_id).get()


async def principal_by_name(database: Database, email: str, workspace: str) -> Principal:
    """The account as it stands in `workspace`, without a credential.

    Raises:
        NotFound: there is no such account, or it has no part in the workspace.
    """
    row = await database.look_ups.fetch_optional(_SQL["principal_by_name"], email=email.lower(), workspace=workspace)
    if row is None:
        raise NotFound(f"There is no account '{email}'.")
    return _principal(row, workspace, Credential())


async def hold_attempt(statements: Statements, principal: Principal) -> None:
    """Before a job writes: make sure that its lease holds until the transaction ends. Others pass.

    Of a single statement that is now: somebody who is about to take the job away is waited for.

    Raises:
        LeaseLost: the job was given to another attempt, or has ended.
    """
    credential = principal.credential
    if credential.job_id is None:
        return
    held = await statements.fetch_optional(_SQL["hold_attempt"], id=credential.job_id, attempt=credential.attempt)
    if held is None:
        raise LeaseLost(f"Attempt {credential.attempt} of job {credential.job_id} does not run any more.")


@dataclass(frozen=True, slots=True)
class _Holder:
    """Of a token; `is_stale`: it is not on record yet that it was used lately."""

    principal: Principal
    is_stale: bool


def _holder(workspace: str, rows: Sequence[Row]) -> _Holder | None:
    row = _only(rows)
    if row is None:
        return None
    credential = Credential(
        kind=CredentialKind(row["kind"]),
        label=row["label"],
        scopes=None if row["scopes"] is None else scopes.parse_all(row["scopes"]),
        read_only=row["read_only"],
        workspace=row["token_workspace"],
        impersonated_by=row["impersonated_by"],
    )
    return _Holder(_principal(row, workspace, credential), bool(row["is_stale"]))


def _actor_of_job(job_id: UUID, attempt: int, workspace: str, rows: Sequence[Row]) -> Principal:
    row = _only(rows)
    if row is None:
        raise Unauthenticated("The job that this token belongs to does not run any more.")
    if row["attempt"] != attempt:
        raise LeaseLost(f"Attempt {attempt} of job {job_id} has lost its lease to attempt {row['attempt']}.")
    if row["email"] is None or (row["role"] is None and not row["superadmin"]):
        raise Unauthenticated("Whoever the job acts for is not a member of its workspace any more.")
    if workspace not in {"", row["job_workspace"]}:
        raise NotFound(f"There is no workspace '{workspace}'.")
    credential = Credential(
        kind=CredentialKind.JOB, label="job", job_id=job_id, attempt=attempt, workspace=row["job_workspace"]
    )
    principal = _principal(row, row["job_workspace"], credential)
    if row["permissioned_as"] not in {principal.actor, f"u/{principal.email}"}:
        raise Unauthenticated("Whoever the job acts for has another name by now.")
    return principal


def _only(rows: Sequence[Row]) -> Row | None:
    if len(rows) > 1:
        raise RuntimeError(f"There are {len(rows)} rows where at most one was expected.")
    return rows[0] if rows else None


def _principal(row: Mapping[str, object], workspace: str, credential: Credential) -> Principal:
    groups = frozenset(_texts(row["groups"]))
    username = row["username"]
    role = row["role"]
    if workspace and not row["workspace_exists"]:
        raise NotFound(f"There is no workspace '{workspace}'.")
    if workspace and role is None and not row["superadmin"]:
        raise NotFound(f"There is no workspace '{workspace}'.")
    keys = permit.member_keys(str(username or ""), groups)
    return Principal(
        email=str(row["email"]),
        username=str(username or ""),
        workspace=workspace,
        role=None if role is None else Role(str(role)),
        superadmin=bool(row["superadmin"]),
        groups=groups,
        folders=_folder_rights(row["folders"], keys),
        credential=credential,
    )


def _texts(value: object) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


@lru_cache(maxsize=_FOLDERS_KEPT)
def _folder_rights(folders: str | bytes, keys: frozenset[str]) -> Mapping[str, FolderRight]:
    """What `keys` may do in `folders` (JSON); the same ones come with each request of somebody."""
    rows = [FolderRow(item["name"], tuple(item["owners"]), item["extra_perms"]) for item in json.loads(folders)]
    return MappingProxyType(permit.folder_rights(rows, keys))
