"""The handlers that schedules of a workspace have where they name none of their own: kept in its settings."""

import json
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from tidemill.db import workspaces
from tidemill.db.pool import Transaction
from tidemill.model.schedule import Handler
from tidemill.server.schedule_wire import Settled, Times

_SETTING: Final = "schedule_handlers"
_HANDLERS: Final = {"error": Handler.FAILURE, "recovery": Handler.RECOVERY, "success": Handler.SUCCESS}


class DefaultHandler(msgspec.Struct, kw_only=True):
    """Which handler shall be called; no path takes it away. The misspelt names are those of the wire."""

    handler_type: Literal["error", "recovery", "success"]
    override_existing: bool
    path: str | None = None
    extra_args: msgspec.Raw | UnsetType = UNSET
    number_of_occurence: Times | None = None
    number_of_occurence_exact: bool | None = None
    workspace_handler_muted: bool | None = None

    def settled(self) -> Settled:
        """The same as a schedule would say it."""
        handler = _HANDLERS[self.handler_type]
        said: dict[str, Any] = {handler.value: self.path, f"{handler.value}_extra_args": self.extra_args}
        if handler is not Handler.SUCCESS:
            said[f"{handler.value}_times"] = self.number_of_occurence
        if handler is Handler.FAILURE:
            said["on_failure_exact"] = self.number_of_occurence_exact
            said["ws_error_handler_muted"] = self.workspace_handler_muted
        return Settled(**said)


async def keep(tx: Transaction, workspace: str, default: DefaultHandler) -> None:
    """Keep a default for schedules that are created from now on. As text: it comes back as it was written."""
    kept = await _kept(tx, workspace)
    kept[default.handler_type] = msgspec.json.encode(default).decode()
    await workspaces.set_setting(tx, workspace, _SETTING, kept)


async def with_defaults(tx: Transaction, workspace: str, body: Settled) -> Settled:
    """`body` with the defaults of the workspace for the handlers that it says nothing of."""
    said = {name: getattr(body, name) for name in Settled.__struct_fields__}
    for kind, text in (await _kept(tx, workspace)).items():
        if said[_HANDLERS[kind].value] is UNSET:
            default = msgspec.json.decode(text, type=DefaultHandler).settled()
            said |= {
                name: value
                for name in Settled.__struct_fields__
                if (value := getattr(default, name)) is not UNSET and said[name] is UNSET
            }
    return Settled(**said)


async def _kept(tx: Transaction, workspace: str) -> dict[str, str]:
    settings = json.loads((await workspaces.get(tx, workspace)).settings)
    kept: dict[str, str] = settings.get(_SETTING, {})
    return kept
