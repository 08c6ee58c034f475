"""What plans for flows are made of: results, scripts, rights. What is not at hand is loaded between two tries."""

import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

import msgspec

from tidemill.db import approvals, flow_runs, flows, identity, scripts
from tidemill.db.flows import FlowVersion
from tidemill.db.queue import ClaimedJob
from tidemill.db.scripts import Script, SeenScript
from tidemill.db.value_parts import Whole
from tidemill.db.values import Kept
from tidemill.engine import permit
from tidemill.engine.expressions.need import Large, Need
from tidemill.engine.expressions.paths import pick
from tidemill.engine.flow.state import Gathered
from tidemill.engine.permit import Action, Item, ItemKind
from tidemill.evaluators.messages import Question
from tidemill.languages import is_unlocked
from tidemill.model import jsontext
from tidemill.model.errors import BadRequest, Denied, ExpressionFailed, NotFound, TidemillError, TooLarge
from tidemill.model.flow_reading import read_flow
from tidemill.model.identity import Principal
from tidemill.model.path import parse_path
from tidemill.worker.context import WorkerParts
from tidemill.worker.flows.views import Definition, definition_of

_NULL: Final = b"null"
_KEPT_BYTES: Final = 32 * 1024 * 1024
_KNOWN: Final = 512
_KNOWN_ITEMS: Final = 100_000
_BELIEVED_S: Final = 5.0
MOST_LOADS: Final = 10_000
"""For one plan: each is followed by a new try at it."""
MOST_BYTES: Final = 512 << 20
"""Of large values that one plan holds."""


@dataclass(frozen=True, slots=True)
class WantResults:
    """Where the results of jobs are."""

    jobs: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class WantBytes:
    """The text of a large value."""

    digest: str


@dataclass(frozen=True, slots=True)
class WantPart:
    """A part of a large value: see `Values.part`."""

    digest: str
    need: Need
    at: int
    entire: bool


@dataclass(frozen=True, slots=True)
class WantTexts:
    """The texts of large values that become parts of one, each as if it were wanted alone."""

    digests: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class WantGathered:
    """The results of a step's children."""

    ref: Gathered


@dataclass(frozen=True, slots=True)
class WantKept:
    """A value is to be an object, so that rows can name it. It is known by its digest: it may be large.

    `value`: its text or, of an object that is not put together, its members.
    """

    digest: bytes
    value: bytes | Mapping[str, bytes] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WantItems:
    """Where that is what a loop goes through."""

    flow: UUID
    step: str


@dataclass(frozen=True, slots=True)
class WantIteration:
    """How an iteration of a loop went."""

    flow: UUID
    step: str
    index: int


@dataclass(frozen=True, slots=True)
class Loop:
    """One try at a loop: a further one may go through other items."""

    flow: UUID
    step: str
    tries: int


@dataclass(frozen=True, slots=True)
class WantScript:
    """A deployed script that whoever the flow acts for may run; by its path, or one version of it."""

    workspace: str
    email: str
    path: str
    hash: str | None


@dataclass(frozen=True, slots=True)
class WantFlow:
    """A deployed flow that whoever the flow acts for may run; by its path, or one version of it."""

    workspace: str
    email: str
    path: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class WantReference:
    """A variable or resource, under the rights of whom the flow acts for: `$var:<path>` or `$res:<path>`."""

    reference: str


@dataclass(frozen=True, slots=True)
class WantAnswers:
    """The answers that a step of a level has counted or, with the `source` of its definition, that it may count."""

    level: UUID
    step: str
    source: UUID | None = None


@dataclass(frozen=True, slots=True)
class WantEvaluation:
    """What an evaluator of `owner` answers to an expression that takes long."""

    owner: str
    question: Question = field(repr=False)


WantValue = WantResults | WantBytes | WantGathered | WantItems | WantIteration
WantStored = WantValue | WantScript | WantFlow | WantReference | WantAnswers
Want = WantStored | WantPart | WantTexts | WantKept | WantEvaluation


class Wanted(Exception):  # it says what to bring
    """Ends a try at a plan: this has to be loaded first."""

    def __init__(self, want: Want) -> None:
        super().__init__(repr(want))
        self.want = want


@dataclass(frozen=True, slots=True)
class RunnableScript:
    """A script as it is now, with the source of its version."""

    seen: SeenScript
    version: Script


@dataclass(slots=True)
class Memo:
    """What was loaded for one plan, beside what is remembered for longer."""

    answers: dict[Want, object] = field(default_factory=dict)
    loads: int = 0
    size_bytes: int = 0

    def note(self, want: Want, answer: object) -> None:
        """Keep what was loaded."""
        self.answers[want] = answer
        self.size_bytes += len(answer) if isinstance(answer, bytes) else 0


