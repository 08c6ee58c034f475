"""The demo workspace: a folder with a resource, a secret, and a script that uses them and keeps its state."""

import json
import secrets
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

import httpx
import structlog
from starlette.types import ASGIApp

from tidemill.wiring.login_file import Login, read_login, write_login

SCRIPT: Final = "f/demo/watch_scripts"

log = structlog.get_logger(__name__)


async def make_demo(app: ASGIApp, data_dir: Path, login: Login) -> None:
    """Make it through the API, as its user would; once: what its user deletes does not come back.

    Should the server refuse a part of it, that is told in the log, and the next start tries again.
    """
    kept = read_login(data_dir)
    if kept is None or kept.has_demo or not login.token:
        return
    transport = httpx.ASGITransport(app)
    headers = {"Authorization": f"Bearer {login.token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        for operation, body in _parts():
            if not await _create(client, f"/api/w/{login.workspace}/{operation}", body):
                return
    write_login(data_dir, replace(kept, login=login, has_demo=True))


def source() -> str:
    """The demo script."""
    return (resources.files("tidemill.wiring") / "demo_script.py").read_text(encoding="utf-8")


def _parts() -> list[tuple[str, dict[str, Any]]]:
    settings = {
        "path": "f/demo/watch_settings",
        "value": {"limit": 50},
        "resource_type": "any",
        "description": "How many scripts the demo looks at.",
    }
    secret = {
        "path": "f/demo/watch_secret",
        "value": secrets.token_urlsafe(24),
        "is_secret": True,
        "description": "A secret for the demo: made at random, shown as ****** in logs.",
    }
    script = {
        "path": SCRIPT,
        "content": source(),
        "language": "python3",
        "summary": "Watch the scripts of this workspace",
        "description": "Tells what is new or changed since its last run, and keeps what it saw as its state.",
    }
    return [
        ("folders/create", {"name": "demo"}),
        ("resources/create", settings),
        ("variables/create", secret),
        ("scripts/create", script),
    ]


async def _create(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> bool:
    """Create a part; one that an earlier, interrupted start has made already is fine."""
    answer = await client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    if answer.is_error and answer.headers.get("x-tidemill-error") != "already_exists":
        log.error("the demo was not made", path=path, status=answer.status_code, message=answer.text[:300])
        return False
    return True
