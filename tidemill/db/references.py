"""`$var:` and `$res:` put in, under the reader's rights; every secret read is noted, and named for masking."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from tidemill.db import audit, resource_types, storage_access
from tidemill.db.items import item_of
from tidemill.db.keys import Keyring
from tidemill.db.look_ups import LookUps, Remembered
from tidemill.db.pool import Actor, Database, Statements, Transaction
from tidemill.db.queries import queries
from tidemill.db.storage_access import ReadByJob, Touched
from tidemill.db.variables import place_of
from tidemill.engine import permit
from tidemill.engine.inputs import Interpolation, Reference, contains_reference, references, variable_value
from tidemill.engine.permit import Action, ItemKind
from tidemill.engine.secret_values import secret_values
from tidemill.model.identity import Principal

_SQL: Final = queries("references")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What a reference may lead to: a variable with `text` or `sealed`, or a resource with `json`."""

    kind: str
    path: str
    version: int
    extra_perms: bytes
    text: str | None
    sealed: bytes | None
    json: bytes | None
    resource_type: str | None

    @property
    def reference(self) -> Reference:
        return Reference("var" if self.kind == "variable" else "res", self.path)


@dataclass(frozen=True, slots=True)
class Source:
    """A variable or resource that a value was made of, in the version that went into it."""

    kind: str
    path: str
    version: int
    is_secret: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """How a variable or resource stands now. `extra_perms` is the JSON object of its shares."""

    kind: str
    path: str
    version: int
    extra_perms: bytes


async def resolve(database: Database, keys: Keyring, principal: Principal, raw: bytes) -> tuple[bytes, list[bytes]]:
    """`raw` with every reference replaced, and the secret values (UTF-8) that went into it.

    What `principal` may not read counts as missing. Reads of secrets are audited, those of a job are noted.

    Raises:
        InterpolationFailed: a reference leads nowhere, or in a circle; the message names the chain.
        TooLarge: the whole would be too large.
    """
    if not contains_reference(raw):
        return raw, []
    actor = Actor(name=principal.actor, email=principal.email, job=principal.credential.job_id)
    async with database.transaction(principal.workspace, actor=actor) as tx:
        return await resolve_in(tx, database, keys, principal, raw)


async def resolve_in(
    tx: Transaction, database: Database, keys: Keyring, principal: Principal, raw: bytes
) -> tuple[bytes, list[bytes]]:
    """As `resolve`, in a transaction of the principal's workspace."""
    result, secrets, _ = await _resolve(tx, database, keys, principal, raw)
    return result, secrets


@dataclass(frozen=True, slots=True)
class OpenedResource:
    """A resource with its references replaced, the secrets (UTF-8) that went into it, and all that it was made of."""

    resource_type: str
    value: bytes
    secrets: list[bytes]
    sources: frozenset[Source]


async def open_resource(database: Database, keys: Keyring, principal: Principal, path: str) -> OpenedResource:
    """The resource at `path`, as `resolve` does it.

    Raises:
        InterpolationFailed: it is not there, or `principal` may not read it; or see `resolve`.
    """
    wanted = Reference("res", path)
    actor = Actor(name=principal.actor, email=principal.email, job=principal.credential.job_id)
    async with database.transaction(principal.workspace, actor=actor) as tx:
        value, secrets, read = await _resolve(tx, database, keys, principal, variable_value(str(wanted)))
    sources = [Source(each.kind, each.path, each.version, each.sealed is not None) for each in read.values()]
    return OpenedResource(read[wanted].resource_type or "", value, secrets, frozenset(sources))


def standings(look_ups: LookUps, workspace: str, sources: Collection[Source]) -> Remembered[list[Standing]]:
    """Tells how these stand now; those that are gone or expired are left out. The same list if they stand as before."""
    parameters = {
        "workspace": workspace,
        "variables": [each.path for each in sources if each.kind == "variable"],
        "resources": [each.path for each in sources if each.kind == "resource"],
    }
    return Remembered(look_ups, _SQL.standings, Standing, parameters, list)


def are_unchanged(principal: Principal, sources: Collection[Source], found: Collection[Standing]) -> bool:
    """Whether all of `sources` are `found` in the same versions, and `principal` may read the value of each."""
    versions = {(each.kind, each.path): each.version for each in found if _may_read(principal, each)}
    return versions == {(each.kind, each.path): each.version for each in sources}


async def resolve_with_sources(
    database: Database, keys: Keyring, principal: Principal, raw: bytes
) -> tuple[bytes, frozenset[Reference]]:
    """`raw` with every reference replaced, as `resolve` does it, and all that this was made of, however far away."""
    async with database.transaction(principal.workspace, actor=Actor(name=principal.actor)) as tx:
        result, _, read = await _resolve(tx, database, keys, principal, raw)
    return result, frozenset(read)


