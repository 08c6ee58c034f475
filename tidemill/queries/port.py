"""What runs a script in a query language: no program is started, the database does the work.

The worker runs jobs through it and the server runs inline queries: both hand in a `Host`, which acts with the rights of
whom the query runs as.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from tidemill.engine.egress import Egress


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A script to be run.

    Attributes:
        language: its name on the wire.
        content: the source.
        path: of the script; "" for a preview without one.
        args: raw JSON object of the arguments, references replaced.
        database: path of the resource that the argument `database` named, before it was replaced; "" if it named none.
        contextual: `WM_WORKSPACE`, ... for `%%WM_...%%`.
        job_id: "" for an inline query.
        timeout_s: longest run of one statement on the server.
        max_result_bytes: of the result's JSON; more is an error that names `-- s3`.
        max_rows: likewise; 0 for no bound.
    """

    language: str
    content: str
    path: str
    args: bytes
    database: str = ""
    contextual: Mapping[str, str] = field(default_factory=dict)
    job_id: str = ""
    timeout_s: float = 0.0
    max_result_bytes: int
    max_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A resource whose references are replaced."""

    resource_type: str
    value: bytes


class Host(Protocol):
    """What a query may reach of its workspace, with the rights of whom it runs as."""

    identity: str
    """Workspace and principal, `main/u/ann`: connections are never shared across identities."""

    async def resource(self, path: str) -> Opened:
        """The resource at `path` (`u/...`, `f/...`, also with `$res:` before it).

        Raises:
            InterpolationFailed: it is not there, or may not be read.
        """

    async def upload(self, chunks: AsyncIterable[bytes], *, key: str, storage: str, content_type: str) -> bytes:
        """Write an object to workspace storage; the JSON of its `S3Object`. If `chunks` raises, nothing is left."""

    def download(self, pointer: bytes) -> AsyncIterator[bytes]:
        """The bytes of the object that this `S3Object` (raw JSON) points to."""

    async def log(self, text: str) -> None:
        """Add to the job's log; an inline query has none."""

    async def touched(self, kind: str, address: str, *, is_write: bool) -> None:
        """Note in the access log what is read or written: `database`, `f/data/warehouse`."""


class QueryRunner(Protocol):
    """Runs the scripts of a query language. Made once; holds the pools of its databases."""

    def __init__(self, egress: Egress) -> None:
        """It connects only where `egress` lets it."""

    async def run(self, query: Query, host: Host) -> bytes:
        """The result as JSON text. Canceling the task cancels on the server, too.

        Raises:
            BadRequest, InvalidScript: the script or an argument is wrong; nothing was sent to the database.
            ConnectionFailed, QueryFailed: see `stores/databases/port.py`.
            TooLarge: the result is; nothing is cut.
        """

    async def close_idle(self, idle_s: float) -> int:
        """Close connections that nobody has used for so long; how many databases are still open."""

    async def close(self) -> None: ...
