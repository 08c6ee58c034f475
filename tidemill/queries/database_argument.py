"""Which database a script for documents or keys runs on: its own line `# database`, or the argument `database`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tidemill.model import jsontext
from tidemill.model.errors import BadRequest
from tidemill.queries.port import Host

DATABASE: Final = "database"
_REFERENCES: Final = ("$res:", "res://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A resource of a database. `path` is "" where its value was given as such; `raw` is its JSON."""

    path: str
    raw: bytes

    @property
    def value(self) -> object:
        """What the JSON says."""
        return jsontext.loads(self.raw)


async def named_database(path: str, args: Mapping[str, bytes], host: Host, *, resource_type: str) -> Named:
    """The resource at `path`, or that of the argument where `path` is "".

    Raises:
        BadRequest: neither names one.
        InterpolationFailed: see `Host.resource`.
    """
    given = args.get(DATABASE, b"null").strip()
    if not path and given.startswith(b'"'):
        text = str(jsontext.loads(given))
        if not text.startswith(_REFERENCES):  # a connection URL
            return Named(path="", raw=given)
        path = text.removeprefix("$res:").removeprefix("res://")
    if path:
        return Named(path=path, raw=(await host.resource(path)).value)
    if given == b"null":
        raise BadRequest(
            "Missing database argument: give `database` as a resource (`$res:f/folder/name`), or begin the script with "
            f"a line `# database f/folder/name`. The resource is of the type {resource_type}."
        )
    return Named(path="", raw=given)
