"""What a program is, and what a sandbox promises to whoever starts one."""

import enum
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

WORK: Final = Path("/work/job")
"""Where `Program.work` appears inside, which is also the working directory. Without isolation it stays where it is."""

MIB: Final = 1024 * 1024


class ExitReason(enum.StrEnum):
    """Why a program ended. All but `FINISHED` mean that it was ended from outside."""

    FINISHED = "finished"
    KILLED = "killed"
    OUT_OF_MEMORY = "out_of_memory"
    TOO_MANY_PROCESSES = "too_many_processes"
    FILE_TOO_LARGE = "file_too_large"
    DISK_FULL = "disk_full"
    CPU_TIME = "cpu_time"
    LOST = "lost"
    """The watchdog killed it (no confirmed heartbeat), or its supervising process died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one program with all its children may use. Wall time is the caller's business."""

    memory_bytes: int = 2048 * MIB
    processes: int = 256
    """Processes and threads together."""
    cpu_s: int = 24 * 3600
    """Processor seconds of any single process."""
    file_bytes: int = 1024 * MIB
    """Largest single file."""
    tmp_bytes: int = 512 * MIB
    """Size of /tmp, and again the most that the work directory may hold."""
    files: int = 100_000
    """Most files in /tmp, and again in the work directory."""
    open_files: int = 1024


@dataclass(frozen=True, slots=True)
class Mount:
    """A host file or directory that is seen inside at `target`, read-only unless `writable`."""

    source: Path
    target: Path
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a program may reach.

    `brokered`: an empty network namespace; outgoing TCP goes through the broker, names through its DNS relay.
    `open`: the host's network. `closed`: an empty namespace and nothing else.
    """

    mode: Literal["brokered", "open", "closed"] = "brokered"
    api_port: int = 0
    """127.0.0.1:<api_port> inside is the Tidemill server; 0 is no server. Only for `brokered`."""
    api_host: str = "127.0.0.1"
    """Where the server is for the broker (an IP address), at the same port unless `api_host_port` says another."""
    api_host_port: int = 0
    allow: tuple[str, ...] = ()
    """Networks beyond the public internet: `CIDR`, `CIDR:port`, `[v6/len]:port`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonCall:
    """Run `Program.files` with Python (`args.json`, `call.json`, the script; `inside/bootstrap.py` says how).

    The call and its arguments need not be in the work directory, and results not come from there."""

    interpreter: Path
    """The interpreter's binary on the host; its prefix is mounted read-only at the same place."""
    paths: tuple[str, ...] = ()
    """Further `sys.path` entries as seen inside (environments), after the work directory."""
    preload: tuple[str, ...] = ()
    """Modules to import ahead in a warm interpreter; those that are not installed are passed over."""
    identity: str = ""
    """Whose jobs may follow each other in one warm sandbox (workspace and permissioned_as); "" is always cold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One program to run: `argv`, or a Python job when `python` is given (`argv` is () then)."""

    argv: tuple[str, ...] = ()
    work: Path
    """A host directory for this program alone, writable inside at WORK. Its owner may change."""
    files: Mapping[str, bytes] | None = None
    """What `work` holds at the start, by relative path. The sandbox then makes `work`, where it needs it on the host at
    all, and removes it after the program has ended. None: it is the caller's, who made it and will look into it."""
    results: tuple[str, ...] = ()
    """With `files`: those that the program may leave at the top of `work` and that are in `Exit.files` then."""
    max_result_bytes: int = 10 * MIB
    """Of one of the results."""
    env: Mapping[str, str] = field(default_factory=dict)
    """The whole environment: nothing is inherited. May hold secrets: it is never put into an argument list."""
    mounts: tuple[Mount, ...] = ()
    limits: Limits = field(default_factory=Limits)
    network: Network = field(default_factory=Network)
    python: PythonCall | None = None
    confirmed_at_s: float | None = None
    """When the newest confirmed heartbeat of its job (or the claim) was sent, by `time.monotonic`; None is now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """How a program ended: `code` when it ended by itself, `signal` when a signal ended it, neither when unknown."""

    reason: ExitReason
    code: int | None = None
    signal: int | None = None
    peak_memory_bytes: int = 0
    message: str = ""
    """A sentence for the user when `reason` is not FINISHED, else ""."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Those of `Program.results` that it left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """What a sandbox can do on this host. `reason` is a sentence when something is missing, else ""."""

    isolated: bool
    brokered: bool
    reason: str = ""


class Running(Protocol):
    """A program that was started."""

    @property
    def output(self) -> AsyncIterator[bytes]:
        """stdout and stderr merged in order, in pieces of at most 64 KiB, until all its processes have ended.

        Read on demand: who does not read stops the program once the pipe (64 KiB) is full. Iterate once.
        """
        ...

    async def wait(self) -> Exit:
        """How it ended, once no process of it is left, or all that are left are being ended. May be awaited many times;
        cancelling it leaves the program.

        Raises:
            TooLarge: it left a result of more than `Program.max_result_bytes`.
        """
        ...

    async def kill(self, reason: str) -> None:
        """End all its processes at once; `reason` becomes `Exit.message`. Returns when the request was sent."""
        ...


class Sandbox(Protocol):
    """Starts programs. One for each worker process."""

    async def start(self, program: Program) -> Running:
        """Start it.

        Raises:
            SandboxUnavailable: the program cannot be isolated as asked on this host.
            OSError: the host is out of processes, memory or disk.
        """
        ...

    async def probe(self) -> Capability:
        """What works here, found out by really running a trivial program."""
        ...

    def ping(self, sent_at_s: float | None = None) -> None:
        """Tell the watchdog that a heartbeat was confirmed; `sent_at_s` is when it was sent, by `time.monotonic`.

        A running program is killed (reason LOST) `self_kill_s` after the newest of these moments and of its own
        `confirmed_at_s`. None is now.
        """
        ...

    async def close(self) -> None:
        """Kill all that still runs and give back what the sandbox holds."""
        ...
