"""What somebody may want to do, and to what: the vocabulary of `engine/permit.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, assert_never
from uuid import UUID

from tidemill.model.errors import NotFound
from tidemill.model.path import Path


class Action(StrEnum):
    """What somebody wants to do."""

    LIST = "list"
    READ = "read"
    READ_VALUE = "read the value of"
    RUN = "run"
    PREVIEW = "preview"
    CREATE = "create"
    WRITE = "change"
    DELETE = "delete"
    MOVE = "move"
    SHARE = "share"
    CANCEL = "cancel"
    MANAGE = "manage"


READS: Final = frozenset({Action.LIST, Action.READ, Action.READ_VALUE})
"""The actions that change nothing and run nothing."""


class ItemKind(StrEnum):
    """What lives at a path. Each kind has its own name space."""

    SCRIPT = "script"
    FLOW = "flow"
    APP = "app"
    VARIABLE = "variable"
    RESOURCE = "resource"
    SCHEDULE = "schedule"

    @property
    def domain(self) -> str:
        """The scope domain of the kind."""
        return f"{self.value}s"

    @property
    def is_runnable(self) -> bool:
        """Whether changing it changes what runs: never open to operators, not even from inside of a job."""
        return self not in {ItemKind.VARIABLE, ItemKind.RESOURCE}


NO_SHARES: Final[Mapping[str, bool]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Item:
    """Something at a path. `extra_perms` are its own shares: permission key -> may write."""

    kind: ItemKind
    path: Path
    extra_perms: Mapping[str, bool] = field(default_factory=lambda: NO_SHARES)


@dataclass(frozen=True, slots=True)
class JobTarget:
    """A job, queued or completed.

    Attributes:
        created_by: the username of who started it (an e-mail for a superadmin who is no member).
        permissioned_as: the permission key that it runs under.
        path: the path of what it runs; None for previews without one.
        visible_to_owner: whether who may read `path` may see it, too.
        lineage: the ids of its parent and root job; a running job may read those that it started.
    """

    id: UUID
    created_by: str
    permissioned_as: str
    path: Path | None = None
    visible_to_owner: bool = True
    lineage: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder itself, not what is in it. `principal.folders` tells the right."""

    name: str


@dataclass(frozen=True, slots=True)
class Group:
    """A group of a workspace. `extra_perms`: permission key -> may change its members."""

    name: str
    extra_perms: Mapping[str, bool] = field(default_factory=lambda: NO_SHARES)


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of a workspace; each row is checked by itself. `domain` is a scope domain."""

    domain: str


class Need(StrEnum):
    """The least role that something on workspace level asks for."""

    MEMBER = "a member"
    DEVELOPER = "a developer"
    ADMIN = "an admin"


@dataclass(frozen=True, slots=True)
class WorkspaceTarget:
    """Something of the workspace as a whole: its settings, members, resource types, audit log, previews."""

    domain: str
    need: Need


@dataclass(frozen=True, slots=True)
class AccountTarget:
    """An account of the instance: its tokens, password, sessions. Open to itself and to superadmins."""

    email: str


@dataclass(frozen=True, slots=True)
class InstanceTarget:
    """Something of the instance. `subject` names it (`JOB_SUBJECTS` are open to jobs), `domain` is its scope domain."""

    subject: str
    domain: str = "settings"
    superadmin: bool = True


Target = Item | JobTarget | Folder | Group | Listing | WorkspaceTarget | AccountTarget | InstanceTarget


def not_found(target: Target, *, workspace: str = "") -> NotFound:
    """The error for a target that is not there; to be raised by whoever looks it up and finds nothing."""
    match target:
        case Item():
            return NotFound(f"There is no {target.kind} at '{target.path}'.")
        case JobTarget():
            return NotFound(f"There is no job {target.id}.")
        case Folder():
            return NotFound(f"There is no folder '{target.name}'.")
        case Group():
            return NotFound(f"There is no group '{target.name}'.")
        case Listing() | WorkspaceTarget():
            return NotFound(f"There is no workspace '{workspace}'.")
        case AccountTarget():
            return NotFound(f"There is no account '{target.email}'.")
        case InstanceTarget():
            return NotFound("There is nothing here.")
        case _:
            assert_never(target)
