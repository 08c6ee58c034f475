"""The OpenAPI document of the server, at /api/openapi.json."""

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from fastapi import FastAPI

from tidemill.server.policy import Policy, Who

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A personal token, or that of a running job."},
    "session": {"type": "apiKey", "in": "cookie", "name": "token", "description": "Set by POST /api/auth/login."},
}
"""How a caller may show who it is; one of them is enough."""


class Documented(FastAPI):
    """An application whose document names every placeholder of every path, and what a caller must show."""

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document.setdefault("components", {})["securitySchemes"] = _SCHEMES
            policies = {key.replace(":path}", "}"): policy for key, policy in self._policies().items()}
            for path, operations in document["paths"].items():
                for method, operation in operations.items():
                    _declare_placeholders(operation, _PLACEHOLDER.findall(path))
                    if policies[f"{method.upper()} {path}"].who is not Who.PUBLIC:
                        operation["security"] = [{name: []} for name in _SCHEMES]
        assert self.openapi_schema is not None
        return self.openapi_schema

    def _policies(self) -> Mapping[str, Policy]:
        return cast("Mapping[str, Policy]", self.state.policies)


def _declare_placeholders(operation: dict[str, Any], names: list[str]) -> None:
    """Declare what the handler does not ask for itself: the workspace, which the guard reads from the path."""
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    declared = {parameter["name"] for parameter in parameters if parameter["in"] == "path"}
    missing = [name for name in names if name not in declared]
    parameters[:0] = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in missing]
