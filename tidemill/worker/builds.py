"""Runs the commands that build environments: in the sandbox, since packages run code while they are built."""

import asyncio
from dataclasses import fields
from typing import Final

from tidemill.languages.port import Command, CommandResult
from tidemill.sandbox.port import MIB, WORK, ExitReason, Limits, Mount, Network, Program, Running, Sandbox

_LEAST: Final = Limits(
    memory_bytes=4096 * MIB,
    processes=1024,
    file_bytes=8192 * MIB,
    tmp_bytes=16384 * MIB,
    files=1_000_000,
    open_files=4096,
)
"""Packages are larger than jobs, and compilers hungrier. Wall time is bounded by each command."""
_MAX_OUTPUT_BYTES: Final = 1024 * 1024
_FAILED: Final = 1


class BuildRunner:
    """A `Run` for `Workshop`: each command in a sandbox of its own, without anybody's secrets.

    `limits` are those of jobs; builds have at least `_LEAST`.
    """

    def __init__(self, sandbox: Sandbox, *, limits: Limits, network: Network) -> None:
        self._sandbox = sandbox
        self._limits = build_limits(limits)
        self._network = network

    async def __call__(self, command: Command) -> CommandResult:
        """Run `command` to its end or its time limit; output beyond a megabyte is dropped."""
        running = await self._sandbox.start(self._program(command))
        output = bytearray()
        timed_out = False
        try:
            async with asyncio.timeout(command.timeout_s):
                async for chunk in running.output:
                    output += chunk[: _MAX_OUTPUT_BYTES - len(output)]
        except TimeoutError:
            timed_out = True
            await running.kill("The build took too long.")
        except asyncio.CancelledError:
            await running.kill("The build is not wanted any more.")
            raise
        return await _result(running, output, timed_out=timed_out)

    def _program(self, command: Command) -> Program:
        mounts = [Mount(path, path, writable=True) for path in command.writable]
        mounts += [Mount(path, path) for path in command.readable]
        return Program(
            argv=command.argv,
            work=command.cwd,
            env={"HOME": str(WORK), "PATH": "/usr/local/bin:/usr/bin:/bin", **command.env},
            mounts=tuple(mounts),
            limits=self._limits,
            network=self._network,
        )


def build_limits(jobs: Limits) -> Limits:
    """The limits of builds on a worker whose jobs have those of `jobs`: never less than theirs."""
    return Limits(**{each.name: max(getattr(jobs, each.name), getattr(_LEAST, each.name)) for each in fields(Limits)})


async def _result(running: Running, output: bytearray, *, timed_out: bool) -> CommandResult:
    ended = await running.wait()
    if ended.reason not in {ExitReason.FINISHED, ExitReason.KILLED}:
        output += f"\n{ended.message}".encode()
    code = ended.code if ended.code is not None else _FAILED
    if ended.reason is not ExitReason.FINISHED:
        code = code or _FAILED
    return CommandResult(exit_code=code, output=bytes(output), timed_out=timed_out)