class Known:
    """What one worker remembers between plans: all of it never changes, or is checked when a plan is carried out."""

    def __init__(self, parts: WorkerParts) -> None:
        self._parts = parts
        self.evaluators = parts.evaluators
        self.max_bytes = parts.values.max_bytes
        self._results: OrderedDict[UUID, Kept] = OrderedDict()
        self._size = 0
        self._items: OrderedDict[Loop, list[msgspec.Raw]] = OrderedDict()
        self._definitions: OrderedDict[int, Definition] = OrderedDict()
        self._scripts: OrderedDict[tuple[str, str, str | None], RunnableScript] = OrderedDict()
        self._people: dict[tuple[str, str], tuple[float, Principal]] = {}

    def result(self, job: UUID) -> Kept | None:
        """Where the result of a completed job is, if that is remembered."""
        found = self._results.get(job)
        if found is not None:
            self._results.move_to_end(job)
        return found

    def remember(self, job: UUID, result: Kept) -> None:
        """The result of a job that has been recorded."""
        if job not in self._results:
            self._results[job] = result
            self._size += _size_of(result)
            while self._size > _KEPT_BYTES:
                _, dropped = self._results.popitem(last=False)
                self._size -= _size_of(dropped)

    def items(self, loop: Loop) -> list[msgspec.Raw] | None:
        """What a loop goes through, if that is remembered."""
        found = self._items.get(loop)
        if found is not None:
            self._items.move_to_end(loop)
        return found

    def remember_items(self, loop: Loop, items: list[msgspec.Raw]) -> None:
        """What a loop goes through, each as it is written."""
        self._items[loop] = items
        while len(self._items) > 1 and sum(map(len, self._items.values())) > _KNOWN_ITEMS:
            self._items.popitem(last=False)

    def forget_scripts(self) -> None:
        """One of them was not what had been seen."""
        self._scripts.clear()

    async def definition(self, source: UUID, version: int | None) -> Definition | None:
        """What the job `source` runs: the version `version` of a flow, or its own text. None: it was erased."""
        if version is not None and version in self._definitions:
            self._definitions.move_to_end(version)
            return self._definitions[version]
        raw = await flow_runs.definition(self._parts.database.single, source)
        if raw is None:
            return None
        found = definition_of(read_flow(raw))
        if version is not None:
            self._remember_definition(version, found)
        return found

    def definition_of_version(self, version: FlowVersion) -> Definition:
        """The definition of a version that was loaded."""
        found = self._definitions.get(version.id)
        if found is None:
            found = definition_of(read_flow(version.value))
            self._remember_definition(version.id, found)
        return found

    def _remember_definition(self, version: int, found: Definition) -> None:
        """Unless it may change yet: scripts that are not locked may get their locks."""
        if any(map(is_unlocked, found.steps.values())):
            return
        self._definitions[version] = found
        if len(self._definitions) > _KNOWN:
            self._definitions.popitem(last=False)

    async def load(self, want: Want, memo: Memo, held: ClaimedJob) -> None:
        """Bring what a plan wants. What cannot be had for reasons of the flow's own is an answer, too.

        `held` is a job of the flow that this worker holds, whose rights apply.
        """
        memo.loads += 1
        try:
            if isinstance(want, WantPart):
                memo.note(want, await self._part(want, memo))
            elif isinstance(want, WantTexts):
                for digest in want.digests:
                    memo.note(WantBytes(digest), await self._loaded(WantBytes(digest), held))
            elif isinstance(want, WantKept):
                memo.answers[replace(want, value=b"")] = await self._kept(want.value)
            elif isinstance(want, WantEvaluation):
                memo.answers[want] = await self.evaluators.answer(want.owner, want.question)
            else:
                memo.note(want, await self._loaded(want, held))
        except (NotFound, Denied, BadRequest, TooLarge) as error:
            memo.answers[want] = ExpressionFailed(str(error))

    async def _kept(self, value: bytes | Mapping[str, bytes]) -> Kept:
        what, values = "A value of the flow", self._parts.values
        if isinstance(value, bytes):
            return await values.keep(value, what=what, in_row=False)
        return await values.keep_object(value, what=what)

    async def _part(self, want: WantPart, memo: Memo) -> bytes | Large | None:
        found = await self._parts.values.part(want.digest, want.need, at=want.at, entire=want.entire)
        if not isinstance(found, Whole):
            return found
        memo.note(WantBytes(want.digest), found.text)
        return pick(found.text, want.need, behind=want.at)

    async def _loaded(self, want: WantStored, held: ClaimedJob) -> object:
        single, values = self._parts.database.single, self._parts.values
        match want:
            case WantResults():
                return await flow_runs.results(single, want.jobs)
            case WantBytes():
                return await values.fetch(None, want.digest) or _NULL
            case WantGathered():
                return await flow_runs.gathered_of(single, want.ref)
            case WantItems():
                return await flow_runs.items(single, want.flow, step=want.step)
            case WantIteration():
                return await flow_runs.iteration(single, want.flow, step=want.step, index=want.index)
            case WantScript() | WantFlow():
                return await (self._script(want) if isinstance(want, WantScript) else self._flow(want))
            case WantReference():
                return await self._reference(want, held)
            case WantAnswers():
                return await approvals.answers_for(single, want.level, step=want.step, source=want.source)

    async def _script(self, want: WantScript) -> RunnableScript:
        key = (want.workspace, want.path, want.hash)
        found = self._scripts.get(key)
        if found is not None:
            self._scripts.move_to_end(key)
        else:
            found = await self._script_now(want)
            if found.version.lock is not None:
                self._scripts[key] = found
                if len(self._scripts) > _KNOWN:
                    self._scripts.popitem(last=False)
        item = Item(ItemKind.SCRIPT, parse_path(found.seen.path), found.seen.shares)
        permit.require(await self._person(want.workspace, want.email), Action.RUN, item)
        return found

    async def _script_now(self, want: WantScript) -> RunnableScript:
        single = self._parts.database.single
        if want.hash is not None:
            seen = await scripts.seen_version(single, want.workspace, scripts.parse_hash(want.hash))
        else:
            seen = await scripts.seen_head(single, want.workspace, want.path)
        version = None if seen is None else await scripts.version(single, want.workspace, seen.hash)
        if seen is None or version is None or seen.deleted:
            raise NotFound(f"There is no script '{want.path}'.")
        if seen.no_main_func and not seen.has_preprocessor:
            raise BadRequest(f"'{seen.path}' has no main function: it is a library that other scripts import.")
        return RunnableScript(seen, version)

    async def _flow(self, want: WantFlow) -> FlowVersion:
        single = self._parts.database.single
        if want.version is not None:
            found = await flows.version(single, want.workspace, want.version)
        else:
            found = await flows.head(single, want.workspace, want.path)
        if found is None or found.archived:
            raise NotFound(f"There is no flow '{want.path}'.")
        item = Item(ItemKind.FLOW, parse_path(found.path), json.loads(found.extra_perms))
        permit.require(await self._person(want.workspace, want.email), Action.RUN, item)
        return found

    async def _reference(self, want: WantReference, held: ClaimedJob) -> bytes:
        resolved = await self._parts.data.resolve(held, jsontext.dumps({"value": want.reference}))
        if resolved.secrets:
            raise BadRequest(
                f"{want.reference[5:]} holds a secret, which would be kept in the clear with what it gives: "
                "pass it to the step as an argument of its own, with the call alone as the expression."
            )
        return jsontext.object_fields(resolved.args)["value"]

    async def _person(self, workspace: str, email: str) -> Principal:
        """Whom a flow acts for, as it stood up to `_BELIEVED_S` ago."""
        known = self._people.get((workspace, email))
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        found = await identity.principal_by_name(self._parts.database, email, workspace)
        if len(self._people) > _KNOWN:
            self._people.clear()
        self._people[workspace, email] = time.monotonic() + _BELIEVED_S, found
        return found


def answer_of(memo: Memo, want: Want) -> object:
    """What was loaded for `want`.

    Raises:
        Wanted: nothing was, yet.
        ExpressionFailed: it cannot be had, or so much has been loaded that there is no end to be seen.
    """
    if want not in memo.answers:
        _require_bounds(memo)
        raise Wanted(want)
    answer = memo.answers[want]
    if isinstance(answer, TidemillError):
        raise answer
    return answer


def _require_bounds(memo: Memo) -> None:
    if memo.loads >= MOST_LOADS:
        raise ExpressionFailed(f"What follows at once needs more than {MOST_LOADS} values that lie elsewhere.")
    if memo.size_bytes > MOST_BYTES:
        raise ExpressionFailed(
            f"What follows at once needs more than {MOST_BYTES >> 20} MB of values: take only the parts that matter."
        )


def _size_of(kept: Kept) -> int:
    return 200 + (len(kept.inline.raw) if kept.inline is not None else 0)