async def _resolve(
    tx: Transaction, database: Database, keys: Keyring, principal: Principal, raw: bytes
) -> tuple[bytes, list[bytes], dict[Reference, _Target]]:
    plan = Interpolation(raw)
    read: dict[Reference, _Target] = {}
    secrets: list[bytes] = []
    while wanted := plan.wanted:
        found = await _readable(tx, principal, wanted)
        values: dict[Reference, bytes] = {}
        for target in found:
            if target.json is not None:
                values[target.reference] = target.json
                continue
            text = target.text or ""
            if target.sealed is not None:
                place = place_of(principal.workspace, target.path, target.version)
                secrets.append(await keys.open(tx, target.sealed, place=place))
                text = secrets[-1].decode()
            values[target.reference] = variable_value(text)
        plan.supply(values)
        read |= {target.reference: target for target in found}
    result = plan.result()
    secrets += await _secrets_in(database, principal.workspace, list(read.values()))
    await _note(tx, principal, list(read.values()))
    return result, secrets, read


async def may_read(statements: Statements, principal: Principal, wanted: Collection[Reference]) -> bool:
    """Whether all of these are there and `principal` may read their values."""
    return not wanted or len(await _readable(statements, principal, wanted)) == len(set(wanted))


async def missing(tx: Transaction, principal: Principal, raw: bytes) -> list[str]:
    """The references of `raw` itself that lead nowhere for `principal`, as they are written, in order."""
    wanted = references(raw)
    found = {target.reference for target in await _readable(tx, principal, wanted)} if wanted else set()
    return sorted(str(reference) for reference in wanted - found)


async def secrets_read_by_job(
    database: Database, keys: Keyring, job_id: UUID, workspace: str, after: int
) -> tuple[list[bytes], int]:
    """The secret values (UTF-8) that the job has read through the API since the record `after`, and where to go on.

    They are the versions that it read, even where they have changed since.
    """
    rows = await storage_access.read_by_job(database.single, job_id, workspace, after=after)
    if not rows:
        return [], after
    secrets = await _secret_variables(database, keys, workspace, [row for row in rows if row.kind == "variable"])
    secrets += await _secret_fields(database, workspace, [row for row in rows if row.kind == "resource"])
    return list(dict.fromkeys(secrets)), max(row.last_id for row in rows)


async def _readable(tx: Statements, principal: Principal, wanted: Collection[Reference]) -> list[_Target]:
    rows = await tx.fetch_all(
        _SQL.targets,
        _Target,
        workspace=principal.workspace,
        variables=[each.path for each in wanted if each.kind == "var" and "\0" not in each.path],
        resources=[each.path for each in wanted if each.kind == "res" and "\0" not in each.path],
    )
    return [row for row in rows if _may_read(principal, row)]


def _may_read(principal: Principal, target: _Target | Standing) -> bool:
    kind = ItemKind.VARIABLE if target.kind == "variable" else ItemKind.RESOURCE
    item = item_of(kind, target.path, target.extra_perms)
    return permit.decide(principal, Action.READ_VALUE, item).allowed


async def _note(tx: Transaction, principal: Principal, read: list[_Target]) -> None:
    sealed = [target for target in read if target.sealed is not None]
    for target in sealed:
        await audit.record(tx, principal, "variables.decrypt_secret", "Execute", target.path)
    noted = read if principal.is_job else sealed
    touched = [Touched(target.kind, target.path, target.version) for target in noted]
    await storage_access.record(tx, principal, touched, "read")


async def _secrets_in(database: Database, workspace: str, read: list[_Target]) -> list[bytes]:
    values = [(target.resource_type, target.json) for target in read if target.resource_type and target.json]
    return await _marked(database, workspace, values)


async def _marked(database: Database, workspace: str, values: list[tuple[str, bytes]]) -> list[bytes]:
    """The secret strings of values, given with their types."""
    if not values:
        return []
    places: Mapping[str, list[str]] = await resource_types.secret_places(
        database.single, workspace, {name for name, _ in values}
    )
    return [text.encode() for name, value in values if name in places for text in secret_values(value, places[name])]


async def _secret_variables(database: Database, keys: Keyring, workspace: str, rows: list[ReadByJob]) -> list[bytes]:
    if not rows:
        return []
    paths, versions = [row.path for row in rows], [row.version for row in rows]
    sealed = await database.single.fetch_all(
        storage_access.SQL.sealed_versions, workspace=workspace, paths=paths, versions=versions
    )
    return [
        await keys.open(database.single, row["sealed"], place=place_of(workspace, row["path"], row["version"]))
        for row in sealed
    ]


async def _secret_fields(database: Database, workspace: str, rows: list[ReadByJob]) -> list[bytes]:
    if not rows:
        return []
    paths, versions = [row.path for row in rows], [row.version for row in rows]
    found = await database.single.fetch_all(
        storage_access.SQL.resource_versions, workspace=workspace, paths=paths, versions=versions
    )
    return await _marked(database, workspace, [(row["resource_type"], row["value"]) for row in found])
