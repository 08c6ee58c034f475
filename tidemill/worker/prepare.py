"""Makes a claimed job ready to start: its language, its lock and environment, what it is started with."""

import asyncio
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.db import queue, scripts
from tidemill.db.queue import ClaimedJob
from tidemill.languages import QUERY_LANGUAGES, load_program_language
from tidemill.languages.port import Environment, Launch, ProgramLanguage, Requirements, Workshop
from tidemill.model.errors import BadRequest
from tidemill.model.script import PREPROCESSOR_ENTRY, Signature
from tidemill.worker.context import WorkerParts
from tidemill.worker.housekeeping import mark_used
from tidemill.worker.settings import settings_of

_KNOWN: Final = 512
_LONG_CHARS: Final = 8192
_TYPES_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that is needed to start a job, but its arguments and rights."""

    language: ProgramLanguage
    signature: Signature
    needs: Requirements
    lock: str
    environment: Environment | None


class Preparer:
    """Prepares jobs of one worker. What follows from the source alone is remembered."""

    def __init__(self, parts: WorkerParts, workshop: Workshop) -> None:
        self._parts = parts
        self._workshop = workshop
        self._types: dict[str, tuple[float, frozenset[str]]] = {}
        self._known: OrderedDict[bytes, tuple[Signature, Requirements]] = OrderedDict()
        self._environments: dict[tuple[str, str], Environment | None] = {}

    def at_hand(self, job: ClaimedJob) -> Prepared | None:
        """As `prepare`, without waiting; None where something must be looked up or built first."""
        language, content = _source(job)
        types = self._types.get(job.workspace_id)
        if types is None or time.monotonic() >= types[0] or job.lock is None:
            return None
        known = self._known.get(_key(language, job, content, types[1]))
        place = language.name, job.lock
        if known is None or place not in self._environments:
            return None
        environment = self._environments[place]
        if environment is not None and not _is_there(environment):
            return None
        return Prepared(language=language, signature=known[0], needs=known[1], lock=job.lock, environment=environment)

    async def prepare(self, job: ClaimedJob) -> Prepared:
        """The environment of `job`, built or found.

        Raises:
            BadRequest: it has no source, or a language that is not there.
            InvalidScript, LockFailed: see `languages/port.py`.
        """
        language, content = _source(job)
        signature, needs = await self._read(job, language, content)
        lock = job.lock if job.lock is not None else await self._lock(job, language, needs)
        environment = await language.prepare(lock, workshop=self._workshop)
        if environment is not None:
            mark_used(environment.path)
        if len(self._environments) >= _KNOWN:
            self._environments.clear()
        self._environments[language.name, lock] = environment
        return Prepared(language=language, signature=signature, needs=needs, lock=lock, environment=environment)

    async def resolve_lock(self, job: ClaimedJob) -> str:
        """The lock of a dependency job's source, resolved anew."""
        if job.language in QUERY_LANGUAGES:
            return ""
        language, content = _source(job)
        _, needs = await self._read(job, language, content)
        return await language.lock(needs, workshop=self._workshop)

    def launch(
        self,
        job: ClaimedJob,
        prepared: Prepared,
        args: bytes,
        *,
        resources: Mapping[str, bytes],
        contextual: Mapping[str, str],
        checkpoint: bytes | None = None,
    ) -> Launch:
        """How `job` is started with `args`."""
        return prepared.language.launch(
            job.content or "",
            path=job.script_path or "",
            signature=prepared.signature,
            args=args,
            modules=prepared.needs.modules,
            environment=prepared.environment,
            resources=resources,
            contextual=contextual,
            checkpoint=checkpoint,
            preprocess=settings_of(job).preprocess,
        )

    async def _read(self, job: ClaimedJob, language: ProgramLanguage, content: str) -> tuple[Signature, Requirements]:
        types = await self._resource_types(job.workspace_id)
        key = _key(language, job, content, types)
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        entry = settings_of(job).entry
        if len(content) > _LONG_CHARS:  # parsing would hold up the other jobs and the heartbeat
            signature = await asyncio.to_thread(language.signature, content, entry=entry, resource_types=types)
        else:
            signature = language.signature(content, entry=entry, resource_types=types)
        if entry == PREPROCESSOR_ENTRY and not signature.has_entry:
            # the script is nothing else, and calls it main
            signature = language.signature(content, resource_types=types)
        read = self._parts.data.script_reader(job)
        needs = await language.requirements(content, path=job.script_path or "", read=read)
        if not needs.modules and not needs.missing:  # what it imports of the workspace may change at any time
            self._known[key] = signature, needs
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)
        return signature, needs

    async def _resource_types(self, workspace: str) -> frozenset[str]:
        """The types that users have made there; as they were up to `_TYPES_S` ago."""
        known = self._types.get(workspace)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        types = await scripts.resource_types(self._parts.database, workspace)
        self._types[workspace] = time.monotonic() + _TYPES_S, types
        return types

    async def _lock(self, job: ClaimedJob, language: ProgramLanguage, needs: Requirements) -> str:
        lock = await language.lock(needs, workshop=self._workshop)
        if job.script_hash is not None:
            await queue.store_lock(self._parts.database.single, job.workspace_id, job.script_hash, lock)
        return lock


def _key(language: ProgramLanguage, job: ClaimedJob, content: str, types: frozenset[str]) -> bytes:
    """What signature and requirements follow from."""
    entry = settings_of(job).entry
    text = f"{language.name}\0{entry}\0{job.script_path}\0{','.join(sorted(types))}\0{content}"
    return hashlib.sha256(text.encode()).digest()


def _is_there(environment: Environment) -> bool:
    """Whether nobody has removed it; it counts as used now."""
    mark_used(environment.path)
    return all(map(os.path.exists, environment.site_dirs))


def _source(job: ClaimedJob) -> tuple[ProgramLanguage, str]:
    if job.content is None or job.language is None:
        raise BadRequest(f"Version {job.script_hash} of {job.script_path} was deleted before the job could run.")
    return load_program_language(job.language), job.content
