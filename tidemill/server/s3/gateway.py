"""The door of the S3 endpoint: each request is authenticated, admitted, dispatched, and answered in S3's words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog
from starlette.types import Message, Receive, Scope, Send

from tidemill.engine import job_token, sigv4_claims
from tidemill.engine.s3_faults import S3Fault
from tidemill.engine.signing_keys import SigningKeys
from tidemill.engine.sigv4_claims import Claim
from tidemill.model.errors import NotFound, TidemillError
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address, named
from tidemill.server.guard import check as check_policy
from tidemill.server.parts import Parts
from tidemill.server.policy import Policy
from tidemill.server.s3 import credentials, forms
from tidemill.server.s3.answers import Answer, answer_fault, fault_of, send_answer, with_small_body, without_body
from tidemill.server.s3.body import body_of
from tidemill.server.s3.call import Call
from tidemill.server.s3.operations import WRITE, operation_of
from tidemill.server.s3.request import S3Request, new_request_id, read_request
from tidemill.server.shared_look_ups import SharedLookUps

_STATEMENT: Final = "statement-"
log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class _Watched:
    """A body that its sender may still hold back (`Expect: 100-continue`).

    Where it was never asked for, the sender does not send it, and the server, which waits for it, would take the next
    request on the connection for it.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.was_asked_for = False

    async def receive(self) -> Message:
        """See `Receive`."""
        self.was_asked_for = True
        return await self._receive()


class Gateway:
    """An ASGI app. `clock` is compared with when requests say that they were signed."""

    def __init__(self, parts: Parts, *, clock: Callable[[], datetime] = _now) -> None:
        self._parts = parts
        self._clock = clock
        self._signing_keys = SigningKeys()
        self._principals: SharedLookUps[Principal] = SharedLookUps()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an endpoint of its own: buckets are at the root of the path."""
        if scope["type"] != "http":
            return

        async def with_header(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        await self.serve(scope, receive, with_header, below="/", workspace="")

    async def serve(self, scope: Scope, receive: Receive, send: Send, *, below: str, workspace: str) -> None:
        """Answer a request. `below`: the path that buckets are under; `workspace` "": the one of the access key."""
        request_id = new_request_id()
        resource = "/"
        body = _Watched(receive)
        try:
            request = read_request(scope, body.receive, below=below, request_id=request_id)
            resource = request.resource
            answer = await with_small_body(await self._answer(request, workspace))
        except TidemillError as error:
            answer = answer_fault(fault_of(error), resource=resource, request_id=request_id)
        except Exception:  # what nobody foresaw is answered in S3's words too, and told in the log
            log.exception("s3 request failed", request_id=request_id)
            answer = answer_fault(S3Fault("InternalError"), resource=resource, request_id=request_id)
        if scope["method"] == "HEAD":
            answer = without_body(answer)
        if not body.was_asked_for and any(name == b"expect" for name, _ in scope["headers"]):
            answer = replace(answer, headers=(*answer.headers, ("connection", "close")))
        await send_answer(answer, send, receive, request_id=request_id)

    async def _answer(self, request: S3Request, workspace: str) -> Answer:
        if forms.is_form(request):
            return await self._form(request, workspace)
        claim = sigv4_claims.read(request.signed)
        key, principal = await self._authenticate(claim, request, workspace)
        operation = operation_of(request)
        _admit(principal, operation.policy)
        call = Call(request, principal, body_of(request, claim, key), self._parts, _statement(claim))
        try:
            return await operation.handler(call)
        except NotFound as error:
            raise await self._missing(call, error) from error

    async def _authenticate(self, claim: Claim, request: S3Request, workspace: str) -> tuple[bytes, Principal]:
        """The signing key and who it is; the signature is checked before anything is looked up that it may not know."""
        sigv4_claims.check_time(claim, self._clock())
        holder = await credentials.find(self._parts, claim.access_key)
        key = self._signing_keys.get(holder.secret, claim.scope)
        sigv4_claims.check(claim, request.signed, key)
        return key, await self._principal(holder, claim, workspace)

    async def _principal(self, holder: credentials.Holder, claim: Claim, workspace: str) -> Principal:
        if claim.token and _statement(claim) is None:
            raise S3Fault("InvalidToken", "These keys come without a session token.")
        principal = await self._principals.get(claim.access_key, lambda: credentials.principal_of(holder))
        if workspace and principal.workspace != workspace:
            raise S3Fault("AccessDenied", f"The access key is not one of the workspace '{workspace[:80]}'.")
        return principal

    async def _form(self, request: S3Request, workspace: str) -> Answer:
        """A form that a browser posts: its policy is what was signed."""
        form = await forms.read_form(request)
        claim = sigv4_claims.read_post(form.fields)
        holder = await credentials.find(self._parts, claim.access_key)
        key = self._signing_keys.get(holder.secret, claim.scope)
        sigv4_claims.check_post(claim, form.fields["policy"], key)
        principal = await self._principal(holder, claim, workspace)
        _admit(principal, WRITE)
        size = forms.check_policy(form, bucket=request.bucket, now=self._clock())
        return await forms.store(form, request, principal, self._parts.objects, size=size)

    async def _missing(self, call: Call, error: NotFound) -> S3Fault:
        """What it is that is not there."""
        for at in (call.at, *_source(call)):
            try:
                async with self._parts.objects.storage(call.caller, Address(at.storage)):
                    pass
            except NotFound:
                return S3Fault("NoSuchBucket")
        return S3Fault("NoSuchUpload" if "uploadId" in call.request.query else "NoSuchKey", str(error))


def _statement(claim: Claim) -> UUID | None:
    """Which statement of a job the uploads wait for: jobs say it where others have a session token."""
    if not claim.token.startswith(_STATEMENT) or not claim.access_key.startswith(job_token.PREFIX):
        return None
    try:
        return UUID(claim.token.removeprefix(_STATEMENT))
    except ValueError:
        return None


def _source(call: Call) -> tuple[Address, ...]:
    bucket = call.header("x-amz-copy-source").removeprefix("/").partition("/")[0]
    return (Address(named(bucket)),) if bucket else ()


def _admit(principal: Principal, policy: Policy) -> None:
    try:
        check_policy(principal, policy)
    except TidemillError as error:
        raise S3Fault("AccessDenied", str(error)) from error
