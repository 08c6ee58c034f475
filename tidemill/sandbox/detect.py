"""Chooses the sandbox that fits this host."""

import sys
from pathlib import Path

from tidemill.sandbox.bubblewrap import BubblewrapSandbox
from tidemill.sandbox.kernel import harden_this_process
from tidemill.sandbox.port import Capability, Sandbox
from tidemill.sandbox.process import ProcessSandbox

__all__ = ["harden_this_process", "make_sandbox", "probe"]


def make_sandbox(*, state_dir: Path, self_kill_s: float, unisolated: bool, warm_sandboxes: int = 8) -> Sandbox:
    """A sandbox by bubblewrap on Linux, plain processes elsewhere or when `unisolated`. Starts nothing yet.

    Whether it works is told by its `probe`. `state_dir` (made when missing) holds the few files that sandboxes share.
    """
    if unisolated or sys.platform != "linux":
        return ProcessSandbox(self_kill_s=self_kill_s, state_dir=state_dir)
    return BubblewrapSandbox(self_kill_s=self_kill_s, state_dir=state_dir, warm_sandboxes=warm_sandboxes)


async def probe(*, state_dir: Path) -> Capability:
    """What works on this host, found out by running a trivial program isolated."""
    sandbox = make_sandbox(state_dir=state_dir, self_kill_s=0, unisolated=False)
    try:
        return await sandbox.probe()
    finally:
        await sandbox.close()
