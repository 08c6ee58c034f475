"""Named places where a test makes the process die, wait or fail; nothing happens unless one was armed.

A specification is `name:nth:action`, several are separated by commas: at the `nth` passing (from 1) of the failpoint
`name`, the process is killed as by SIGKILL (`kill`), the thread sleeps a minute (`sleep`), or `Failpoint` is
raised (`raise`).
"""

import os
import signal
import time
from typing import Final

from tidemill.model.errors import ConfigurationError

NAMES: Final = (
    "enqueue.before_commit",
    "enqueue.after_commit",
    "claim.after_commit",
    "prepare.after_arguments",
    "run.after_start",
    "run.after_exit",
    "complete.before_commit",
    "complete.after_commit",
    "advance.before_commit",
    "advance.after_commit",
    "heartbeat.before_send",
    "rotate.after_new_key",
    "rotate.after_batch",
    "rotate.before_delete",
    "rotate.after_delete",
    "rotate_root.after_wrap",
    "rotate_root.after_canary",
    "objects.after_blob",
    "objects.before_commit",
    "objects.after_commit",
    "schedule.before_start",
    "schedule.before_commit",
    "schedule.after_commit",
    "schedule.before_settled",
    "logs.after_put",
    "logs.after_commit",
)
"""All failpoints there are, so that a test can go through them."""

SLEEP_S: Final = 60.0
_ACTIONS: Final = ("kill", "sleep", "raise")
_armed: dict[str, list[tuple[int, str]]] = {}
_passed: dict[str, int] = {}


class Failpoint(RuntimeError):
    """Raised by a failpoint that was armed with `raise`."""


def failpoint(name: str) -> None:
    """Pass the failpoint `name`; free of charge unless one is armed."""
    if _armed:
        _pass(name)


def known() -> tuple[str, ...]:
    """All names, in the order of a job's life."""
    return NAMES


def arm(specification: str) -> None:
    """Arm what `specification` says in place of what was armed; an empty one disarms all.

    Raises:
        ConfigurationError: it is not of the form `name:nth:action`, or has an unknown name.
    """
    armed: dict[str, list[tuple[int, str]]] = {}
    for part in filter(None, specification.split(",")):
        name, _, rest = part.strip().partition(":")
        nth, _, action = rest.partition(":")
        if name not in NAMES or action not in _ACTIONS or not nth.isascii() or not nth.isdigit() or int(nth) < 1:
            raise ConfigurationError(
                f"FAILPOINT={part!r} must be name:nth:kill|sleep|raise with a name of: {', '.join(NAMES)}."
            )
        armed.setdefault(name, []).append((int(nth), action))
    _armed.clear()
    _armed.update(armed)
    _passed.clear()


def _pass(name: str) -> None:
    if name not in NAMES:
        raise ValueError(f"The failpoint {name!r} is not declared in NAMES.")
    _passed[name] = count = _passed.get(name, 0) + 1
    for nth, action in _armed.get(name, ()):
        if nth != count:
            continue
        match action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "sleep":
                time.sleep(SLEEP_S)
            case _:
                raise Failpoint(f"The failpoint {name} was armed to fail at passing {nth}.")
