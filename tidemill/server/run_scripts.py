"""Running deployed scripts: finds the version that a request names, decides, and submits its job."""

from contextlib import suppress
from dataclasses import replace
from typing import Final

from starlette.requests import Request

from tidemill.db import scripts
from tidemill.db.scripts import RunnableScript, SeenScript, hash_text, parse_hash
from tidemill.engine import permit
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.model.by_identity import ByIdentity
from tidemill.model.errors import BadRequest, Denied, NotFound, Outdated
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.server.arguments import Shape, arguments, reads_schema, webhook
from tidemill.server.enqueue import RunQuery, Submitted, is_webhook, of_script, preprocessed, submit
from tidemill.server.known_scripts import Named
from tidemill.server.objects.form_files import FormFiles
from tidemill.server.parts import Parts

_REFUSALS: Final = (BadRequest, Denied, NotFound)


def by_path(text: str) -> Named:
    """The script at a path.

    Raises:
        InvalidPath: it is no path.
    """
    return Named(path=parse_path(text))


def by_hash(text: str) -> Named:
    """One version.

    Raises:
        NotFound: it is no hash.
    """
    return Named(number=parse_hash(text))


async def run_script(
    parts: Parts, caller: Principal, request: Request, named: Named, *, query: RunQuery, wanted: Shape
) -> Submitted:
    """Put a job of the script into the queue; as `submit`.

    Raises:
        NotFound: there is none, or the caller may not know of it.
        Denied: the caller may not run it.
        BadRequest: it is a library, or the arguments cannot be read.
    """
    if named.path is not None:
        permit.require_scope(caller, "jobs", "run", path=named.path.text, kind="scripts")
    max_bytes = parts.values.max_bytes
    async with FormFiles(parts.objects, caller) as files:
        known = _known(parts, caller, request, named)
        if known is not None and not (known.has_preprocessor and is_webhook(caller, query)):
            args = await arguments(request, wanted, schema=known.schema, max_bytes=max_bytes, keep_file=files.put)
            runnable = replace(of_script(known), script_row=known.row)
            with suppress(Outdated, *_REFUSALS):  # told only if repeated upon what is there now
                return await submit(parts, caller, request, runnable, args=args, query=query)
        script = await _looked_up(parts, caller, named)
        runnable = of_script(script)
        if script.has_preprocessor and is_webhook(caller, query):
            runnable = preprocessed(runnable)
            args, sent = await webhook(request, wanted, max_bytes=max_bytes, keep_file=files.put)
        else:
            args = sent = await arguments(
                request, wanted, schema=script.schema, max_bytes=max_bytes, keep_file=files.put
            )
        identity = files.identity_of(sent)
        submitted = await submit(parts, caller, request, runnable, args=args, query=query, identity=identity)
        if not submitted.is_repeat:
            files.keep()
    parts.known_scripts.keep(caller.workspace, named, script)
    return submitted


async def runnable_script(parts: Parts, caller: Principal, named: Named) -> SeenScript:
    """The script that a request names, which the caller may run.

    Raises:
        NotFound, Denied, BadRequest: see `run_script`.
    """
    if named.path is not None:
        permit.require_scope(caller, "jobs", "run", path=named.path.text, kind="scripts")
    return await _looked_up(parts, caller, named)


def _known(parts: Parts, caller: Principal, request: Request, named: Named) -> SeenScript | None:
    """The script from memory, if the caller might run it and the arguments do not depend on its schema."""
    script = parts.known_scripts.get(caller.workspace, named)
    if script is None or reads_schema(request):
        return None
    try:
        _require(caller, named, script)
    except _REFUSALS:
        return None
    return script


async def _looked_up(parts: Parts, caller: Principal, named: Named) -> SeenScript:
    """The script as it is now, once it is clear that the caller may run it."""
    single = parts.database.single
    if named.path is not None:
        script = await scripts.seen_head(single, caller.workspace, named.path.text)
    else:
        script = await scripts.seen_version(single, caller.workspace, named.number)
    if script is None:
        raise _missing(named)
    _require(caller, named, script)
    return script


def _item(script: RunnableScript) -> Item:
    return Item(ItemKind.SCRIPT, parse_path(script.path), script.shares)


_ITEM: Final = ByIdentity(_item)


def _require(caller: Principal, named: Named, script: RunnableScript) -> None:
    try:
        permit.require(caller, Action.RUN, _ITEM(script))
    except NotFound:
        raise _missing(named) from None
    if script.deleted:
        raise _missing(named)
    if script.no_main_func:
        raise BadRequest(f"'{script.path}' has no main function: it is a library that other scripts import.")


def _missing(named: Named) -> NotFound:
    """The same for what is not there and what the caller may not know of; by hash it tells no path."""
    if named.path is not None:
        return permit.not_found(Item(ItemKind.SCRIPT, named.path))
    return NotFound(f"There is no script version '{hash_text(named.number)}'.")
