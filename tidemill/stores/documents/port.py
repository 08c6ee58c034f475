"""What every document database of users can do. A backend imports this, `model`, `engine`, and its vendor's driver.

Documents are BSON, as bytes, so that nothing passes through a type that could not hold it. A backend turns its driver's
errors into ours at its own edge: `ConnectionFailed` (cannot be reached, refuses the credentials, was lost) and
`QueryFailed` (the server's own words). No message holds a password.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from tidemill.engine.documents.bson_tree import Tree
from tidemill.engine.documents.operations import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteResult:
    """What writes did.

    Attributes:
        inserted_ids, upserted_ids: each a BSON document with the one field `_id`, in the order of the writes.
    """

    inserted: int = 0
    matched: int = 0
    modified: int = 0
    deleted: int = 0
    inserted_ids: tuple[bytes, ...] = ()
    upserted_ids: tuple[bytes, ...] = ()


class DocumentSession(Protocol):
    """One caller's session. Databases are named; "" is the one of the resource."""

    async def command(self, database: str, command: Mapping[str, Tree]) -> bytes:
        """The server's reply.

        Raises:
            BadRequest: no database is named here, nor in the resource.
            QueryFailed, ConnectionFailed.
        """

    def rows(self, database: str, command: Mapping[str, Tree]) -> AsyncIterator[Sequence[bytes]]:
        """The documents of a command that is answered with a cursor, a batch at a time; memory stays bounded by one.

        The cursor is closed on the server when the iterator is.

        Raises:
            QueryFailed, ConnectionFailed: also on the way.
        """

    async def write(self, database: str, collection: str, written: Written) -> WriteResult:
        """Send the writes. Outside of a transaction, those before a failing one have been done.

        Raises:
            QueryFailed: the message names the line of the write that failed, and how many were done.
        """

    async def begin(self) -> None:
        """Begin a transaction; `commit` or `rollback` ends it.

        Raises:
            Unsupported: the server has none; known only when the first command is sent.
        """

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


class DocumentDatabase(Protocol):
    """A database that a resource describes. It holds a pool of connections, opened when used."""

    def session(self, *, timeout_s: float = 0.0) -> AbstractAsyncContextManager[DocumentSession]:
        """A session for the caller alone; each of its operations is ended by the server after `timeout_s`, 0 for never.

        When the task is canceled, what runs is ended on the server too. An open transaction is rolled back at its end.
        """

    async def test(self) -> str:
        """Connect within a few seconds; a sentence on what answered, without secrets.

        Raises:
            ConnectionFailed: the message names the fix.
        """

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long; how many are left."""

    async def close(self) -> None: ...
