"""What a backend with a driver that blocks brings; `session.py` and `database.py` make the rest of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from tidemill.model.column import Column, Row
from tidemill.stores.databases.port import NamedType, RawRow, SessionOptions, Statement

if TYPE_CHECKING:
    import pyarrow as pa


class BlockingResult(Protocol):
    """As `Result`. None of its calls comes while another one of the same connection goes on."""

    columns: tuple[Column, ...]
    affected: int | None

    def fetch(self, rows: int) -> Sequence[Row]:
        """The next rows, at most so many; none at the end."""

    def skip(self) -> None:
        """Read what is left and forget it, so that the connection is free."""


class BlockingConnection(Protocol):
    """One connection. It raises our errors only: `QueryFailed`, `ConnectionFailed`, `BadRequest`, `Unsupported`.

    Attributes:
        ends_late: the server ends a statement after the time of `SessionOptions` by itself; else it is canceled.
    """

    ends_late: ClassVar[bool]

    def prepare(self, options: SessionOptions) -> None:
        """At the begin of a session."""

    def run(self, statement: Statement) -> Sequence[BlockingResult]:
        """See `Session.run`."""

    def describe(self, statement: Statement) -> tuple[Column, ...]:
        """See `Session.describe`."""

    def begin(self) -> None: ...

    def commit(self) -> None: ...

    def rollback(self) -> None:
        """Also where no transaction is open."""

    def cancel(self) -> None:
        """Comes from another thread, while a call goes on or none does."""

    def is_fit(self, idle_s: float) -> bool:
        """See `Pooled.is_fit`."""

    def reset(self) -> bool:
        """See `Pooled.reset`."""

    def close(self) -> None:
        """Does not raise. Also of a connection that is lost."""

    def tell(self) -> str:
        """A sentence on what answers."""


class PlanningConnection(BlockingConnection, Protocol):
    """One that tells how statements are run."""

    def explain(self, statement: Statement, *, runs: bool) -> str:
        """See `PlanningSession.explain`."""


PackedT = TypeVar("PackedT")


class ColumnarBlockingResult(Protocol[PackedT]):
    """As `ColumnarResult`, in two turns: rows are taken in a thread, while those before are made columns in another."""

    columns: tuple[Column, ...]

    def take(self) -> PackedT | None:
        """The next rows; None at the end. None of its calls comes while another one of the same connection goes on."""

    def batch(self, rows: PackedT) -> "pa.RecordBatch | None":
        """Those rows; None if there are none in them. Does not touch the connection."""

    def skip(self) -> None:
        """See `BlockingResult.skip`."""


class ColumnarConnection(BlockingConnection, Protocol):
    """One that reads many rows without an object for each value."""

    def run_columnar(self, statement: Statement) -> ColumnarBlockingResult[Any] | None:
        """See `ColumnarSession.run_columnar`."""


class ManyRowsConnection(BlockingConnection, Protocol):
    """One that takes the values of many rows on their way at once."""

    def write_rows(self, text: str, columns: Sequence[NamedType], rows: Sequence[RawRow]) -> None:
        """See `ManyRowsSession.write_rows`."""
