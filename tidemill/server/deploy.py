"""Deploying a version of a script: which version it follows, what its source says, and its lock."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import anyio.to_thread
import msgspec

from tidemill.db import audit, identity, scripts
from tidemill.db.intake import NewJob
from tidemill.db.pool import Json, Transaction
from tidemill.db.scripts import NewVersion, Script, hash_of, hash_text, parse_hash
from tidemill.db.values import Kept
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.languages import load_language
from tidemill.languages.port import Language, ReadScript
from tidemill.model import jsontext
from tidemill.model.errors import AlreadyExists, BadRequest, Conflict, InvalidSchema, NotFound, TidemillError
from tidemill.model.identity import Principal
from tidemill.model.ids import milliseconds, new_id
from tidemill.model.path import check_name, parse_path
from tidemill.model.script import Signature
from tidemill.server.enqueue import put
from tidemill.server.on_behalf import on_behalf
from tidemill.server.parts import Parts, actor_of
from tidemill.server.script_wire import NewScript, check_supported, settings_of

_MAX_TEXT_CHARS = 100_000
_MAX_LABELS = 100


@dataclass(frozen=True, slots=True)
class Deployed:
    """A version that was deployed, or (`is_new` false) found to be the same as what is there."""

    number: int
    is_new: bool


async def deploy(
    parts: Parts, caller: Principal, new: NewScript, *, at: str | None = None, skip_if_noop: bool = False
) -> Deployed:
    """Deploy a version. `at`: the path of the script that it follows, which must be there.

    Raises:
        AlreadyExists: there is a script at the path, and no parent was named.
        Conflict: the parent is not the newest version.
        BadRequest, Denied, NotFound: something about it does not fit; the message says what.
    """
    check_supported(new)
    _check_texts(new)
    item = Item(ItemKind.SCRIPT, parse_path(new.path))
    language = load_language(new.language)
    types = await scripts.resource_types(parts.database, caller.workspace)
    signature = await anyio.to_thread.run_sync(lambda: language.signature(new.content, resource_types=types))
    async with parts.database.transaction(caller.workspace, actor=actor_of(caller)) as tx:
        await identity.hold_attempt(tx, caller)
        parent = await _parent(tx, caller, new, item, at)
        _require(caller, item, parent)
        version = await _version(tx, caller, new, parent, signature=signature, language=language)
        if skip_if_noop and parent is not None and _is_same(parent, version):
            return Deployed(parent.hash, is_new=False)
        number = hash_of(version, None if parent is None else parent.hash, time.time_ns())
        await scripts.add(tx, version, number=number, parent=parent)
        if version.lock_job is not None:
            await put(tx, caller, _lock_job(caller, version, version.lock_job, number))
        operation = "scripts.create" if parent is None else "scripts.update"
        await audit.record(tx, caller, operation, "Create", new.path, {"hash": hash_text(number)})
    return Deployed(number, is_new=True)


async def signature_of(parts: Parts, caller: Principal, language: str, content: str) -> Signature:
    """What the source says about its arguments, by parsing only.

    Raises:
        InvalidScript: it cannot be parsed.
    """
    found = load_language(language)
    types = await scripts.resource_types(parts.database, caller.workspace)
    return await anyio.to_thread.run_sync(lambda: found.signature(content, resource_types=types))


async def _parent(tx: Transaction, caller: Principal, new: NewScript, item: Item, at: str | None) -> Script | None:
    """The version that the new one follows; None for a new script."""
    path = item.path.text if at is None else parse_path(at).text
    head = await scripts.head(tx, caller.workspace, path)
    if new.parent_hash:
        named = await scripts.version(tx, caller.workspace, parse_hash(new.parent_hash))
        if named is None or not _may_know(caller, named):
            raise NotFound(f"There is no script version '{new.parent_hash[:40]}' to follow.")
        if at is not None and named.path != path:
            raise BadRequest(f"The version {new.parent_hash} is not one of '{path}'.")
        return await _newest_of(tx, caller, named, tolerant=bool(new.auto_parent))
    if head is None and at is not None:
        raise permit.not_found(Item(ItemKind.SCRIPT, parse_path(at)))
    if head is None or new.auto_parent or at is not None:
        return head
    permit.require(caller, Action.CREATE, item)
    raise AlreadyExists(
        f"There is a script at '{path}' already: send its hash as parent_hash (or auto_parent: true) to deploy a new "
        "version of it."
    )


async def _newest_of(tx: Transaction, caller: Principal, named: Script, *, tolerant: bool) -> Script:
    newest = await scripts.latest(tx, caller.workspace, named.path)
    assert newest is not None
    if newest.hash != named.hash and not tolerant:
        raise Conflict(
            f"The version {hash_text(named.hash)} of '{named.path}' is not the newest any more: "
            f"{hash_text(newest.hash)} is. Look at it and deploy again, or send auto_parent: true."
        )
    return newest


def _may_know(caller: Principal, script: Script) -> bool:
    return permit.decide(caller, Action.READ, _item_of(script)).allowed


def _item_of(script: Script) -> Item:
    return Item(ItemKind.SCRIPT, parse_path(script.path), script.shares)


def _require(caller: Principal, item: Item, parent: Script | None) -> None:
    """A new path needs the right to create there; an old one to change it; a move needs both, and to move it away."""
    if parent is None:
        permit.require(caller, Action.CREATE, item)
    elif parent.path == item.path.text:
        permit.require(caller, Action.WRITE, _item_of(parent))
    else:
        permit.require(caller, Action.MOVE, _item_of(parent))
        permit.require(caller, Action.CREATE, item)


async def _version(
    tx: Transaction,
    caller: Principal,
    new: NewScript,
    parent: Script | None,
    *,
    signature: Signature,
    language: Language,
) -> NewVersion:
    # Clients of others cannot say `on_worker_loss`: what must not start twice stays so when they deploy it.
    on_worker_loss = new.on_worker_loss or ("restart" if parent is None else parent.on_worker_loss)
    lock = "\n".join(new.lock) if isinstance(new.lock, list) else new.lock
    lock_job: UUID | None = None
    if lock is None:
        needs = await language.requirements(new.content, path=new.path, read=_reader(tx, caller))
        if needs.specifiers or needs.requires_python:
            lock_job = new_id(milliseconds(datetime.now(UTC)))
        else:
            lock = ""
    behalf = await on_behalf(tx, caller, new)
    return NewVersion(
        workspace_id=caller.workspace,
        path=new.path,
        summary=new.summary,
        description=new.description or "",
        content=new.content,
        language=new.language,
        kind=new.kind or "script",
        schema=_schema(new, signature),
        lock=lock,
        lock_job=lock_job,
        no_main_func=not signature.has_entry,
        has_preprocessor=signature.has_preprocessor,
        tag=check_name("tag", new.tag) if new.tag else None,
        on_worker_loss=on_worker_loss,
        options=Json(msgspec.json.encode({**settings_of(new), **behalf})),
        labels=new.labels or [],
        deployment_message=new.deployment_message or None,
        created_by=caller.username or caller.email,
    )


def _schema(new: NewScript, signature: Signature) -> Json:
    raw = bytes(new.schema)
    if raw in {b"null", b"{}"}:
        return Json(jsontext.dumps(signature.schema()))  # type: ignore[arg-type]  # it is made of JSON values
    if not raw.lstrip().startswith(b"{"):
        raise InvalidSchema("schema must be a JSON object.")
    return Json(raw)


def _reader(tx: Transaction, caller: Principal) -> ReadScript:
    """Reads what the script imports, as far as whoever deploys it may read it."""

    async def read(path: str) -> str | None:
        try:
            found = await scripts.head(tx, caller.workspace, parse_path(path).text)
        except TidemillError:
            return None
        return found.content if found is not None and _may_know(caller, found) else None

    return read


def _lock_job(caller: Principal, version: NewVersion, job_id: UUID, number: int) -> NewJob:
    return NewJob(
        id=job_id,
        workspace_id=caller.workspace,
        kind="dependencies",
        tag="dependency",
        created_by=caller.username or caller.email,
        permissioned_as=caller.actor,
        email=caller.email,
        args=Kept(inline=Json(b"{}")),
        script_hash=number,
        script_path=version.path,
        language=version.language,
    )


def _is_same(old: Script, new: NewVersion) -> bool:
    """Whether a new version would change nothing. A lock that was not sent counts as unchanged."""
    return (
        not old.archived
        and (old.path, old.summary, old.description, old.content)
        == (new.path, new.summary, new.description, new.content)
        and (old.language, old.kind, old.tag, old.on_worker_loss)
        == (new.language, new.kind, new.tag, new.on_worker_loss)
        and (new.lock in {old.lock, ""} or new.lock_job is not None)
        and sorted(old.labels) == sorted(new.labels)
        and _same_json(old.options, new.options.raw)
        and _same_json(old.schema or b"null", new.schema.raw)
    )


def _same_json(one: bytes, other: bytes) -> bool:
    """Numbers with a point or an exponent are compared as they are written: a float cannot hold all of them."""
    same: bool = json.loads(one, parse_float=str) == json.loads(other, parse_float=str)
    return same


def _check_texts(new: NewScript) -> None:
    for name in ("summary", "description", "deployment_message"):
        if len(getattr(new, name) or "") > _MAX_TEXT_CHARS:
            raise BadRequest(f"{name} has more than {_MAX_TEXT_CHARS} characters.")
    if len(new.labels or []) > _MAX_LABELS:
        raise BadRequest(f"A script has at most {_MAX_LABELS} labels.")
