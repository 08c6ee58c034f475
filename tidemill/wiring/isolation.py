"""The sandbox that the settings ask for, and whether this host can give it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tidemill.model.errors import SandboxUnavailable
from tidemill.sandbox.detect import make_sandbox
from tidemill.sandbox.port import Sandbox
from tidemill.settings import Settings


async def lack_of_isolation(settings: Settings) -> str:
    """Why jobs cannot be isolated as the settings ask, as a sentence; "" when they can."""
    if settings.unisolated:
        return "Jobs run without a sandbox, as you asked (unisolated)."
    try:
        async with open_sandbox(settings):
            return ""
    except SandboxUnavailable as error:
        return str(error)


@asynccontextmanager
async def open_sandbox(settings: Settings, *, is_probed: bool = False) -> AsyncIterator[Sandbox]:
    """The sandbox that this host allows, checked by running something in it, unless that was done just now.

    Raises:
        SandboxUnavailable: jobs cannot be isolated and `unisolated` is not set; the message names the ways out.
    """
    sandbox = make_sandbox(
        state_dir=settings.data_dir / "sandbox",
        self_kill_s=settings.self_kill_s,
        unisolated=settings.unisolated,
        warm_sandboxes=settings.warm_sandboxes,
    )
    try:
        if not is_probed:
            await _require_isolation(sandbox, settings)
        yield sandbox
    finally:
        await sandbox.close()


async def _require_isolation(sandbox: Sandbox, settings: Settings) -> None:
    if settings.unisolated:
        return
    capability = await sandbox.probe()
    if not capability.isolated or (settings.job_network == "brokered" and not capability.brokered):
        raise SandboxUnavailable(capability.reason)
