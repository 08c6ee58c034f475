"""What a schedule is made of: what it runs, how its occurrences end, and which handlers follow."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tidemill.model.path import parse_path


class OccurrenceState(StrEnum):
    """How far one occurrence of a schedule is."""

    DUE = "due"
    """It is the next one."""
    ASKING = "asking"
    """The script that decides whether to skip it runs."""
    RUNNING = "running"
    """Its job is in the queue or runs."""
    SUCCESS = "success"
    FAILURE = "failure"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    """The run before went on, or a script decided so."""
    MISSED = "missed"
    """Nothing could be started: its reason tells why."""


class Handler(StrEnum):
    """What else is run when a run has ended."""

    FAILURE = "on_failure"
    RECOVERY = "on_recovery"
    SUCCESS = "on_success"


@dataclass(frozen=True, slots=True)
class Target:
    """A script or flow by its path."""

    kind: Literal["script", "flow"]
    path: str


def parse_target(text: str) -> Target:
    """What a handler names: `script/<path>` or `flow/<path>`; without either it is a script.

    Raises:
        InvalidPath: it is no path.
    """
    kind: Literal["script", "flow"] = "flow" if text.startswith("flow/") else "script"
    return Target(kind, parse_path(text.removeprefix(f"{kind}/")).text)
