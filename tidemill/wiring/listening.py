"""The socket that a server listens on. It is bound first, so that a port that is taken is told at once."""

import errno
import socket

from tidemill.model.errors import ConfigurationError


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens on `host` and `port` (0: a free one).

    Raises:
        ConfigurationError: the port is taken or reserved, or the address is not one of this host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol left open (0), asyncio would not turn Nagle's algorithm off on what is accepted, and an answer
    # that is written in two pieces would wait 40 ms for the client's delayed acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise ConfigurationError(_why_not_listening(host, port, error)) from error
    return listening


def _why_not_listening(host: str, port: int, error: OSError) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is in use: stop what uses it, or take another with --port (0 takes a free one)."
        case errno.EACCES:
            return f"Port {port} may be used by root only: take one above 1023 with --port."
        case _:
            return f"{host!r} is no address of this machine ({error}): choose one with --host."
