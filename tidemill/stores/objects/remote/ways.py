"""What has to be right before an object in a bucket can be reached, whoever keeps it."""

import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from tidemill.stores.objects.remote.http import Http

Ways: TypeAlias = "Sequence[tuple[str, Callable[[], Awaitable[None]]]]"


def ways_of(http: Http) -> Ways:
    """See `Remote.ways`."""
    return [("connect", http.connect), ("encrypt what is sent", http.encrypt)]


def is_unknown_host(error: BaseException | None) -> bool:
    """Whether it comes of a name that leads nowhere."""
    while error is not None and not isinstance(error, socket.gaierror):
        error = error.__cause__
    return error is not None
