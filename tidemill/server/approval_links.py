"""Links by which somebody answers what a flow asks, made for those who may cancel it."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Path, Query

from tidemill.engine.approval_link import ApprovalLink, is_name
from tidemill.engine.permit import Action
from tidemill.model.errors import BadRequest
from tidemill.model.identity import Principal
from tidemill.server.approval_wire import ResumeUrls
from tidemill.server.jobs_seen import require_job
from tidemill.server.parts import Parts

InId = Annotated[str, Path(alias="id")]
InName = Annotated[str, Query(alias="approver", description='Who it is for; "" for whoever has the link.')]


async def link_for(parts: Parts, caller: Principal, job: str, resume_id: int, *, approver: str) -> ApprovalLink:
    """A link that the caller may give away: as much as to cancel the job.

    Raises:
        BadRequest: `approver` is no name.
        NotFound, Denied: see `require_job`.
    """
    if not is_name(approver):
        raise BadRequest("approver must be a name of at most 255 printable characters.")
    seen = await require_job(parts, caller, job, action=Action.CANCEL)
    return ApprovalLink(caller.workspace, seen.id, resume_id, approver)


async def resume_urls(parts: Parts, caller: Principal, job: str, resume_id: int, *, approver: str) -> ResumeUrls:
    """The addresses of a link; as `link_for`."""
    link = await link_for(parts, caller, job, resume_id, approver=approver)
    signed = f"{link.job}/{link.resume_id}/{link.signature(parts.approval_secret)}"
    query = f"?{urlencode({'approver': approver})}" if approver else ""
    workspace = quote(caller.workspace, safe="")
    api = f"{parts.options.base_url}/api/w/{workspace}/jobs_u"
    return ResumeUrls(
        approval_page=f"{parts.options.base_url}/w/{workspace}/approve/{signed}{query}",
        resume=f"{api}/resume/{signed}{query}",
        cancel=f"{api}/cancel/{signed}{query}",
    )
