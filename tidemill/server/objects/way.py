"""Finds the way to a storage: settings, resource, secrets. One statement where nothing changed since the last time."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from tidemill.db import references, storages
from tidemill.db.items import item_of
from tidemill.db.keys import Keyring
from tidemill.db.pool import Database
from tidemill.db.storages import Found, FoundResource, Sources, Versions
from tidemill.engine import permit
from tidemill.engine.inputs import contains_reference
from tidemill.engine.object_rules import Rules
from tidemill.engine.permit import Action, ItemKind
from tidemill.model.errors import InterpolationFailed, NotFound, StorageMisconfigured
from tidemill.model.identity import Principal, Role
from tidemill.model.object_address import DEFAULT, Address, is_storage_name
from tidemill.model.path import parse_path
from tidemill.model.resource_type import unknown_fields
from tidemill.server.objects.storage import label_of
from tidemill.server.shared_look_ups import SharedLookUps
from tidemill.stores.objects.port import ObjectStore

RESOURCE_TYPES: Final = frozenset({"s3", "s3_aws_oidc", "azure_blob", "azure_workload_identity", "gcloud_storage"})
"""The types of resources that lead to a bucket."""

_MOST_REMEMBERED: Final = 1000
_DEFAULT_RULES: Final = Rules()


class Opener(Protocol):
    """Opens stores; made by the wiring. None of these connects yet."""

    async def instance(self, workspace: str, name: str) -> ObjectStore:
        """The store that the instance keeps itself for the storage `name` of `workspace`."""
        ...

    def check_folder(self, path: str) -> None:
        """Raises BadRequest unless storages may be put into this folder of the host."""
        ...

    async def folder(self, path: str, workspace: str, name: str) -> ObjectStore:
        """The store in a folder of the host that the settings of a storage name.

        Raises:
            StorageMisconfigured: storages may not be put into it (any more).
        """
        ...

    async def erase(self, workspace: str) -> None:
        """Remove all that the instance keeps for a workspace. What lies in folders and buckets of others stays."""
        ...

    async def bucket(self, kind: str, value: dict[str, object], *, subject: str) -> ObjectStore:
        """The store that a resource of type `kind` leads to. One that is reached by an identity asks as `subject`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a storage is reached. Equal `config` means the same store."""

    kind: str
    rules: Rules | None
    config: Hashable = field(repr=False)
    read_only: bool = False
    passed_over: tuple[str, ...] = ()
    root_path: str | None = None
    value: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class _Known:
    versions: Versions
    sources: Sources
    way: Way


class Ways:
    """What was found is remembered, with the versions of all that it was made of."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring
        self._known: OrderedDict[Hashable, _Known] = OrderedDict()
        self._finding: SharedLookUps[Way] = SharedLookUps()

    async def find(self, caller: Principal, at: Address) -> Way:
        """The way to the storage of `at`.

        Raises:
            NotFound: there is no such storage or resource, as far as the caller may know.
            InvalidPath: the path of the resource is none.
            Denied: the caller may not read the value of the resource.
            StorageMisconfigured: it leads nowhere.
        """
        if at.resource:
            return await self._by_resource(caller, at)
        return await self._finding.get((caller.workspace, at.storage), lambda: self._by_name(caller.workspace, at))

    async def _by_name(self, workspace: str, at: Address) -> Way:
        key = workspace, at.place
        known = self._known.get(key)
        sources = known.sources if known else Sources()
        name = at.storage or DEFAULT
        found = None
        if not at.storage or is_storage_name(at.storage):
            found = await storages.find(self._database.look_ups, workspace, name, sources=sources)
        if found is None:
            if at.storage:
                raise NotFound(f"There is no storage '{at.storage[:80]}' in the workspace.")
            return Way(kind=storages.INSTANCE, rules=_DEFAULT_RULES, config=storages.INSTANCE)
        if known is not None and known.versions == found.versions:
            self._known.move_to_end(key)
            return known.way
        return self._remember(key, *(await self._way_of(workspace, name, found)))

    async def _way_of(self, workspace: str, name: str, found: Found) -> tuple[Versions, Sources, Way]:
        rules = _DEFAULT_RULES if found.rules is None else Rules(storages.rules_from_json(found.rules))
        if found.resource_path is None:
            config = found.kind, found.root_path
            way = Way(kind=found.kind, rules=rules, config=config, root_path=found.root_path)
            return found.versions, Sources(), way
        label = f"Storage '{name}'"
        if found.resource_value is None or found.resource_type is None:
            raise StorageMisconfigured(
                f"{label} leads to the resource '{found.resource_path}', which is not there: create it, or let an "
                "admin change the storage in the settings of the workspace."
            )
        owner = Principal(email=f"storage {name}", workspace=workspace, role=Role.ADMIN)
        value, sources = await self._resolved(owner, found.resource_value, label)
        _check_type(label, found.resource_path, found.resource_type)
        way = Way(
            kind=found.resource_type,
            rules=rules,
            config=(found.resource_type, value),
            passed_over=_passed_over(found.resource_type, value),
            value=value,
        )
        return found.versions, sources, way

    async def _by_resource(self, caller: Principal, at: Address) -> Way:
        path = parse_path(at.resource).text
        key = caller.workspace, at.place, caller.actor
        known = self._known.get(key)
        sources = known.sources if known else Sources()
        found = await storages.find_resource(self._database.look_ups, caller.workspace, path, sources=sources)
        read_only = self._is_read_only(caller, path, found)
        assert found is not None
        if (
            known is not None
            and (known.versions, known.way.read_only) == (found.versions, read_only)
            and (read_only or await references.may_read(self._database.look_ups, caller, sources.references))
        ):
            self._known.move_to_end(key)
            return known.way
        label = f"The resource '{path}'"
        _check_type(label, path, found.resource_type)
        reader = (
            Principal(email=f"storage {path}", workspace=caller.workspace, role=Role.ADMIN) if read_only else caller
        )
        value, sources = await self._resolved(reader, found.resource_value, label)
        config = found.resource_type, value
        way = Way(kind=found.resource_type, rules=None, config=config, read_only=read_only, value=value)
        return self._remember(key, found.versions, sources, way)

    @staticmethod
    def _is_read_only(caller: Principal, path: str, found: FoundResource | None) -> bool:
        """Whether the caller reaches the resource only because it is public; raises where it does not reach it."""
        item = item_of(ItemKind.RESOURCE, path, b"{}" if found is None else found.extra_perms)
        if found is None:
            raise permit.not_found(item, workspace=caller.workspace)
        if permit.decide(caller, Action.READ_VALUE, item).allowed:
            return False
        if not found.is_public:
            permit.require(caller, Action.READ_VALUE, item)
        return True

    async def _resolved(self, reader: Principal, raw: bytes, label: str) -> tuple[bytes, Sources]:
        """The value with its references replaced, under the rights of `reader`, and what it was made of."""
        if not contains_reference(raw):
            return raw, Sources()
        try:
            value, read = await references.resolve_with_sources(self._database, self._keyring, reader, raw)
        except InterpolationFailed as error:
            raise StorageMisconfigured(f"{label}: {error}") from error
        return value, Sources.of(read)

    def _remember(self, key: Hashable, versions: Versions, sources: Sources, way: Way) -> Way:
        """`versions` may be older than the value and lack those of its sources: the next request resolves again."""
        self._known[key] = _Known(versions, sources, way)
        self._known.move_to_end(key)
        if len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        return way


