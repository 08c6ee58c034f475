"""What a command of many objects did, would do, or could not do."""

import sys
from dataclasses import dataclass, field
from typing import Final, Literal

from tidemill.cli.output import emit, stderr, write_line
from tidemill.model.errors import TidemillError

Action = Literal["upload", "download", "copy", "delete"]
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Line:
    """One object: from where to where. Of a deletion `source` is ""."""

    action: Action
    source: str
    target: str
    size_bytes: int = 0


@dataclass(slots=True)
class Report:
    """All lines of a command, told as they come, or as JSON at the end. `quiet`: only what fails."""

    as_json: bool
    quiet: bool = False
    dry_run: bool = False
    unchanged: int = 0
    entries: list[dict[str, object]] = field(default_factory=list)
    failed: int = 0
    size_bytes: int = 0

    @property
    def is_watched(self) -> bool:
        """Whether somebody may look on while it goes on."""
        return not (self.as_json or self.quiet or self.dry_run)

    def add(self, line: Line, error: TidemillError | None = None) -> None:
        """What came of it."""
        outcome = "failed" if error is not None else "planned" if self.dry_run else "done"
        entry: dict[str, object] = {"action": line.action}
        entry |= {"source": line.source} if line.source else {}
        entry |= {"target": line.target, "size_bytes": line.size_bytes, "outcome": outcome}
        if error is None:
            self.size_bytes += line.size_bytes
        else:
            self.failed += 1
            entry["error"] = {"code": error.code, "message": str(error)}
        self.entries.append(entry)
        if not self.as_json:
            self._show(line, error)

    def end(self) -> None:
        """Tell all of it, and end with exit code 1 where something failed."""
        if not self.as_json and not self.quiet:
            done = f"{len(self.entries) - self.failed} {'would be ' if self.dry_run else ''}done"
            failed = f", {self.failed} failed" if self.failed else ""
            stderr.print(f"{done} ({size_text(self.size_bytes)}), {self.unchanged} unchanged{failed}")
        if self.as_json:
            emit(
                {
                    "entries": self.entries,
                    "size_bytes": self.size_bytes,
                    "unchanged": self.unchanged,
                    "failed": self.failed,
                    "dry_run": self.dry_run,
                }
            )
        if self.failed:
            sys.exit(1)

    def _show(self, line: Line, error: TidemillError | None) -> None:
        said = f"{line.action} {line.source} -> {line.target}" if line.source else f"{line.action} {line.target}"
        if error is None:
            if not self.quiet:
                write_line(said)
            return
        stderr.print("[bold red]failed[/]", end=" ")
        stderr.print(f"{said}: {error}", markup=False, soft_wrap=True)


def size_text(size_bytes: int) -> str:
    """For people: 1.5 MiB."""
    amount, unit = float(size_bytes), _UNITS[0]
    for unit in _UNITS:
        if amount < 1024 or unit == _UNITS[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
