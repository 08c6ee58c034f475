"""The link that Windmill's clients print, led to our page.

Source: `wmill script run` and `wmill flow run` of windmill-cli print `run/<id>?workspace=<id>`.
"""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from tidemill.server.jobs_seen import parse_job_id
from tidemill.server.lazy_route import LazyRoute

router = APIRouter(tags=["pages"], include_in_schema=False, route_class=LazyRoute)


@router.get("/run/{id}", response_class=Response)
async def run(id: str, workspace: str | None = None) -> Response:  # noqa: A002
    """To the run; to the start, which finds a workspace, where none is named."""
    job = parse_job_id(id)
    return RedirectResponse(f"/w/{quote(workspace, safe='')}/runs/{job}" if workspace else "/")
