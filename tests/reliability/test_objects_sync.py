"""A17: a put is answered only after its bytes, their name and its row were synced, and never when a sync failed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import need_strace
from tests.reliability.object_writer import versions_of_size
from tests.reliability.test_objects_crash import Record, check

FIRST, SECOND, THIRD = versions_of_size("a", 200_000, 3)
(SMALL,) = versions_of_size("b", 100, 1)
SYNCS = "fsync,fdatasync"
VERBS = {
    "write": "write",
    "pwrite64": "write",
    "fsync": "sync",
    "fdatasync": "sync",
    "unlink": "remove",
    "unlinkat": "remove",
}
CALL = re.compile(r"^(?P<pid>\d+) +(?:(?P<name>\w+)\((?P<rest>.*)|<\.\.\. (?P<resumed>\w+) resumed>(?P<end>.*))$")


@pytest.fixture(autouse=True, scope="module")
def strace() -> None:
    need_strace()


def told(root: Path) -> list[str]:
    return [sys.executable, "-m", "tests.reliability.object_writer", str(root), "told"]


class Writer:
    """A process that writes what it is told."""

    def __init__(self, root: Path) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(told(root), stdin=pipe, stdout=pipe, text=True)
        self.record = Record()

    def write(self, key: str, version: int) -> list[str]:
        """How it ended: `["done", …]` or `["failed", …]`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{key} {version}\n")
        self.process.stdin.flush()
        lines = [self.process.stdout.readline() for _ in range(2)]
        for line in lines:
            self.record.hear(line)
        return json.loads(lines[1])

    def end(self) -> None:
        self.process.communicate()
        assert self.process.returncode == 0


async def test_what_could_not_be_synced_is_never_answered_as_done(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "objects")
    assert writer.write("a", FIRST)[0] == "done"
    inject = ["-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:error=EIO", "-o", str(tmp_path / "trace")]
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(writer.process.pid), *inject], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    for key, version in (("a", SECOND), ("b", SMALL), ("multi/a", FIRST), ("a", SECOND)):
        assert writer.write(key, version) == ["failed", key, version, "unavailable"]
    tracer.terminate()
    tracer.communicate()
    assert "EIO" in (tmp_path / "trace").read_text()
    assert writer.write("a", THIRD)[0] == "done"
    assert writer.write("b", SMALL)[0] == "done"
    writer.end()
    await check(tmp_path / "objects", writer.record)


def events_of(trace: str, root: Path) -> Iterator[str]:
    """What happened, in the order in which it ended: `write blob`, `sync log`, `tell done`, …"""
    begun: dict[str, tuple[str, str]] = {}
    for line in trace.splitlines():
        found = CALL.match(line)
        if found is None:
            continue
        if found["name"] and line.endswith("<unfinished ...>"):
            begun[found["pid"]] = (found["name"], found["rest"])
            continue
        name, rest = (found["name"], found["rest"]) if found["name"] else begun.pop(found["pid"])
        event = event_of(name, rest, str(root))
        if event:
            yield event


def event_of(name: str, rest: str, root: str) -> str:
    """Descriptors come with their paths (`-y`)."""
    verb = VERBS.get(name, "")
    if name == "unlinkat":
        rest = rest.replace('>, "', "/", 1)
    if rest.startswith("1<"):
        told = re.search(r'\[\\"(\w+)\\"', rest)
        return f"tell {told[1]}" if told else ""
    path = re.search(rf"{re.escape(root)}/([\w./-]+)", rest)
    if not verb or path is None:
        return ""
    parts = path[1].removesuffix("(deleted)").split("/")
    what = {1: "directories", 2: "directory", 3: "blob"}[len(parts)] if parts[0] == "blobs" else parts[0]
    return f"{verb} {'log' if what.endswith('-wal') else what}"


def trace(tmp_path: Path, **environment: str) -> list[str]:
    """What happens during the second of two puts of large objects to one key."""
    root = tmp_path / "objects"
    traced = f"write,pwrite64,unlink,unlinkat,{SYNCS}"
    command = ["strace", "-f", "-y", "-s", "40", "-o", str(tmp_path / "trace"), "-e", f"trace={traced}", *told(root)]
    lines = f"a {FIRST}\na {SECOND}\n"
    subprocess.run(
        command, input=lines, text=True, check=True, stdout=subprocess.PIPE, env={**os.environ, **environment}
    )
    events = list(events_of((tmp_path / "trace").read_text(), root))
    begins = [number for number, event in enumerate(events) if event == "tell begin"]
    return events[begins[1] :]


def is_durable(events: list[str]) -> bool:
    """Whether each step of the second put came only after what it builds on could not be lost any more."""
    order = ["write blob", "sync blob", "sync directory", "write log", "sync log", "tell done"]
    if set(order) - set(events):
        return False
    until_done = events[: events.index("tell done") + 1]
    last = {event: place for place, event in enumerate(until_done)}
    places = [last[event] for event in order if event in last]
    return places == sorted(places) and len(places) == len(order)


def test_bytes_then_names_then_the_row_are_synced_before_the_answer(tmp_path: Path) -> None:
    events = trace(tmp_path)
    assert is_durable(events), events
    assert events.index("remove blob") > events.index("sync log"), "the replaced blob goes last"


def test_a_store_that_does_not_sync_is_noticed(tmp_path: Path) -> None:
    """The negative control."""
    events = trace(tmp_path, FAULT="syncs-nothing")
    assert "tell done" in events
    assert not is_durable(events)
