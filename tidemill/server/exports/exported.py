"""Collecting what a caller may have of a workspace, all as it was at one moment."""

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import anyio.to_thread

from tidemill.db import audit, exports, folders, groups, members, resource_types, storage_access, variables
from tidemill.db.pool import Transaction
from tidemill.db.resources import Resource
from tidemill.db.storage_access import Touched
from tidemill.engine import permit
from tidemill.engine.permit import Action, Folder, Listing, Need, WorkspaceTarget
from tidemill.engine.sealing import export_secret
from tidemill.model.errors import Denied
from tidemill.model.identity import EVERYONE, Principal
from tidemill.server.exports import members as form
from tidemill.server.exports.archive_file import ArchiveFile
from tidemill.server.exports.members import Files, NoFile
from tidemill.server.parts import Parts, actor_of
from tidemill.server.workspace_settings import settings_seen

_AT_ONCE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an archive shall hold besides scripts, flows and folders. `plain_secrets`: in the clear."""

    variables: bool
    secrets: bool
    plain_secrets: bool
    resources: bool
    resource_types: bool
    schedules: bool
    users: bool
    groups: bool
    settings: bool
    key: bool
    default_ts: str


class AtPath(Protocol):
    """An item."""

    @property
    def path(self) -> str: ...


RowT = TypeVar("RowT", bound=AtPath)


async def export(parts: Parts, caller: Principal, wanted: Wanted, archive: ArchiveFile) -> None:
    """Fill `archive` with what `caller` may read; that secrets were read is recorded by the time that this returns.

    Raises:
        Denied: the token has scopes that leave out a kind of items, or not everybody may have what is wanted.
    """
    _require(caller, wanted)
    into = _Members(archive)
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller), is_snapshot=True) as tx:
        await _Export(parts, caller, wanted, tx, into).run()
        await into.finish()


def _require(caller: Principal, wanted: Wanted) -> None:
    """What a token leaves out must not look as if it were not there: whoever pulls would delete the files of it."""
    kinds = {
        "scripts": True,
        "flows": True,
        "folders": True,
        "variables": wanted.variables,
        "resources": wanted.resources or wanted.resource_types,
        "schedules": wanted.schedules,
        "groups": wanted.groups,
    }
    for kind in (kind for kind, is_wanted in kinds.items() if is_wanted):
        permit.require(caller, Action.LIST, Listing(kind))
    if wanted.users:
        permit.require(caller, Action.LIST, WorkspaceTarget("users", Need.MEMBER))
    if wanted.settings:  # others see a part of them, and whoever pushed that would take the rest away
        permit.require(caller, Action.READ, WorkspaceTarget("workspaces", Need.ADMIN))
    if wanted.key:
        permit.require(caller, Action.READ, WorkspaceTarget("workspaces", Need.ADMIN))
        permit.require_scope(caller, "variables", "read")  # it opens them, wherever their files are
        if caller.is_job:
            raise Denied("A job may not have the key of the workspace: ask for it as a person.")


class _Members:
    """Puts files into an archive: many at once, in a thread, for it compresses them."""

    def __init__(self, archive: ArchiveFile) -> None:
        self._archive = archive
        self._waiting: Files = []
        self._waiting_bytes = 0
        self._left_out: dict[str, str] = {}

    async def add(self, files: Files) -> None:
        self._waiting += files
        self._waiting_bytes += sum(len(content) for _, content in files)
        if self._waiting_bytes >= _AT_ONCE_BYTES:
            await anyio.to_thread.run_sync(self._write)

    async def add_each(self, kind: str, rows: AsyncIterator[RowT], files: Callable[[RowT], Files]) -> None:
        """The files of each item of a kind, or a line that says why it has none."""
        async for row in rows:
            try:
                found = files(row)
            except NoFile as reason:
                self._left_out[f"{kind} {row.path}"] = str(reason)
            else:
                await self.add(found)

    async def finish(self) -> None:
        self._waiting += form.left_out_files(self._left_out)
        await anyio.to_thread.run_sync(self._write)
        await anyio.to_thread.run_sync(self._archive.close)

    def _write(self) -> None:
        for name, content in self._waiting:
            self._archive.add(name, content)
        self._waiting, self._waiting_bytes = [], 0


class _Export:
    """One export; its order is always the same."""

    def __init__(self, parts: Parts, caller: Principal, wanted: Wanted, tx: Transaction, into: _Members) -> None:
        self._parts, self._caller, self._wanted, self._tx, self._into = parts, caller, wanted, tx, into

    async def run(self) -> None:
        await self._workspace()
        await self._people()
        await self._types()
        if self._wanted.variables:
            await self._variables()
        if self._wanted.resources:
            await self._resources()
        rows = exports.scripts(self._tx, self._caller)
        await self._into.add_each("script", rows, lambda one: form.script_files(one, self._wanted.default_ts))
        await self._into.add_each("flow", exports.flows(self._tx, self._caller), form.flow_files)
        if self._wanted.schedules:
            await self._into.add_each("schedule", exports.schedules(self._tx, self._caller), form.schedule_files)

    async def _workspace(self) -> None:
        if self._wanted.settings:
            await self._into.add(form.settings_files(await settings_seen(self._tx, self._caller)))
        if self._wanted.key:
            key = await self._parts.keyring.current_key(self._tx, self._caller.workspace)
            await audit.record(
                self._tx, self._caller, "workspaces.read_encryption_key", "Execute", self._caller.workspace
            )
            await self._into.add(form.key_files(base64.b64encode(key).decode()))

    async def _people(self) -> None:
        workspace = self._caller.workspace
        if self._wanted.users:
            for member in sorted(await members.all_of(self._tx, workspace), key=lambda each: each.email):
                await self._into.add(form.user_files(member))
        if self._wanted.groups:
            for group in await groups.all_of(self._tx, workspace):
                if group.name != EVERYONE:
                    await self._into.add(form.group_files(group))
        for folder in await folders.all_of(self._tx, workspace):
            if permit.decide(self._caller, Action.READ, Folder(folder.name)).allowed:
                await self._into.add(form.folder_files(folder))

    async def _types(self) -> None:
        if self._wanted.resource_types:
            for found in (await resource_types.all_of(self._tx, self._caller.workspace)).values():
                if found.origin == "workspace":
                    await self._into.add(form.type_files(found))

    async def _variables(self) -> None:
        """Values of secrets are opened one by one; that they were read is on record."""
        tx, caller, keyring = self._tx, self._caller, self._parts.keyring
        key = await keyring.current_key(tx, caller.workspace)
        secrets: list[str] = []
        touched: list[Touched] = []
        async for variable in exports.variables(tx, caller):
            if variable.is_secret and not self._wanted.secrets:
                continue
            value = await variables.plaintext(tx, keyring, caller.workspace, variable)
            touched.append(Touched("variable", variable.path, variable.version))
            if variable.is_secret:
                secrets.append(variable.path)
                value = value if self._wanted.plain_secrets else export_secret(value.encode(), key=key)
            await self._into.add(form.variable_files(variable, value=value))
        await audit.record_all(tx, caller, "variables.decrypt_secret", "Execute", secrets, {"as": "export"})
        await self._note(touched)

    async def _resources(self) -> None:
        types = await resource_types.all_of(self._parts.database.single, self._caller.workspace)
        of_files = frozenset(
            name for name, found in types.items() if found.format_extension is not None or found.is_fileset
        )
        touched: list[Touched] = []

        async def read() -> AsyncIterator[Resource]:
            async for resource in exports.resources(self._tx, self._caller):
                touched.append(Touched("resource", resource.path, resource.version))
                yield resource

        await self._into.add_each("resource", read(), lambda one: form.resource_files(one, of_files))
        await self._note(touched)

    async def _note(self, touched: list[Touched]) -> None:
        """What a job reads is known before it has it: its output is masked by it."""
        if self._caller.is_job:
            await storage_access.record(self._tx, self._caller, touched, "read")
