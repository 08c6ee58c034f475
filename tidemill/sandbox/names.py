"""The name server of a sandbox: DNS over UDP on its loopback, relayed to the host's resolvers."""

import contextlib
import fcntl
import os
import select
import socket
import time
from typing import Final

from tidemill.sandbox import kernel

_PATIENCE_S: Final = 15.0
_MOST_PENDING: Final = 256
_LARGEST: Final = 65535


class NameRelay:
    """Passes each query on from a socket of its own, so that answers cannot be mixed up or guessed from inside."""

    def __init__(self, inner: socket.socket, resolvers: tuple[str, ...]) -> None:
        self._inner = inner
        self._resolvers = resolvers
        self._pending: dict[int, tuple[socket.socket, tuple[str, int], float]] = {}
        self._poll = select.poll()
        self._poll.register(inner, select.POLLIN)

    def serve(self) -> None:
        """Relay for ever."""
        while True:
            for descriptor, _ in self._poll.poll(1000):
                with contextlib.suppress(OSError):  # one query that fails is that query's failure
                    if descriptor == self._inner.fileno():
                        self._ask()
                    else:
                        self._tell(descriptor)
            self._forget_old()

    def _ask(self) -> None:
        query, client = self._inner.recvfrom(_LARGEST)
        if len(self._pending) >= _MOST_PENDING:
            self._drop(next(iter(self._pending)))
        for resolver in self._resolvers:
            family = socket.AF_INET6 if ":" in resolver else socket.AF_INET
            outer = socket.socket(family, socket.SOCK_DGRAM)
            self._pending[outer.fileno()] = (outer, client, time.monotonic() + _PATIENCE_S)
            self._poll.register(outer, select.POLLIN)
            outer.connect((resolver, 53))
            outer.send(query)

    def _tell(self, descriptor: int) -> None:
        outer, client, _ = self._pending[descriptor]
        try:
            answer = outer.recv(_LARGEST)
        finally:
            self._drop(descriptor)
        self._inner.sendto(answer, client)

    def _forget_old(self) -> None:
        now = time.monotonic()
        for descriptor in [number for number, (_, _, until) in self._pending.items() if until < now]:
            self._drop(descriptor)

    def _drop(self, descriptor: int) -> None:
        outer, _, _ = self._pending.pop(descriptor)
        self._poll.unregister(descriptor)
        outer.close()


def loopback_socket(pid: int, port: int) -> socket.socket:
    """A UDP socket bound to 127.0.0.1:`port` inside the network namespace of `pid`.

    A child enters the namespace (through the user namespace that owns it, where we are the owner) and sends it back.

    Raises:
        OSError: the namespace is gone, or may not be entered.
    """
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        os._exit(_send_socket(theirs, pid, port))
    theirs.close()
    with ours:
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    os.waitpid(child, 0)
    if not descriptors:
        raise OSError(1, "the network namespace of the job cannot be entered")
    return socket.socket(fileno=descriptors[0])


def _send_socket(channel: socket.socket, pid: int, port: int) -> int:
    try:
        network = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
        owner = fcntl.ioctl(network, kernel.NS_GET_USERNS)
        kernel.setns(owner, kernel.CLONE_NEWUSER)
        kernel.setns(network, kernel.CLONE_NEWNET)
        inner = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        inner.bind(("127.0.0.1", port))
        socket.send_fds(channel, [b"."], [inner.fileno()])
    except OSError:
        return 1
    return 0


def resolvers(text: str) -> tuple[str, ...]:
    """The name servers of a `resolv.conf`, at most three as in the C library."""
    found = [line.split()[1] for line in text.splitlines() if line.split()[:1] == ["nameserver"] and line.split()[1:]]
    return tuple(found[:3])
