"""The OpenAPI document of the server, at /api/openapi.json."""

import re
from typing import Any, Final

from fastapi import FastAPI

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


class Documented(FastAPI):
    """An application whose document names every placeholder of every path."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _declare_placeholders(operation, _PLACEHOLDER.findall(path))
        assert self.openapi_schema is not None
        return self.openapi_schema


def _declare_placeholders(operation: dict[str, Any], names: list[str]) -> None:
    """Declare what the handler does not ask for itself: the workspace, which the guard reads from the path."""
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    declared = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
    missing = [name for name in names if name not in declared]
    parameters[:0] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in missing]
