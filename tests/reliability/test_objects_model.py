"""A19: any order of calls, of restarts and of crashes leaves an object store as a dictionary would be.

`TIDEMILL_SOAK=1` runs 2,000 examples instead of 100.
"""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.contracts.objects.bytes_of import body, broken_body, content_of, noise, read
from tests.contracts.objects.in_folder import check_folder
from tidemill.model.errors import BadRequest, NotFound, PreconditionFailed, RangeUnsatisfiable, TidemillError
from tidemill.model.failpoint import Failpoint, arm
from tidemill.stores.objects.checks import resolve_range
from tidemill.stores.objects.folding import folder_of, skipped_folder
from tidemill.stores.objects.local import changes, rows
from tidemill.stores.objects.local.store import LocalConfig, LocalStore
from tidemill.stores.objects.memory import MemoryStore
from tidemill.stores.objects.port import (
    ALWAYS,
    CREATE,
    NO_ATTRIBUTES,
    Attributes,
    Condition,
    Folder,
    ObjectStore,
    Part,
    Reading,
)

SOAK = os.environ.get("TIDEMILL_SOAK") == "1"
ORDINARY = settings(
    max_examples=2000 if SOAK else 100,
    stateful_step_count=30,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
SEARCH = settings(ORDINARY, max_examples=1000, phases=[Phase.generate], derandomize=True, print_blob=False)
"""For stores with a fault, which must be found: the same examples each time."""

KEYS = st.sampled_from(["a", "a-b", "a/", "a//b", "a/../b", "a/b", "a/b/c", "b", "é"])
PREFIXES = st.sampled_from(["", "a", "a/", "a//", "b", "é", "z"])
CONTENTS = st.builds(noise, st.sampled_from([0, 10, 65_536, 65_537, 200_000]), st.integers(0, 5))
ATTRIBUTES = st.sampled_from([NO_ATTRIBUTES, Attributes(content_type="text/csv", metadata={"owner": "ann"})])
CONDITIONS = st.sampled_from(["always", "always", "always", "create", "same", "other"])
POINTS = st.sampled_from(["objects.after_blob", "objects.before_commit", "objects.after_commit"])
WHICH = st.integers(0, 11)


@dataclass(frozen=True)
class Kept:
    content: bytes
    attributes: Attributes
    etag: str


@dataclass
class Upload:
    key: str
    attributes: Attributes
    parts: dict[int, tuple[bytes, Part]] = field(default_factory=dict)


def agree(found: object, wanted: object, what: str) -> None:
    """As an assert, but without a comparison letter by letter: of large contents that takes minutes."""
    if found != wanted:
        pytest.fail(f"{what}: not what was stored")


class StoreMachine(RuleBasedStateMachine):
    """Calls a store and a dictionary, and compares what they answer."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.root = Path(tempfile.mkdtemp(prefix="objects-"))
        self.store = self.open_store()
        self.objects: dict[str, Kept] = {}
        self.uploads: dict[str, Upload] = {}
        self.readings: list[tuple[Reading, bytes]] = []

    def open_store(self) -> ObjectStore:
        return LocalStore(LocalConfig(self.root / "storage"))

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    # ------------------------------------------------------------ objects

    @rule(key=KEYS, content=CONTENTS, attributes=ATTRIBUTES, condition=CONDITIONS)
    def put(self, key: str, content: bytes, attributes: Attributes, condition: str) -> None:
        wanted = self.condition(condition, key)
        call = self.store.put(key, body(content), attributes=attributes, condition=wanted)
        if self.holds(wanted, key):
            self.objects[key] = Kept(content, attributes, self.run(call).etag)
        else:
            self.refused(call, PreconditionFailed)

    @rule(key=KEYS, content=CONTENTS, breaks=st.booleans())
    def put_in_vain(self, key: str, content: bytes, breaks: bool) -> None:
        if breaks:
            self.refused(self.store.put(key, broken_body(content)), ConnectionResetError)
        else:
            self.refused(self.store.put(key, body(content), size_bytes=len(content) + 1), BadRequest)

    @rule(key=KEYS, start=st.integers(-5, 70_000), length=st.none() | st.integers(0, 70_000))
    def get(self, key: str, start: int, length: int | None) -> None:
        end = None if length is None or start < 0 else start + length
        kept = self.objects.get(key)
        if kept is None:
            self.refused(self.store.get(key), NotFound)
            return
        try:
            first, last = resolve_range(len(kept.content), start, end)
        except RangeUnsatisfiable:
            self.refused(self.store.get(key, start=start, end=end), RangeUnsatisfiable)
            return
        agree(self.run(read(self.store, key, start=start, end=end)), kept.content[first:last], f"a range of {key}")

    @rule(key=KEYS)
    def begin_to_read(self, key: str) -> None:
        if key in self.objects and len(self.readings) < 3:
            self.readings.append((self.run(self.store.get(key)), self.objects[key].content))

    @precondition(lambda self: self.readings)
    @rule(which=WHICH)
    def read_to_the_end(self, which: int) -> None:
        reading, content = self.readings.pop(which % len(self.readings))
        agree(self.run(content_of(reading)), content, "a reading that is not of one version")

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.run(self.store.delete(key))
        self.objects.pop(key, None)

    @rule(keys=st.lists(KEYS, max_size=4))
    def delete_many(self, keys: list[str]) -> None:
        assert self.run(self.store.delete_many(keys)) == {}
        for key in keys:
            self.objects.pop(key, None)

    @rule(source=KEYS, to=KEYS, attributes=st.none() | ATTRIBUTES, condition=CONDITIONS)
    def copy(self, source: str, to: str, attributes: Attributes | None, condition: str) -> None:
        wanted = self.condition(condition, to)
        call = self.store.copy(source, to, attributes=attributes, condition=wanted)
        if source not in self.objects:
            self.refused(call, NotFound)
        elif not self.holds(wanted, to):
            self.refused(call, PreconditionFailed)
        else:
            kept = self.objects[source]
            beside = kept.attributes if attributes is None else attributes
            self.objects[to] = Kept(kept.content, beside, self.run(call).etag)

    # ------------------------------------------------------------ listings

    @rule(prefix=PREFIXES, after=KEYS | PREFIXES, limit=st.integers(1, 10))
    def scan(self, prefix: str, after: str, limit: int) -> None:
        page = self.run(self.store.scan(prefix, after=after, limit=limit))
        wanted = [key for key in sorted(self.objects) if key.startswith(prefix) and key > after][:limit]
        assert [info.key for info in page] == wanted
        for info in page:
            assert (info.size_bytes, info.etag) == (len(self.objects[info.key].content), self.objects[info.key].etag)

    @rule(prefix=PREFIXES, after=KEYS | PREFIXES, limit=st.integers(1, 10))
    def scan_folder(self, prefix: str, after: str, limit: int) -> None:
        page = self.run(self.store.scan_folder(prefix, after=after, limit=limit))
        skipped = skipped_folder(after, prefix, "/")
        wanted: dict[str, bool] = {}
        for key in sorted(self.objects):
            if key.startswith(prefix) and key > after and not (skipped and key.startswith(skipped)):
                folder = folder_of(key, prefix, "/")
                wanted[folder or key] = folder is not None
        found = {entry.prefix if isinstance(entry, Folder) else entry.key: isinstance(entry, Folder) for entry in page}
        assert list(found.items()) == list(wanted.items())[:limit]

    # ------------------------------------------------------------ uploads

    @precondition(lambda self: len(self.uploads) < 4)
    @rule(key=KEYS, attributes=ATTRIBUTES)
    def start_upload(self, key: str, attributes: Attributes) -> None:
        self.uploads[self.run(self.store.start_upload(key, attributes=attributes))] = Upload(key, attributes)

    @precondition(lambda self: self.uploads)
    @rule(which=WHICH, number=st.integers(1, 4), content=CONTENTS)
    def put_part(self, which: int, number: int, content: bytes) -> None:
        name, upload = self.upload(which)
        part = self.run(self.store.put_part(upload.key, name, number, body(content)))
        upload.parts[number] = (content, part)

    @precondition(lambda self: self.uploads)
    @rule(which=WHICH, left_out=st.integers(1, 4), condition=CONDITIONS)
    def complete_upload(self, which: int, left_out: int, condition: str) -> None:
        name, upload = self.upload(which)
        wanted = self.condition(condition, upload.key)
        numbers = [number for number in sorted(upload.parts) if number != left_out]
        parts = [upload.parts[number][1] for number in numbers]
        call = self.store.complete_upload(upload.key, name, parts, condition=wanted)
        if not parts:
            self.refused(call, BadRequest)
        elif not self.holds(wanted, upload.key):
            self.refused(call, PreconditionFailed)
        else:
            content = b"".join(upload.parts[number][0] for number in numbers)
            self.objects[upload.key] = Kept(content, upload.attributes, self.run(call).etag)
            del self.uploads[name]

    @precondition(lambda self: self.uploads)
    @rule(which=WHICH)
    def abort_upload(self, which: int) -> None:
        name, upload = self.upload(which)
        self.run(self.store.abort_upload(upload.key, name))
        del self.uploads[name]
        self.refused(self.store.put_part(upload.key, name, 1, body(b"x")), NotFound)

    # ------------------------------------------------------------ restarts and crashes

    @rule()
    def restart(self) -> None:
        for reading, _ in self.readings:
            self.run(reading.body.aclose())  # type: ignore[attr-defined]
        self.readings.clear()
        self.run(self.store.close())
        self.store = self.open_store()

    @rule(point=POINTS, key=KEYS, content=CONTENTS)
    def crash_in_a_put(self, point: str, key: str, content: bytes) -> None:
        self.crash(point, lambda: self.store.put(key, body(content)), {key: Kept(content, NO_ATTRIBUTES, "")})

    @rule(point=POINTS, key=KEYS)
    def crash_in_a_delete(self, point: str, key: str) -> None:
        self.crash(point, lambda: self.store.delete(key), {key: None})

    @rule(point=POINTS, source=KEYS, to=KEYS)
    def crash_in_a_copy(self, point: str, source: str, to: str) -> None:
        if source in self.objects:
            self.crash(point, lambda: self.store.copy(source, to), {to: self.objects[source]})

    @precondition(lambda self: any(upload.parts for upload in self.uploads.values()))
    @rule(point=POINTS, which=WHICH)
    def crash_in_a_completion(self, point: str, which: int) -> None:
        name, upload = self.upload(which)
        if not upload.parts:
            return
        numbers = sorted(upload.parts)
        parts = [upload.parts[number][1] for number in numbers]
        content = b"".join(upload.parts[number][0] for number in numbers)
        kept = Kept(content, upload.attributes, "")
        self.crash(point, lambda: self.store.complete_upload(upload.key, name, parts), {upload.key: kept})
        self.run(self.store.abort_upload(upload.key, name))
        del self.uploads[name]

    def crash(self, point: str, call: Callable[[], Coroutine[Any, Any, Any]], change: dict[str, Kept | None]) -> None:
        """The change happened as a whole or not at all; what is there is what counts from now on."""
        arm(f"{point}:1:raise")
        try:
            self.run(call())
            may_be_old = False
        except Failpoint:
            may_be_old = True
        finally:
            arm("")
        self.restart()
        ((key, new),) = change.items()
        found = self.found(key)
        possible = [new, *([self.objects.get(key)] if may_be_old else [])]
        contents = [each and (each.content, each.attributes) for each in possible]
        if (found and (found.content, found.attributes)) not in contents:
            pytest.fail(f"{key} is neither old nor new")
        if found is None:
            self.objects.pop(key, None)
        else:
            self.objects[key] = found

    # ------------------------------------------------------------ what is used above

    def upload(self, which: int) -> tuple[str, Upload]:
        return list(self.uploads.items())[which % len(self.uploads)]

    def condition(self, kind: str, key: str) -> Condition:
        there = self.objects[key].etag if key in self.objects else "0" * 32
        return {"always": ALWAYS, "create": CREATE, "same": Condition(etag=there)}.get(kind, Condition(etag="1" * 32))

    def holds(self, condition: Condition, key: str) -> bool:
        there = self.objects.get(key)
        if condition.create:
            return there is None
        return not condition.etag or (there is not None and there.etag == condition.etag)

    def refused(self, call: Coroutine[Any, Any, Any], error: type[Exception]) -> None:
        with pytest.raises(error):
            self.run(call)

    def found(self, key: str) -> Kept | None:
        try:
            info = self.run(self.store.head(key))
        except NotFound:
            return None
        return Kept(self.run(read(self.store, key)), info.attributes, info.etag)

    def teardown(self) -> None:
        """All is as in the dictionary, and nothing else is on the disk."""
        try:
            for reading, content in self.readings:
                agree(self.run(content_of(reading)), content, "what was being read")
            assert [info.key for info in self.run(self.store.scan(""))] == sorted(self.objects)
            for key, kept in self.objects.items():
                agree(self.found(key), kept, key)
            self.check_disk()
        finally:
            self.run(self.store.close())
            self.runner.close()
            shutil.rmtree(self.root)

    def check_disk(self) -> None:
        """I11; what a crash left is garbage, and goes."""
        self.run(self.store.collect_garbage(age_s=0))  # type: ignore[attr-defined]
        self.run(self.store.close())
        self.run(check_folder(self.root / "storage"))


class MemoryMachine(StoreMachine):
    """There are no crashes without a disk."""

    crash_in_a_put = crash_in_a_delete = crash_in_a_copy = crash_in_a_completion = None

    def open_store(self) -> ObjectStore:
        return getattr(self, "store", None) or MemoryStore()

    def check_disk(self) -> None:
        return


class FewRules(StoreMachine):
    """What the faults below do not need only makes them take longer to be found."""

    crash_in_a_put = crash_in_a_delete = crash_in_a_copy = crash_in_a_completion = restart = None
    start_upload = begin_to_read = put_in_vain = delete_many = scan = None


@pytest.mark.parametrize("machine", [StoreMachine, MemoryMachine])
def test_a_store_is_as_a_dictionary(machine: type[StoreMachine]) -> None:
    run_state_machine_as_test(machine, settings=ORDINARY)


def forgets_references(connection, source, target, **options):
    """A copy that does not count that two objects lead to one content."""
    info, freed = COPY(connection, source, target, **options)
    found = rows.find(connection, source)
    connection.execute("update content set refs = 1 where id = ?", (found and found.content,))
    return info, freed


def ignores_conditions(key, etag, condition):
    """Every condition holds."""


def lists_folders_twice(connection, prefix, **options):
    """A folder is told again when a page begins behind it."""
    return rows.scan(connection, prefix, after=options["after"], limit=options["limit"])


COPY = changes.copy
FAULTS = {
    "references": (changes, "copy", forgets_references),
    "conditions": (changes, "check_condition", ignores_conditions),
    "folders": (rows, "scan_folder", lists_folders_twice),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_with_a_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative controls."""
    monkeypatch.setattr(*FAULTS[fault])
    with pytest.raises((AssertionError, TidemillError, pytest.fail.Exception)):
        run_state_machine_as_test(FewRules, settings=SEARCH)
