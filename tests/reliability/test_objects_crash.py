"""A18: a process that writes objects is killed at any moment; every object is whole, old or new, and nothing is lost.

`TIDEMILL_SOAK=1` goes on until a thousand overwrites and two hundred completed uploads were killed in.
"""

import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contracts.objects.bytes_of import read
from tests.contracts.objects.in_folder import check_folder
from tests.reliability.object_writer import KEYS, content_of, digest_of, versions_of_size
from tidemill.model.errors import ContentDamaged, NotFound
from tidemill.stores.objects.local.store import LocalConfig, LocalStore

SOAK = os.environ.get("TIDEMILL_SOAK") == "1"
KILLS = 400 if SOAK else 15
POINTS = ("objects.after_blob", "objects.before_commit", "objects.after_commit")


class Record:
    """What the process said: for each key the version that is surely there, and those that may be since."""

    def __init__(self) -> None:
        self.done: dict[str, int | None] = dict.fromkeys(KEYS)
        self.begun: dict[str, list[int]] = defaultdict(list)

    def hear(self, line: str) -> None:
        kind, key, version, *_ = json.loads(line)
        if kind == "begin":
            self.begun[key].append(version)
        elif kind == "done":
            self.done[key], self.begun[key] = version, []

    def possible(self, key: str) -> set[str | None]:
        """The digests that a reader may find; None: nothing."""
        versions = [self.done[key], *self.begun[key]]
        return {None if version is None else digest_of(content_of(key, version)) for version in versions}

    def settle(self, key: str, digest: str | None) -> None:
        """What was found is what is there from now on."""
        versions = [self.done[key], *self.begun[key]]
        known = {None if each is None else digest_of(content_of(key, each)): each for each in versions}
        self.done[key], self.begun[key] = known[digest], []


def run_writer(root: Path, seed: int, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.reliability.object_writer", str(root), str(seed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})


def lines_until_killed(writer: subprocess.Popen[str], after: int) -> Iterator[str]:
    """Whole lines; the process is killed as soon as so many have come."""
    assert writer.stdout is not None
    for number, line in enumerate(writer.stdout):
        if number == after:
            writer.kill()
        if line.endswith("\n"):
            yield line
    writer.stdout.close()
    assert writer.wait() == -signal.SIGKILL


async def check(root: Path, record: Record) -> None:
    """Every object is one of those that it may be, as a whole; I11 before and after the garbage is collected."""
    store = LocalStore(LocalConfig(root))
    try:
        for key in KEYS:
            try:
                found = digest_of(await read(store, key))
            except NotFound:
                found = None
            assert found in record.possible(key), key
            record.settle(key, found)
        assert [finding async for finding in store.scrub()] == []
        await store.collect_garbage(age_s=0)
    finally:
        await store.close()
    await check_folder(root)


async def test_killed_at_any_moment_no_object_is_half_or_lost(tmp_path: Path) -> None:
    record = Record()
    chosen = random.Random(20261127)
    for number in range(KILLS):
        writer = run_writer(tmp_path / "objects", number + 1)
        for line in lines_until_killed(writer, chosen.randrange(1, 120)):
            record.hear(line)
        await check(tmp_path / "objects", record)
    assert any(version is not None for version in record.done.values())


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("passing", [1, 2, 7, 30])
async def test_killed_at_each_point_no_object_is_half_or_lost(tmp_path: Path, point: str, passing: int) -> None:
    record = Record()
    writer = run_writer(tmp_path / "objects", 1, FAILPOINT=f"{point}:{passing}:kill")
    for line in lines_until_killed(writer, after=10**9):
        record.hear(line)
    await check(tmp_path / "objects", record)


async def test_the_rules_notice_what_was_removed_too_early(tmp_path: Path) -> None:
    """The negative control: the replaced file goes before the commit, and the crash comes between them."""
    environment = {**os.environ, "FAILPOINT": "objects.before_commit:2:kill", "FAULT": "removes-too-early"}
    command = [sys.executable, "-m", "tests.reliability.object_writer", str(tmp_path / "objects"), "told"]
    told = "".join(f"a {version}\n" for version in versions_of_size("a", 200_000, 2))
    writer = subprocess.run(command, input=told, capture_output=True, text=True, env=environment, check=False)
    assert writer.returncode == -signal.SIGKILL
    record = Record()
    for line in writer.stdout.splitlines():
        record.hear(line)
    with pytest.raises(ContentDamaged):
        await check(tmp_path / "objects", record)
