"""Programs as plain processes with limits, for hosts where bubblewrap cannot work. They are not isolated.

A job runs as the user of the worker and sees what that user sees; it is only limited, watched and killed. Mounts
and the network of a program are not applied, and its work directory stays where it is.
"""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Final

from tidemill.sandbox.launcher import Launcher, Order, Process, moment
from tidemill.sandbox.port import Capability, Program, Running
from tidemill.sandbox.profile import copy_bootstrap, python_command
from tidemill.sandbox.work import with_files

REASON: Final = (
    "Jobs run as plain processes: each can read and change whatever the worker can, its keys and the other jobs too."
)


class ProcessSandbox:
    """Starts every program as a plain process under the watchdog; `self_kill_s` is its patience (0: none)."""

    def __init__(self, *, state_dir: Path, self_kill_s: float = 20.0) -> None:
        self._state_dir = state_dir
        self._launcher = Launcher(self_kill_s=self_kill_s)
        self._kit: Path | None = None

    @property
    def watchdog_pid(self) -> int:
        """Process id of the watchdog; 0 before the first program."""
        return self._launcher.watchdog_pid

    async def start(self, program: Program) -> Running:
        """See `Sandbox.start`."""
        return await with_files(self._start, program)

    async def _start(self, program: Program) -> Process:
        argv = program.argv
        if program.python is not None:
            kit = await self._prepare()
            argv = python_command(program.python, "run", arguments=(json.dumps(program.python.paths),), kit=kit)
        work = str(program.work.resolve())
        order = Order(
            argv=argv, cwd=work, limits=program.limits, env=program.env, confirmed_at_s=moment(program.confirmed_at_s)
        )
        return await self._launcher.start(order)

    async def _prepare(self) -> Path:
        if self._kit is None:
            self._kit = await asyncio.to_thread(_make_kit, self._state_dir)
        return self._kit

    async def probe(self) -> Capability:
        """See `Sandbox.probe`: there is nothing to find out."""
        return Capability(isolated=False, brokered=False, reason=REASON)

    def ping(self, sent_at_s: float | None = None) -> None:
        """See `Sandbox.ping`."""
        self._launcher.ping(sent_at_s)

    async def close(self) -> None:
        """See `Sandbox.close`."""
        await self._launcher.close()
        if self._kit is not None:
            await asyncio.to_thread(shutil.rmtree, self._kit, ignore_errors=True)
            self._kit = None


def _make_kit(state_dir: Path) -> Path:
    state_dir.mkdir(parents=True, exist_ok=True)
    kit = Path(tempfile.mkdtemp(prefix="kit-", dir=state_dir))
    copy_bootstrap(kit)
    return kit
