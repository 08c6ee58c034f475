"""Scripts for key-value stores: arguments are declared in comments, and the server does the work."""

from collections.abc import Collection
from typing import ClassVar

from tidemill.engine.keys.arguments import parameter
from tidemill.engine.keys.script import read_script
from tidemill.languages.port import ReadScript, Requirements, Workshop
from tidemill.model.script import Parameter, Signature


class Redis:
    """The language `redis`: a command a line (`queries/redis.py` runs it)."""

    name: ClassVar[str] = "redis"
    file_extension: ClassVar[str] = ".redis"

    def signature(self, content: str, *, entry: str = "", resource_types: Collection[str] = ()) -> Signature:
        """The argument `database`, unless the script names its database itself, and what the script declares."""
        del entry, resource_types
        head = read_script(content).head
        declared = tuple(map(parameter, head.arguments))
        database = Parameter(name="database", value_schema={"type": "object", "format": f"resource-{self.name}"})
        return Signature(entry="", parameters=declared if head.database else (database, *declared))

    async def requirements(self, content: str, *, path: str, read: ReadScript) -> Requirements:
        """Nothing: there are no packages."""
        del content, path, read
        return Requirements()

    async def lock(self, needs: Requirements, *, workshop: Workshop) -> str:
        """Always empty."""
        del needs, workshop
        return ""


class Upstash(Redis):
    """The language `upstash`: the same, on a resource of the type `upstash`."""

    name = "upstash"
    file_extension = ".upstash.redis"
