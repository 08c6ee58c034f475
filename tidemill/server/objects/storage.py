"""A storage as a caller has it: its store, and what the caller may do in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tidemill.engine.object_rules import Access, Rules, Verdict
from tidemill.model.errors import (
    Denied,
    InvalidKey,
    NotFound,
    PreconditionFailed,
    RangeUnsatisfiable,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    Unavailable,
    Unsupported,
)
from tidemill.model.identity import Principal
from tidemill.model.object_address import DEFAULT, Address
from tidemill.stores.objects.port import ObjectStore

_TOLD_WITH_THE_STORAGE: Final = (
    InvalidKey,
    NotFound,
    PreconditionFailed,
    RangeUnsatisfiable,
    StorageDenied,
    StorageFull,
    StorageMisconfigured,
    Unavailable,
    Unsupported,
)
_NAMED: Final = "The message names its storage."
_READING: Final = frozenset({Access.READ, Access.LIST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where objects are, for one caller.

    Attributes:
        address: that of the empty key; `address.at(key)` is an object's.
        kind: `instance`, `local` or the type of the resource behind it.
        rules: what decides on keys; None where the caller reaches the bucket by a resource that it may read.
        passed_over: names of fields of the resource behind it that mean nothing.
        read_only: whether the caller may only read: the resource is public, and not open to it otherwise.
    """

    address: Address
    kind: str
    store: ObjectStore
    rules: Rules | None
    read_only: bool = False
    passed_over: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it is called on the wire, `_default_` too; "" for the bucket of a resource."""
        return "" if self.address.resource else self.address.storage or DEFAULT

    @property
    def is_default(self) -> bool:
        """Whether it is where objects go when no storage is named."""
        return not self.address.resource and self.address.storage == ""

    @property
    def label(self) -> str:
        """How messages call it."""
        return label_of(self.address, self.kind)

    def allows(self, caller: Principal, access: Access, key: str) -> bool:
        """Whether `caller` may do `access` with `key`."""
        if self.rules is None:
            return not self.read_only or access in _READING
        return self.rules.allows(caller, access, key)

    def lists_all(self, caller: Principal) -> bool:
        """Whether `caller` may list every key there is or will be."""
        return self.rules is None or caller.is_admin

    def decide(self, caller: Principal, access: Access, key: str) -> Verdict:
        """As `allows`, with why."""
        if self.rules is not None:
            return self.rules.decide(caller, access, key)
        if not self.read_only:
            return Verdict(True, None, None, "Who may read the resource may do everything in its bucket.")
        return Verdict(access in _READING, None, None, "The resource is public: all members may read by it, no more.")

    def may_list_below(self, caller: Principal, prefix: str) -> bool:
        """Whether there could be a key below `prefix` that `caller` may list."""
        return self.rules is None or self.rules.may_list_below(caller, prefix)

    def require(self, caller: Principal, access: Access, key: str) -> None:
        """Raises Denied, with why, unless `caller` may do `access` with `key`."""
        if not self.allows(caller, access, key):
            raise self.denied(caller, access, key)

    def denied(self, caller: Principal, access: Access, key: str) -> Denied:
        """The error that says why `caller` may not do `access` with `key`, and who can change that."""
        why = self.decide(caller, access, key).reason
        mend = "" if self.rules is None else " An admin of the workspace can change the rules of the storage."
        return Denied(f"{self.label}: you may not {access} {key[:200]!r}. {why}{mend}")

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors of the store that leave this block tell which storage they are of."""
        try:
            yield
        except _TOLD_WITH_THE_STORAGE as error:
            if _NAMED in getattr(error, "__notes__", ()):  # already, after the storage that it is of
                raise
            told = type(error)(f"{self.label}: {error}")
            told.add_note(_NAMED)
            raise told from error


def label_of(at: Address, kind: str) -> str:
    """How messages call the storage of `at`."""
    if at.resource:
        return f"The bucket of the resource '{at.resource}' ({kind})"
    return f"Storage '{at.storage or DEFAULT}' ({kind})"
