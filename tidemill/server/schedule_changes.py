"""The history of schedules: which fields a change gave which values, as the wire has it."""

from typing import Final

import msgspec

from tidemill.db import schedules
from tidemill.db.pool import Transaction
from tidemill.db.schedules import Schedule
from tidemill.model.identity import Principal
from tidemill.server.schedule_wire import fields_of

_NOT_TOLD: Final = frozenset({
    "workspace_id", "path", "version", "edited_by", "edited_at", "extra_perms", "error", "failures", "successes"
})  # fmt: skip


async def record(tx: Transaction, caller: Principal, path: str, before: Schedule | None) -> None:
    """Note what is different from `before`; None: the schedule is new."""
    after = await schedules.find(tx, caller.workspace, path)
    assert after is not None  # it was written in this transaction
    new = _told(caller.workspace, after)
    old = {} if before is None else _told(caller.workspace, before)
    changes: dict[str, object] = {
        name: {"old": msgspec.Raw(old.get(name, b"null")), "new": msgspec.Raw(value)}
        for name, value in new.items()
        if old.get(name) != value
    }
    await schedules.record_change(tx, caller, path, "create" if before is None else "update", changes)


def _told(workspace: str, one: Schedule) -> dict[str, bytes]:
    """Each field as JSON text: raw values differ as texts do."""
    fields = fields_of(workspace, one)
    return {name: msgspec.json.encode(value) for name, value in fields.items() if name not in _NOT_TOLD}
