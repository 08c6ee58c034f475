"""The one thread that changes the index: it commits what waits in one transaction, so that one sync serves many."""

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from sqlite3 import Connection
from threading import Lock, Thread
from typing import Any, Final, TypeVar

from tidemill.model.errors import StorageFull, TidemillError, Unavailable
from tidemill.model.failpoint import failpoint
from tidemill.stores.objects.local.changes import Freed
from tidemill.stores.objects.local.failures import ours
from tidemill.stores.objects.local.folder import StoreFolder
from tidemill.stores.objects.local.index import connect

T = TypeVar("T")
End = tuple[Any, list[Freed]] | TidemillError
"""What became of a change: its answer and what became free, or why it cannot be."""

_MOST: Final = 64
"""Changes in one transaction: bounds what a commit writes, some MiB of small objects."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something to do to the index.

    Attributes:
        apply: does it inside of a transaction, maybe more than once, and gives the answer and what became free. An
            error of ours undoes this change alone.
        undo: called when it surely did not happen, in any thread; it does not block and does not fail.
        frees: it may use what is set aside for deleting on a full disk.
        answer: gets what `apply` gave once it survives a crash.
    """

    apply: Callable[[Connection], tuple[Any, list[Freed]]]
    undo: Callable[[], None]
    frees: bool
    answer: Future[Any]


class Writer:
    """Takes changes from any thread and makes them one after the other."""

    def __init__(self, folder: StoreFolder, remove: Callable[[list[Freed]], None]) -> None:
        """`remove` is given what became free, after the commit; it does not block and does not fail."""
        self._folder = folder
        self._remove = remove
        self._waiting: SimpleQueue[Change | None] = SimpleQueue()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._is_closed = False
        self._connection: Connection | None = None
        self._is_committing = False

    def submit(
        self,
        apply: Callable[[Connection], tuple[T, list[Freed]]],
        *,
        undo: Callable[[], None] = lambda: None,
        frees: bool = False,
    ) -> Future[T]:
        """See `Change`. An answer that is canceled before the change was begun takes it back.

        Raises:
            Unavailable: the store is closed.
        """
        answer: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                undo()
                raise Unavailable("The storage was closed.")
            self._waiting.put(Change(apply, undo, frees, answer))
            if self._thread is None:
                self._thread = Thread(target=self._run, name="objects-writer", daemon=True)
                self._thread.start()
        return answer

    def close(self) -> None:
        """Make what waits, then end; blocks."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._waiting.put(None)
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self._make([change for change in batch if self._is_wanted(change)])
        self._disconnect()

    def _next(self) -> list[Change] | None:
        """What waits, at least one; None at the end."""
        first = self._waiting.get()
        if first is None:
            return None
        batch = [first]
        while len(batch) < _MOST:
            try:
                more = self._waiting.get_nowait()
            except Empty:
                break
            if more is None:
                self._waiting.put(None)
                break
            batch.append(more)
        return batch

    def _is_wanted(self, change: Change) -> bool:
        if change.answer.set_running_or_notify_cancel():
            return True
        change.undo()
        return False

    def _make(self, batch: Sequence[Change]) -> None:
        """Make changes and answer them. On a full disk each is tried alone: some need no room or may take the spare."""
        if not batch:
            return
        try:
            ends = self._commit(batch)
        except StorageFull as error:
            if len(batch) > 1:
                for change in batch:
                    self._make([change])
            elif batch[0].frees and self._folder.use_spare():
                self._make(batch)
            else:
                self._fail(batch, error)
        except Exception as error:  # noqa: BLE001  # whoever waits for it gets it
            self._fail(batch, error)
        else:
            for change, end in zip(batch, ends, strict=True):
                self._end(change, end)
            self._folder.keep_spare()

    def _commit(self, batch: Sequence[Change]) -> list[End]:
        self._is_committing = False
        with ours(self._folder.root):
            connection = self._connect()
            connection.execute("begin immediate")
            try:
                ends = [_apply(connection, change) for change in batch]
                failpoint("objects.before_commit")
                self._is_committing = True
                connection.execute("commit")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("rollback")
                raise
        failpoint("objects.after_commit")
        return ends

    def _fail(self, batch: Sequence[Change], error: Exception) -> None:
        """Where the log could not be synced, a crash may bring it back all the same: then nothing is undone."""
        code = getattr(error.__cause__, "sqlite_errorcode", None)
        is_undone = not self._is_committing or code == sqlite3.SQLITE_FULL
        for change in batch:
            _refuse(change, error, is_undone=is_undone)
        if code != sqlite3.SQLITE_FULL:
            self._disconnect()

    def _end(self, change: Change, end: End) -> None:
        if isinstance(end, TidemillError):
            _refuse(change, end, is_undone=True)
            return
        result, freed = end
        self._remove(freed)
        change.answer.set_result(result)

    def _connect(self) -> Connection:
        if self._connection is None:
            self._connection = connect(self._folder)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with suppress(sqlite3.Error):
                connection.close()


def _apply(connection: Connection, change: Change) -> End:
    connection.execute("savepoint change")
    try:
        end: End = change.apply(connection)
    except TidemillError as error:
        connection.execute("rollback to change")
        end = error
    connection.execute("release change")
    return end


def _refuse(change: Change, error: Exception, *, is_undone: bool) -> None:
    if is_undone:
        change.undo()
    change.answer.set_exception(error)