async def open_way(opener: Opener, workspace: str, at: Address, *, way: Way) -> ObjectStore:
    """The store that `way` leads to.

    Raises:
        StorageMisconfigured: the value of the resource lacks something; the storage is named.
    """
    try:
        return await _opened(opener, workspace, at, way)
    except StorageMisconfigured as error:
        raise StorageMisconfigured(f"{label_of(at, way.kind)}: {error}") from error


async def _opened(opener: Opener, workspace: str, at: Address, way: Way) -> ObjectStore:
    name = at.storage or DEFAULT
    if way.kind == storages.INSTANCE:
        return await opener.instance(workspace, name)
    if way.root_path is not None:
        return await opener.folder(way.root_path, workspace, name)
    value = msgspec.json.decode(way.value)
    if not isinstance(value, dict):
        raise StorageMisconfigured(f"The value of a resource of type {way.kind} must be an object with its fields.")
    return await opener.bucket(way.kind, value, subject=subject_of(workspace, at))


def subject_of(workspace: str, at: Address) -> str:
    """How a storage is called in the tokens that prove it: what an admin set is another than what a resource leads to.

    The subjects of people and jobs begin with an e-mail address, so none of theirs is one of these.
    """
    if at.resource:
        return f"resource::{workspace}::{at.resource}"
    return f"storage::{workspace}::{at.storage or DEFAULT}"


def _passed_over(kind: str, raw: bytes) -> tuple[str, ...]:
    value = msgspec.json.decode(raw)
    return unknown_fields(kind, value) if isinstance(value, dict) else ()


def _check_type(label: str, path: str, resource_type: str) -> None:
    if resource_type not in RESOURCE_TYPES:
        known = ", ".join(sorted(RESOURCE_TYPES))
        raise StorageMisconfigured(
            f"{label}: '{path}' is a resource of type {resource_type}, which is none of {known}."
        )
