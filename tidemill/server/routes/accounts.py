"""Accounts of the instance: who can sign in, and the caller's own."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from tidemill.db import accounts, audit
from tidemill.db.passwords import check_password, hash_password
from tidemill.engine import permit
from tidemill.engine.permit import AccountTarget, Action, InstanceTarget
from tidemill.model.errors import BadRequest, Denied
from tidemill.model.path import check_email
from tidemill.server import auth
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.paging import InPage
from tidemill.server.parts import Caller, InParts, actor_of
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["user"], responses=ERRORS, route_class=LazyRoute)


class GlobalUserInfo(msgspec.Struct, omit_defaults=True):
    """An account, as Windmill's clients read it."""

    email: str
    super_admin: bool
    disabled: bool
    login_type: Literal["password"]
    verified: bool
    first_time_user: bool
    role_source: Literal["manual"]
    devops: bool
    name: str = ""


class NewAccount(msgspec.Struct):
    """Who is to be able to sign in; without a password nobody can until one is set."""

    email: str
    super_admin: bool = False
    password: str | None = None
    name: str | None = None


class AccountChange(msgspec.Struct):
    """What is to be set."""

    is_super_admin: bool | None = None
    is_devops: bool | None = None
    name: str | None = None
    disabled: bool | None = None


class NewPassword(msgspec.Struct):
    """8 to 512 characters."""

    password: str


@router.get("/api/users/whoami", response_class=Response, responses={200: returns(GlobalUserInfo)})
async def global_whoami(parts: InParts, caller: Caller) -> Response:
    """The account that the credential belongs to."""
    permit.require(caller, Action.READ, InstanceTarget("whoami", superadmin=False))
    return json_answer(_info(await accounts.get(parts.database.single, caller.email)))


@router.get("/api/users/email", response_class=Response, responses={200: TEXT})
async def email_of_caller(caller: Caller) -> Response:
    """The e-mail of the account that the credential belongs to."""
    permit.require(caller, Action.READ, InstanceTarget("email", superadmin=False))
    return text_answer(caller.email)


@router.get("/api/users/exists/{email}", response_class=Response, responses={200: returns(bool)})
async def account_exists(email: str, parts: InParts, caller: Caller) -> Response:
    """Whether there is such an account, as far as the caller may know: its own, or any for superadmins."""
    if not permit.decide(caller, Action.READ, AccountTarget(email.lower())).allowed:
        return json_answer(value=False)
    return json_answer(await accounts.find(parts.database.single, email) is not None)


@router.get("/api/users/list_as_super_admin", response_class=Response, responses={200: returns(list[GlobalUserInfo])})
async def list_accounts(parts: InParts, caller: Caller, page: InPage, active_only: bool = False) -> Response:
    """All accounts, by e-mail."""
    permit.require(caller, Action.LIST, InstanceTarget("users", domain="users"))
    single = parts.database.single
    found = await accounts.page(single, limit=page.limit, skip=page.skip, active_only=active_only)
    return json_answer([_info(each) for each in found])


@router.post(
    "/api/users/create",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewAccount),
)
async def create_account(
    parts: InParts, caller: Caller, body: Annotated[NewAccount, Depends(json_body(NewAccount))]
) -> Response:
    """Make an account."""
    email = check_email(body.email)
    permit.require(caller, Action.MANAGE, AccountTarget(email))
    password_hash = None if body.password is None else await hash_password(check_password(body.password))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await accounts.create(tx, email, name=body.name or "", password_hash=password_hash, superadmin=body.super_admin)
        parameters = {"super_admin": body.super_admin}
        await audit.record(tx, caller, "users.add_global", "Create", email, parameters)
    return text_answer(f"{email} was created", status=201)


@router.post(
    "/api/users/update/{email}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(AccountChange),
)
async def update_account(
    email: str, parts: InParts, caller: Caller, body: Annotated[AccountChange, Depends(json_body(AccountChange))]
) -> Response:
    """Change an account. Disabled ones keep what they have and can do nothing."""
    email = email.lower()
    permit.require(caller, Action.MANAGE, AccountTarget(email))
    if body.is_devops:
        raise BadRequest("There is no devops role: make the account a superadmin, or an admin of its workspaces.")
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await accounts.update(tx, email, name=body.name, superadmin=body.is_super_admin, disabled=body.disabled)
        parameters = {"super_admin": body.is_super_admin, "disabled": body.disabled}
        await audit.record(tx, caller, "users.update", "Update", email, parameters)
    return text_answer(f"{email} was updated")


@router.delete("/api/users/delete/{email}", response_class=Response, responses={200: TEXT})
async def delete_account(email: str, parts: InParts, caller: Caller) -> Response:
    """Delete an account with its tokens and memberships. What it owns in workspaces stays, for their admins."""
    email = email.lower()
    permit.require(caller, Action.MANAGE, AccountTarget(email))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await accounts.delete(tx, email)
        await audit.record(tx, caller, "users.delete", "Delete", email)
    return text_answer(f"{email} was deleted")


@router.post(
    "/api/users/setpassword", response_class=Response, responses={200: TEXT}, openapi_extra=accepts(NewPassword)
)
async def set_own_password(
    request: Request,
    parts: InParts,
    caller: Caller,
    body: Annotated[NewPassword, Depends(json_body(NewPassword))],
) -> Response:
    """Change one's own password; one's other sessions end."""
    permit.require(caller, Action.WRITE, AccountTarget(caller.email))
    account = await accounts.get(parts.database.single, caller.email)
    if account.password_hash is None:
        raise Denied("This account signs in without a password; a superadmin may give it one.")
    shown = auth.shown_by(request)
    this_session = None if shown is None else auth.hash_of(shown.token)
    password_hash = await hash_password(check_password(body.password))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await accounts.set_password(tx, caller.email, password_hash, keep_session=this_session)
        await audit.record(tx, caller, "users.setpassword", "Update", caller.email)
    return text_answer("password was changed")


@router.post(
    "/api/users/set_password_of/{user}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(NewPassword),
)
async def set_password_of(
    user: str, parts: InParts, caller: Caller, body: Annotated[NewPassword, Depends(json_body(NewPassword))]
) -> Response:
    """Give an account another password; its sessions end."""
    email = user.lower()
    permit.require(caller, Action.MANAGE, AccountTarget(email))
    password_hash = await hash_password(check_password(body.password))
    async with parts.database.system(actor=actor_of(caller)) as tx:
        await accounts.set_password(tx, email, password_hash)
        await audit.record(tx, caller, "users.setpassword", "Update", email)
    return text_answer(f"the password of {email} was changed")


def _info(account: accounts.Account) -> GlobalUserInfo:
    return GlobalUserInfo(
        email=account.email,
        super_admin=account.superadmin,
        disabled=account.disabled,
        login_type="password",
        verified=True,
        first_time_user=False,
        role_source="manual",
        devops=False,
        name=account.name,
    )
