"""Users' key-value stores: one port, one file a way to reach them, and the table that names them all."""

from collections.abc import Mapping
from typing import Final, Protocol, cast

from tidemill.engine.egress import Egress
from tidemill.registry import Entry, lookup
from tidemill.stores.keys.port import KeyStore

BACKENDS: Final[dict[str, Entry]] = {
    "redis": Entry("tidemill.stores.keys.redis:RedisStore"),
    "rest": Entry("tidemill.stores.keys.upstash:UpstashStore"),
}
"""The way to reach it -> its backend."""


class Backend(Protocol):
    """What an entry of the table leads to."""

    @classmethod
    def open(cls, value: object, *, egress: Egress) -> KeyStore:
        """A store as the value of a resource says, references replaced. It does not connect yet,
        and later only where `egress` lets it.

        Raises:
            BadRequest: the value lacks something, or has what cannot be; the message names the field.
        """
        ...


def open_keys(value: object, *, egress: Egress) -> KeyStore:
    """The store that the value of a resource `redis` or `upstash` tells of; close it after use.

    A resource with a `token` is reached over Upstash's REST API, all others over Redis' own protocol.

    Raises:
        BadRequest: the value does not fit.
    """
    way = "rest" if isinstance(value, Mapping) and value.get("token") else "redis"
    backend = cast("type[Backend]", lookup(BACKENDS, "key-value store", way))
    return backend.open(value, egress=egress)
