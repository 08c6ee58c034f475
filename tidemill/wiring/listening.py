"""The socket that a server listens on. It is bound first, so that a port that is taken is told at once."""

import errno
import socket
from typing import Final

from tidemill.model.errors import ConfigurationError
from tidemill.settings import Settings

S3_PORT: Final = 9000


def s3_socket(settings: Settings) -> socket.socket | None:
    """A socket for the S3 endpoint, on the server's host; None where it is off.

    Where nobody chose a port, it is the usual one, or a free one where that is taken or the server's is free too.

    Raises:
        ConfigurationError: the chosen port is taken.
    """
    if settings.s3_port == "off":
        return None
    if settings.s3_port != "auto":
        return listening_socket(settings.host, int(settings.s3_port), setting="TIDEMILL_S3_PORT")
    try:
        return listening_socket(settings.host, S3_PORT if settings.port else 0)
    except ConfigurationError:
        return listening_socket(settings.host, 0)


def listening_socket(host: str, port: int, *, setting: str = "--port") -> socket.socket:
    """A socket that listens on `host` and `port` (0: a free one); `setting` is where errors say that it is set.

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
        raise ConfigurationError(_why_not_listening(host, port, error, setting)) from error
    return listening


def _why_not_listening(host: str, port: int, error: OSError, setting: str) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"Port {port} is in use: stop what uses it, or take another with {setting} (0 takes a free one)."
        case errno.EACCES:
            return f"Port {port} may be used by root only: take one above 1023 with {setting}."
        case _:
            return f"{host!r} is no address of this machine ({error}): choose one with --host."
