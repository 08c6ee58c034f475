"""One authenticated request, as the operations have it."""

from dataclasses import dataclass
from uuid import UUID

from tidemill.engine.s3_faults import S3Fault
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, named
from tidemill.server.objects.service import Objects
from tidemill.server.parts import Parts
from tidemill.server.s3.body import Body
from tidemill.server.s3.request import S3Request


@dataclass(frozen=True, slots=True)
class Call:
    """A request, who sent it, and what it is carried out with."""

    request: S3Request
    caller: Principal
    body: Body
    parts: Parts
    waits_for: UUID | None = None
    """What is written becomes an object only once this statement of a job has succeeded; see `Uploads.settle`."""

    @property
    def objects(self) -> Objects:
        """The object service."""
        return self.parts.objects

    @property
    def at(self) -> Address:
        """What the request is about."""
        return Address(named(self.request.bucket), self.request.key)

    def header(self, name: str) -> str:
        """A header of the request, "" where it was not sent."""
        return self.request.headers.get(name, "")

    def require_key(self) -> None:
        """Raises S3Fault where a key is too long, in S3's own words."""
        if len(self.request.key.encode()) > 1024:
            raise S3Fault("KeyTooLongError")
