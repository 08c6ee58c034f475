"""Finds out what a host allows, by really running a trivial program in the sandbox."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final, Protocol

from tidemill.model.errors import SandboxUnavailable
from tidemill.sandbox.port import Capability, Exit, Limits, Network, Program, Running

_MOST_SHOWN: Final = 500
_WAYS_OUT: Final = "Run on a host where they can be, or with --unisolated if every user may do what the worker may."

# What bubblewrap says, and what that means.
_MEANINGS: Final = (
    ("No permissions to create", "unprivileged user namespaces are disabled"),
    ("Creating new namespace failed", "unprivileged user namespaces are disabled"),
    ("setting up uid map", "AppArmor or a container forbids user namespaces to unprivileged programs"),
    ("loopback: Failed", "AppArmor forbids user namespaces to unprivileged programs"),
    ("Can't mount proc", "/proc is masked by the container that the worker runs in"),
    ("unknown option", "bubblewrap is older than 0.8"),
    ("Unknown option", "bubblewrap is older than 0.8"),
    ("pivot_root", "the worker's root file system cannot be left (pivot_root)"),
    ("Operation not permitted", "the worker may not make mounts or namespaces (a locked container?)"),
)
_HINTS: Final = (
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone is 0"),
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces is 0"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor restricts user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns is 1)",
    ),
)


class Starter(Protocol):
    """The part of a sandbox that is needed here."""

    async def start(self, program: Program) -> Running:
        """See `Sandbox.start`."""
        ...


async def probe(sandbox: Starter) -> Capability:
    """Run `true` closed, then brokered; say in a sentence what did not work."""
    trouble = await _try(sandbox, Network(mode="closed"))
    if trouble:
        return Capability(isolated=False, brokered=False, reason=f"Jobs cannot be isolated: {trouble}. {_WAYS_OUT}")
    trouble = await _try(sandbox, Network(mode="brokered"))
    if trouble:
        reason = (
            f"The network of jobs cannot be brokered: {trouble}. It takes Linux 5.14 with seccomp user notification; "
            "TIDEMILL_JOB_NETWORK=open gives jobs the host's network instead."
        )
        return Capability(isolated=True, brokered=False, reason=reason)
    return Capability(isolated=True, brokered=True)


async def _try(sandbox: Starter, network: Network) -> str:
    """What went wrong, as a clause; "" when all is well."""
    with tempfile.TemporaryDirectory(prefix="tidemill-probe-") as directory:
        work = Path(directory) / "job"
        work.mkdir()
        program = Program(argv=("/bin/sh", "-c", "echo isolated"), work=work, network=network, limits=Limits())
        try:
            running = await sandbox.start(program)
        except (OSError, SandboxUnavailable) as error:
            return str(error).removeprefix("Jobs cannot be isolated: ").rstrip(".")
        output = b"".join([piece async for piece in running.output])
        ended = await running.wait()
    return "" if ended.code == 0 and output == b"isolated\n" else _explain(output, ended)


def _explain(output: bytes, ended: Exit) -> str:
    text = output.decode(errors="replace").strip()[:_MOST_SHOWN]
    for file, value, meaning in _HINTS:
        with contextlib.suppress(OSError):
            if os.geteuid() != 0 and Path(file).read_text(encoding="ascii").strip() == value:
                return f"{meaning} ({text})"
    meaning = next((meaning for sign, meaning in _MEANINGS if sign in text), "")
    return f"{meaning} ({text})" if meaning else text or f"the trial ended with {ended}"
