"""The OpenAPI document of the server, at /api/openapi.json."""

import re
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, cast

import anyio.to_thread
import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from tidemill.server.policy import Policy, Who
from tidemill.server.route_tree import RouteTree
from tidemill.server.wire import raw_answer

_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A personal token, or that of a running job."},
    "session": {"type": "apiKey", "in": "cookie", "name": "token", "description": "Set by POST /api/auth/login."},
}
"""How a caller may show who it is; one of them is enough."""


class Documented(FastAPI):
    """An application whose document names every placeholder of every path, and what a caller must show."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._making: Final = Lock()
        self._text = b""

    @property
    def routes(self) -> list[BaseRoute]:
        """Each that was declared, also where they are looked up in a tree."""
        return [
            each for route in self.router.routes for each in (route.routes if isinstance(route, RouteTree) else [route])
        ]

    async def answer_with_document(self, _request: Request) -> Response:
        """The handler of its address. To look into every route takes a while, in which others are answered."""
        self._text = self._text or await anyio.to_thread.run_sync(lambda: msgspec.json.encode(self.openapi()))
        return raw_answer(self._text)

    def openapi(self) -> dict[str, Any]:
        """The document; made once."""
        with self._making:
            return self._document()

    def _document(self) -> dict[str, Any]:
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
