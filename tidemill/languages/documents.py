"""Scripts for document databases: arguments are declared in comments, and the server does the work."""

from collections.abc import Collection
from typing import Final

from tidemill.engine.documents.arguments import parameter
from tidemill.engine.documents.script import read_script
from tidemill.languages.port import ReadScript, Requirements, Workshop
from tidemill.model.script import Parameter, Signature

_DATABASE: Final = Parameter(name="database", value_schema={"type": "object", "format": "resource-mongodb"})


class MongoDb:
    """The language `mongodb`: YAML or JSON (`queries/mongodb.py` runs it)."""

    name = "mongodb"
    file_extension = ".mongodb.yaml"

    def signature(self, content: str, *, entry: str = "", resource_types: Collection[str] = ()) -> Signature:
        """The argument `database`, unless the script names its database itself, and what the script declares."""
        del entry, resource_types
        head = read_script(content).head
        declared = tuple(map(parameter, head.arguments))
        return Signature(entry="", parameters=declared if head.database else (_DATABASE, *declared))

    async def requirements(self, content: str, *, path: str, read: ReadScript) -> Requirements:
        """Nothing: there are no packages."""
        del content, path, read
        return Requirements()

    async def lock(self, needs: Requirements, *, workshop: Workshop) -> str:
        """Always empty."""
        del needs, workshop
        return ""
