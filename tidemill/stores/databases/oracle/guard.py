"""Where oracledb may connect to.

Its thin mode follows redirects of a listener by itself. All that it opens goes through `socket.create_connection`, so
what stands in the place of that module there asks the rule; who has set none connects nowhere.
"""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final

from oracledb import thin_impl  # type: ignore[attr-defined]  # it is a module, compiled

from tidemill.model.errors import AddressClosed, TidemillError
from tidemill.stores.databases.blocking.sockets import connected_to

LookUp = Callable[[str, int], Sequence[str]]
"""The addresses of a host that may be connected to at a port."""

_REFUSED: Final = "A connection is opened without a rule about addresses."


class Opened:
    """What was connected to under a look-up, and what that refused. It can be shut while the driver waits for it."""

    def __init__(self, look_up: LookUp) -> None:
        self.refused: TidemillError | None = None
        self._look_up = look_up
        self._sockets: list[socket.socket] = []
        self._last: socket.socket | None = None

    def connect(self, host: str, port: int) -> socket.socket:
        """
        Raises:
            AddressClosed: the host may not be connected to.
            OSError: it does not answer.
        """
        addresses = self._look_up(host, port)
        if self._last is not None:
            self._last.close()  # a redirect leads on, and the driver forgets where it came from
        found = self._last = connected_to(addresses, port)
        self._sockets.append(found.dup())  # the driver lets go of its own when it begins with TLS
        return found

    def shut(self) -> None:
        """Whoever waits for an answer is told that the connection is lost. From any thread."""
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """When the driver has closed it."""
        while self._sockets:
            self._sockets.pop().close()


_rule: ContextVar[Opened | None] = ContextVar("rule", default=None)


class _GuardedSockets:
    """The module `socket`, but for one function."""

    def __getattr__(self, name: str) -> object:
        return getattr(socket, name)

    def create_connection(self, address: tuple[str, int], timeout: float | None = None) -> socket.socket:
        """See `socket.create_connection`."""
        del timeout
        rule = _rule.get()
        if rule is None:
            raise OSError(_REFUSED)
        try:
            return rule.connect(*address)
        except AddressClosed as error:
            rule.refused = error
            raise OSError(str(error)) from error


@contextmanager
def guarded(look_up: LookUp) -> Iterator[Opened]:
    """Connections that this thread opens within go where `look_up` lets them.

    Raises:
        AddressClosed: one was to go elsewhere.
    """
    rule = Opened(look_up)
    token = _rule.set(rule)
    try:
        yield rule
    except BaseException:
        rule.close()
        if rule.refused is not None:
            raise rule.refused from None
        raise
    finally:
        _rule.reset(token)


thin_impl.socket = _GuardedSockets()
