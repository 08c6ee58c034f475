"""Who is calling: the principal of a request or a job, its credential, and the rights that come with both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

EVERYONE: Final = "all"
"""The built-in group that holds all members of a workspace, and nobody else."""


class Role(StrEnum):
    """What a member is in one workspace. Who has no role is no member, or a disabled one, and may do nothing."""

    ADMIN = "admin"
    DEVELOPER = "developer"
    OPERATOR = "operator"


class FolderRight(StrEnum):
    """What somebody may do in a folder; each right holds those before it."""

    READ = "read"
    WRITE = "write"
    OWNER = "owner"


class CredentialKind(StrEnum):
    """How the caller proved who it is."""

    PERSONAL = "personal"
    """A token that a user made."""
    SESSION = "session"
    """The cookie of a browser that logged in."""
    JOB = "job"
    """The token that a running job was given: never valid outside of the job's workspace and lifetime."""
    NONE = "none"
    """Nothing: an anonymous caller, or the system itself."""


@dataclass(frozen=True, slots=True)
class Scope:
    """One `domain:action[:kind][:path,...]` grant of a token; `engine/scopes.py` parses and applies it.

    Attributes:
        kind: `scripts` or `flows` for `jobs:run`, otherwise "".
        paths: the path patterns that it is limited to; None means every path, and calls that have none.
    """

    domain: str
    action: str
    kind: str = ""
    paths: tuple[str, ...] | None = None

    def __str__(self) -> str:
        parts = [self.domain, self.action, self.kind, ",".join(self.paths or ())]
        return ":".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Credential:
    """What the caller showed, and how far it reaches.

    Attributes:
        label: the name that the owner gave the token; for the eye only.
        scopes: None is unrestricted; an empty tuple permits nothing.
        read_only: it may neither change nor run anything.
        job_id: the job that it belongs to (kind `job` only).
        attempt: the attempt of that job; what it writes is refused once the job was given to another attempt.
        workspace: the only workspace that it is good for; None means each that the account is a member of.
        impersonated_by: the e-mail of the superadmin who acts as this account, if one does.
    """

    kind: CredentialKind = CredentialKind.NONE
    label: str = ""
    scopes: tuple[Scope, ...] | None = None
    read_only: bool = False
    job_id: UUID | None = None
    attempt: int = 0
    workspace: str | None = None
    impersonated_by: str | None = None


def _no_folders() -> Mapping[str, FolderRight]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Principal:
    """An account as it stands in one workspace (or on instance level), with the credential that it showed.

    Attributes:
        username: its name in the workspace; "" on instance level, and for a superadmin who is no member.
        workspace: the workspace of the request; "" on instance level.
        role: None when it is no member, or a disabled one.
        groups: the groups of the workspace that it is in; holds `all` for members, is empty for everybody else.
        folders: folder name -> right, from `engine/permit.folder_rights`; folders without a right are not in it.
    """

    email: str
    username: str = ""
    workspace: str = ""
    role: Role | None = None
    superadmin: bool = False
    groups: frozenset[str] = frozenset()
    folders: Mapping[str, FolderRight] = field(default_factory=_no_folders)
    credential: Credential = field(default_factory=Credential)

    def __post_init__(self) -> None:
        """Make sure that nobody but a member carries rights of members, whatever the caller read from its tables."""
        member = self.role is not None and self.workspace != ""
        object.__setattr__(self, "groups", self.groups | {EVERYONE} if member else frozenset())
        if not member:
            object.__setattr__(self, "role", None)
            object.__setattr__(self, "folders", _no_folders())

    @property
    def keys(self) -> frozenset[str]:
        """The keys under which permission maps may name it: `u/<username>` and `g/<group>`; empty for non-members."""
        return permission_keys(self.username if self.role is not None else "", self.groups)

    @property
    def is_job(self) -> bool:
        """Whether it is a running job and not a person."""
        return self.credential.kind is CredentialKind.JOB

    @property
    def is_admin(self) -> bool:
        """Whether all that is in the workspace is open to it. A superadmin is an admin of every workspace."""
        return self.workspace != "" and (self.role is Role.ADMIN or self.superadmin)

    @property
    def actor(self) -> str:
        """How history and audit name it: `u/<username>`, or the e-mail where it has no name in the workspace."""
        return f"u/{self.username}" if self.username else self.email


def permission_keys(username: str, groups: frozenset[str]) -> frozenset[str]:
    """The permission keys of a member: `u/<username>` (unless it is "") and `g/<group>` of each group."""
    own = {f"u/{username}"} if username else set()
    return frozenset(own | {f"g/{group}" for group in groups})
