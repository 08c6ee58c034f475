"""What every key-value store of users can do. A backend imports this, `model`, `engine`, and its vendor's library.

Words and replies are bytes and the types of RESP3. A backend turns what goes wrong into errors of ours at its own edge:
`ConnectionFailed` (cannot be reached, refuses the credentials, was lost); what the server says of a command is a reply
of the type `Failure`. No message holds a password.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tidemill.engine.keys.replies import Reply

Words = Sequence[bytes]
"""A command: its name and what belongs to it."""


class KeySession(Protocol):
    """One connection, used by one caller."""

    async def run(self, commands: Sequence[Words], *, max_bytes: int) -> list[Reply]:
        """Send the commands together; a reply for each. They may take effect apart from each other.

        Raises:
            ConnectionFailed: it was lost; what was done is not known.
            QueryFailed: it took longer than the session allows, or the server cannot take such a command.
            TooLarge: the replies have more than `max_bytes`; what was sent has been done.
        """

    async def transaction(self, commands: Sequence[Words], *, max_bytes: int) -> list[Reply] | None:
        """The same between MULTI and EXEC: all take effect together. None if a key that is watched was changed.

        Raises:
            QueryFailed: the server refuses a command, and so did nothing; the message begins with its words.
        """

    def stream(self, command: Words) -> AsyncIterator[Sequence[Reply]]:
        """The members of the array or set that a command gives, some at a time; memory stays bounded.

        Raises:
            QueryFailed: the reply is none of both, or an error.
        """

    async def go_to(self, host: str, port: int) -> None:
        """Go on at another server of the cluster, with the same login.

        Raises:
            AddressClosed, ConnectionFailed: it cannot be reached.
            Unsupported: there are no servers to choose from.
        """

    async def writers(self, commands: Sequence[Words]) -> Mapping[int, str]:
        """Which of the commands may change data, by their place; the value is the name. Nothing is run."""


class KeyStore(Protocol):
    """A store that a resource describes. Connections are opened when used, and kept for a while."""

    def session(self, *, timeout_s: float = 0.0) -> AbstractAsyncContextManager[KeySession]:
        """A connection for the caller alone; what takes longer than `timeout_s` (0 for never) is ended.

        When the task is canceled, what runs is ended on the server too, as far as the server can.
        """

    async def test(self) -> str:
        """Connect within a few seconds; a sentence on what answered, without secrets.

        Raises:
            ConnectionFailed: the message names the fix.
        """

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long; how many are left."""

    async def close(self) -> None: ...
