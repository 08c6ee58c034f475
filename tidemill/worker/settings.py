"""What the options of a job say about how a worker runs it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec

from tidemill.db.queue import ClaimedJob
from tidemill.model.script import DEFAULT_ENTRY


class TaskOptions(msgspec.Struct, frozen=True):
    """The job is a task of the workflow that is its parent, started by the round `round`.

    `own`: it runs a function of the workflow itself, under the key `key`.
    """

    key: str
    round: int
    own: bool = True


class JobSettings(msgspec.Struct, frozen=True):
    """`scheduled_for`: the occurrence of a schedule that the job, or the flow around it, was started for.

    `args_of`: the account of who gave its arguments, where it acts for somebody else.
    `gathers`: its arguments that are put together with those of the calls whose place it took.
    `local_sources`: what it imports in the place of deployed scripts, path -> hash.
    `entry`: the function that is called; `preprocess`: the preprocessor before it, which makes its arguments.
    """

    flow_path: str = ""
    scheduled_for: datetime | None = None
    args_of: str | None = None
    entry: str = DEFAULT_ENTRY
    preprocess: bool = False
    task: TaskOptions | None = None
    gathers: tuple[str, ...] = ()
    local_sources: Mapping[str, str] = msgspec.field(default_factory=dict)


_PLAIN: Final = JobSettings()
_SETTINGS: Final = msgspec.json.Decoder(JobSettings)


def settings_of(job: ClaimedJob) -> JobSettings:
    """Those of the options that a worker reads."""
    return read_settings(job.options)


def read_settings(options: bytes) -> JobSettings:
    """The same of options as they are kept."""
    return _PLAIN if options == b"{}" else _SETTINGS.decode(options)
