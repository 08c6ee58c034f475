"""Remembers the scripts that ran last, so that the next request need not look them up. What it holds is never trusted.

A decision that is made upon a remembered script counts only if its row is still the same when the job is taken in: the
statement that takes it in checks that (`db/intake.py`). A refusal counts only if it is repeated upon the script as it
is now. So nothing that was changed, hidden or archived, here or at another server, is run for even a moment longer.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from tidemill.db.scripts import SeenScript
from tidemill.model.path import Path

_MOST: Final = 1000
_MOST_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Named:
    """A script as a request names it: by the path whose newest version runs, or by the hash of one version."""

    path: Path | None = None
    number: int = 0


@dataclass(slots=True)
class KnownScripts:
    """The last `_MOST` that were kept; one with a large schema is not kept."""

    _scripts: OrderedDict[tuple[str, Named], SeenScript] = field(default_factory=OrderedDict)

    def get(self, workspace: str, named: Named) -> SeenScript | None:
        """What was last seen under that name."""
        script = self._scripts.get((workspace, named))
        if script is not None:
            self._scripts.move_to_end((workspace, named))
        return script

    def keep(self, workspace: str, named: Named, script: SeenScript) -> None:
        """Remember what is there under that name."""
        if len(script.schema or b"") + len(script.options) + len(script.extra_perms) > _MOST_BYTES:
            self._scripts.pop((workspace, named), None)
            return
        self._scripts[workspace, named] = script
        self._scripts.move_to_end((workspace, named))
        if len(self._scripts) > _MOST:
            self._scripts.popitem(last=False)
