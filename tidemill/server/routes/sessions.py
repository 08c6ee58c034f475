"""Signing in and out with a password: browser sessions."""

from typing import Annotated, Final

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import accounts, audit, passwords, throttle, tokens
from tidemill.model.errors import Unauthenticated
from tidemill.model.identity import CredentialKind, Principal
from tidemill.server import auth
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts, Parts, actor_of
from tidemill.server.wire import ERRORS, TEXT, accepts, json_body, text_answer

router = APIRouter(tags=["sessions"], responses=ERRORS, route_class=LazyRoute)

SECONDS_A_DAY: Final = 86_400
_LONGEST_EMAIL: Final = 254
_MOST_BYTES: Final = 256 * 1024
"""Of a body that anybody may send; it is far more than an e-mail and a password take."""


class Login(msgspec.Struct):
    """Who signs in."""

    email: str
    password: str


@router.post(
    "/api/auth/login", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(Login), tags=["user"]
)
async def login(
    request: Request, parts: InParts, body: Annotated[Login, Depends(json_body(Login, max_bytes=_MOST_BYTES))]
) -> Response:
    """Sign in: the answer is the session's token, which is set as the cookie `token`, too.

    Unknown, disabled and right accounts with a wrong password look the same, and all tries count.
    """
    auth.check_origin(request, parts.options.origins)
    single = parts.database.single
    email = body.email.strip().lower()[:_LONGEST_EMAIL]
    by_address = throttle.of_address(request.client.host if request.client else "")
    by_account = throttle.of_account(email)
    await throttle.take(single, by_address)
    await throttle.take(single, by_account)
    account = await accounts.find(single, email)
    kept = account.password_hash if account and not account.disabled else None
    if not await passwords.is_password(kept, body.password):
        await _note_failure(parts, account)
        raise Unauthenticated("The e-mail or the password is wrong.")
    assert account is not None
    await throttle.forget(single, by_account)
    await throttle.give_back(single, by_address)
    token = await _open_session(parts, account, body.password)
    response = text_answer(token)
    _set_cookie(response, token, parts)
    return response


@router.post("/api/auth/logout", response_class=Response, responses={200: TEXT})
async def logout(request: Request, parts: InParts, caller: Caller) -> Response:
    """End the session that the request shows. A personal token stays good: it is revoked by its prefix."""
    shown = auth.shown_by(request)
    if shown is not None and caller.credential.kind is CredentialKind.SESSION:
        async with parts.database.system(actor=actor_of(caller)) as tx:
            await tokens.delete_session(tx, auth.hash_of(shown.token))
            await audit.record(tx, caller, "users.logout", "Delete", caller.email, workspace="")
    response = text_answer("signed out")
    response.delete_cookie(auth.COOKIE, path="/")
    return response


async def _note_failure(parts: Parts, account: accounts.Account | None) -> None:
    """Record the try. What was typed for an unknown account is not kept: it may be a password."""
    email = account.email if account else ""
    async with parts.database.system() as tx:
        await audit.record(tx, Principal(email=email), "users.login_failure", "Execute", email or None)


async def _open_session(parts: Parts, account: accounts.Account, password: str) -> str:
    text, token_hash, prefix = auth.new_token()
    assert account.password_hash is not None
    renewed = await passwords.hash_password(password) if passwords.is_outdated(account.password_hash) else None
    async with parts.database.system() as tx:
        session = tokens.NewToken(
            hash=token_hash,
            prefix=prefix,
            email=account.email,
            kind=CredentialKind.SESSION,
            label="session",
            lifetime_s=float(parts.options.session_days * SECONDS_A_DAY),
        )
        await tokens.create(tx, session)
        await audit.record(tx, Principal(email=account.email), "users.login", "Create", account.email)
        if renewed is not None:
            await accounts.set_password(tx, account.email, renewed, keep_session=token_hash)
    return text


def _set_cookie(response: Response, token: str, parts: Parts) -> None:
    response.set_cookie(
        auth.COOKIE,
        token,
        max_age=parts.options.session_days * SECONDS_A_DAY,
        path="/",
        httponly=True,
        samesite="lax",
        secure=parts.options.base_url.startswith("https://"),
    )
