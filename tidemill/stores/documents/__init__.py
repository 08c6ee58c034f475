"""Users' document databases: one port, one file a backend, and the table that names them all."""

from typing import Final, Protocol, cast

from tidemill.engine.egress import Egress
from tidemill.registry import Entry, lookup
from tidemill.stores.documents.port import DocumentDatabase

BACKENDS: Final[dict[str, Entry]] = {
    "mongodb": Entry("tidemill.stores.documents.mongodb:MongoDatabase"),
}
"""The script language -> its backend."""


class Backend(Protocol):
    """What an entry of the table leads to."""

    @classmethod
    def open(cls, value: object, *, egress: Egress) -> DocumentDatabase:
        """A database as the value of a resource says, references replaced. It does not connect yet,
        and later only where `egress` lets it.

        Raises:
            BadRequest: the value lacks something, or has what cannot be; the message names the field.
        """
        ...


def open_documents(language: str, value: object, *, egress: Egress) -> DocumentDatabase:
    """The database that `value` tells of; close it after use. It connects only where `egress` lets it.

    Raises:
        BadRequest: there is no such language, or the value does not fit.
    """
    backend = cast("type[Backend]", lookup(BACKENDS, "document database", language))
    return backend.open(value, egress=egress)
