"""The rights that a member has by its groups and folders, and the coarse filter for lists that follows from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tidemill.model.identity import EVERYONE, FolderRight, Principal, permission_keys


@dataclass(frozen=True, slots=True)
class Readable:
    """A coarse filter for the SQL of lists; never an answer by itself: each row still goes through `decide`.

    Attributes:
        everything: all rows of the workspace (the other two are empty then).
        owner_keys: `u/<user>` and `f/<folder>`: rows under these owners.
        permission_keys: rows whose `extra_perms` have one of these keys.
    """

    everything: bool
    owner_keys: tuple[str, ...]
    permission_keys: tuple[str, ...]


def readable_owners(principal: Principal) -> Readable:
    """Whose rows `principal` can read at most. For a non-member: none."""
    if principal.is_admin:
        return Readable(everything=True, owner_keys=(), permission_keys=())
    keys = sorted(principal.keys)
    owners = [key for key in keys if key.startswith("u/")] + [f"f/{name}" for name in sorted(principal.folders)]
    return Readable(everything=False, owner_keys=tuple(owners), permission_keys=tuple(keys))


class FolderRow(Protocol):
    """What `folder_rights` reads of a folder: owners are permission keys, `extra_perms` is key -> may write."""

    @property
    def name(self) -> str: ...
    @property
    def owners(self) -> Iterable[str]: ...
    @property
    def extra_perms(self) -> Mapping[str, bool]: ...


def folder_rights(folders: Iterable[FolderRow], keys: frozenset[str]) -> dict[str, FolderRight]:
    """Folder name -> the greatest right that one of `keys` has in it; folders without a right are left out."""
    found = {folder.name: _folder_right(folder, keys) for folder in folders}
    return {name: right for name, right in found.items() if right is not None}


def member_keys(username: str, groups: Iterable[str]) -> frozenset[str]:
    """The permission keys of a member before its principal is made (`all` is added); feed them to `folder_rights`."""
    return permission_keys(username, frozenset(groups) | {EVERYONE})


def _folder_right(folder: FolderRow, keys: frozenset[str]) -> FolderRight | None:
    if not keys.isdisjoint(folder.owners):
        return FolderRight.OWNER
    shares = [folder.extra_perms[key] for key in keys if key in folder.extra_perms]
    if any(share is True for share in shares):
        return FolderRight.WRITE
    return FolderRight.READ if shares else None
