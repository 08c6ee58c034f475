"""Who answers what a flow asks: whoever has the link and, where that is known, which member that is."""

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request

from tidemill.engine import scopes
from tidemill.engine.approval_link import MOST_RESUME_ID, ApprovalLink, is_name, link_of_token
from tidemill.engine.flow.approval import ANONYMOUS
from tidemill.model.errors import Denied, LeaseLost, NotFound, Unauthenticated
from tidemill.model.identity import CredentialKind, Principal
from tidemill.server import auth
from tidemill.server.jobs_seen import parse_job_id
from tidemill.server.parts import Parts

_WRONG: Final = "This link is wrong: ask whoever gave it to you for another one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """Who answers. `person` is the member who is signed in, None where nobody is; `link` None: there is none."""

    workspace: str
    link: ApprovalLink | None
    person: Principal | None

    @property
    def name(self) -> str:
        """How the flow is told of it."""
        if self.person is not None:
            return self.person.username or self.person.email
        return (self.link.approver if self.link is not None else "") or ANONYMOUS

    @property
    def email(self) -> str:
        """Whose account it is; "" where nobody is signed in."""
        return "" if self.person is None else self.person.email

    @property
    def groups(self) -> frozenset[str]:
        """The groups that it is in."""
        return frozenset() if self.person is None else self.person.groups

    @property
    def principal(self) -> Principal:
        """As the audit log has it."""
        return self.person or Principal(email="", username=self.name, workspace=self.workspace)


async def approver_by_link(
    parts: Parts, request: Request, workspace: str, *, job: str, resume_id: str, signature: str, approver: str
) -> Approver:
    """Who has the link.

    Raises:
        Denied: it is none of ours. That is told before anything is looked up.
    """
    try:
        link = ApprovalLink(workspace, parse_job_id(job), _number(resume_id), approver)
    except NotFound:
        raise Denied(_WRONG) from None
    if not is_name(approver) or not link.is_signed(parts.approval_secret, signature):
        raise Denied(_WRONG)
    return Approver(workspace=workspace, link=link, person=await _person(parts, request, workspace))


async def approver_by_token(parts: Parts, request: Request, workspace: str, *, job: str, token: str) -> Approver:
    """Who has the token of a link or, without one, the member who is signed in.

    Raises:
        Denied: the token is none of ours, or there is none and nobody is signed in.
    """
    person = await _person(parts, request, workspace)
    if token:
        link = link_of_token(parts.approval_secret, token, workspace=workspace, job=parse_job_id(job))
        if link is None:
            raise Denied(_WRONG)
        return Approver(workspace=workspace, link=link, person=person)
    if person is None:
        raise Denied("Sign in, or send the token of the link that you were given.")
    return Approver(workspace=workspace, link=None, person=person)


def _number(text: str) -> int:
    """The number in `text`; one that no link has where it holds none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_RESUME_ID)) else -1


async def _person(parts: Parts, request: Request, workspace: str) -> Principal | None:
    """The member who is signed in. A job is none, nor is a token that may not write, or may for some paths alone.

    It is the link that lets somebody in: what else is shown and does not hold is as if it were not shown.
    """
    shown = auth.shown_by(request)
    if shown is None:
        return None
    try:
        found = await auth.authenticate(parts.database, parts.job_secret, shown, workspace=workspace)
        if shown.by_cookie:
            auth.check_not_forged(request, found, origins=parts.options.origins)
    except (Unauthenticated, NotFound, Denied, LeaseLost):
        return None
    credential = found.credential
    is_personal = credential.kind in {CredentialKind.PERSONAL, CredentialKind.SESSION} and not credential.read_only
    is_here = credential.workspace in {None, workspace} and scopes.permits(credential.scopes, "jobs", "write")
    return found if is_personal and is_here else None
