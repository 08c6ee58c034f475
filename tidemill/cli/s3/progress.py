"""How far a transfer is: a bar on a terminal, nothing elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

from tidemill.cli.output import stderr


class Meter:
    """Bytes and objects that are done; `progress` None where nobody looks."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._objects = self._done = 0
        self._task: TaskID | None = None if progress is None else progress.add_task("", total=0)

    def expect(self, objects: int, size_bytes: int) -> None:
        """So much more is going to be done."""
        self._objects += objects
        if self._progress is not None and self._task is not None:
            total = self._progress.tasks[self._task].total or 0
            self._progress.update(self._task, total=total + size_bytes, description=self._text)

    def moved(self, size_bytes: int) -> None:
        """So many bytes are done; fewer than none where they have to be done again."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, size_bytes)

    def done(self) -> None:
        """One more object is done."""
        self._done += 1
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=self._text)

    @property
    def _text(self) -> str:
        return f"{self._done} of {self._objects}"


@contextmanager
def meter(*, shown: bool) -> Iterator[Meter]:
    """A meter for the block; on stderr, where that is a terminal and it is to be `shown`."""
    if not (shown and stderr.is_terminal):
        yield Meter(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), SpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        yield Meter(progress)
