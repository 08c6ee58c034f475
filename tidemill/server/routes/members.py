"""Members of a workspace: who they are, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

from tidemill.db import accounts, audit, folders, members, workspaces
from tidemill.db.pool import Transaction
from tidemill.engine import permit
from tidemill.engine.permit import Action, Need, WorkspaceTarget
from tidemill.model.errors import BadRequest, Denied, NotFound
from tidemill.model.identity import EVERYONE, FolderRight, Principal, Role
from tidemill.model.path import parse_path
from tidemill.server.changes import changing
from tidemill.server.lazy_route import LazyRoute
from tidemill.server.parts import Caller, InParts
from tidemill.server.wire import ERRORS, TEXT, accepts, json_answer, json_body, returns, text_answer

router = APIRouter(tags=["user"], responses=ERRORS, route_class=LazyRoute)

_READ = WorkspaceTarget("users", Need.MEMBER)
_MANAGE = WorkspaceTarget("users", Need.ADMIN)


class User(msgspec.Struct, omit_defaults=True):
    """A member. `folders` are those that it may write to, `folders_read` those that it may read."""

    email: str
    username: str
    is_admin: bool
    is_super_admin: bool
    operator: bool
    disabled: bool
    created_at: datetime
    folders: list[str]
    folders_read: list[str]
    folders_owners: list[str]
    groups: list[str]
    name: str = ""
    non_member: bool = False


class NewMember(msgspec.Struct):
    """An account and what it becomes: an admin, an operator, or else a developer; `role` says it in a word."""

    email: str
    is_admin: bool = False
    username: str | None = None
    operator: bool = False
    role: str | None = None


class MemberChange(msgspec.Struct):
    """What is to be set."""

    is_admin: bool | None = None
    operator: bool | None = None
    role: str | None = None
    disabled: bool | None = None


@dataclass(frozen=True, slots=True)
class _Rights:
    """The folders of a workspace, to tell what each member may do in them."""

    folders: list[folders.Folder]

    def user(self, member: members.Member) -> User:
        found = permit.folder_rights(self.folders, permit.member_keys(member.username, member.groups))
        if member.role is Role.ADMIN:
            found = dict.fromkeys((folder.name for folder in self.folders), FolderRight.OWNER)
        return User(
            email=member.email,
            username=member.username,
            is_admin=member.role is Role.ADMIN,
            is_super_admin=member.superadmin,
            operator=member.role is Role.OPERATOR,
            disabled=member.disabled,
            created_at=member.created_at,
            folders=_with(found.items(), FolderRight.WRITE, FolderRight.OWNER),
            folders_read=sorted(found),
            folders_owners=_with(found.items(), FolderRight.OWNER),
            groups=sorted({*member.groups, EVERYONE}),
            name=member.name,
        )


@router.get("/api/w/{workspace}/users/whoami", response_class=Response, responses={200: returns(User)})
async def whoami(workspace: str, parts: InParts, caller: Caller) -> Response:
    """The caller in this workspace. A superadmin who is no member is told so by `non_member`."""
    permit.require(caller, Action.READ, WorkspaceTarget("whoami", Need.MEMBER))
    async with parts.database.transaction(workspace) as tx:
        member = await members.find(tx, workspace, caller.username) if caller.username else None
        if member is not None:
            return json_answer((await _rights(tx, workspace)).user(member))
        account = await accounts.get(tx, caller.email)
    user = User(
        email=account.email,
        username=account.email,
        is_admin=True,
        is_super_admin=True,
        operator=False,
        disabled=False,
        created_at=account.created_at,
        folders=[],
        folders_read=[],
        folders_owners=[],
        groups=[],
        name=account.name,
        non_member=True,
    )
    return json_answer(user)


@router.get("/api/w/{workspace}/users/list", response_class=Response, responses={200: returns(list[User])})
async def list_members(workspace: str, parts: InParts, caller: Caller) -> Response:
    """All members by name."""
    permit.require(caller, Action.LIST, _READ)
    async with parts.database.transaction(workspace) as tx:
        rights = await _rights(tx, workspace)
        return json_answer([rights.user(member) for member in await members.all_of(tx, workspace)])


@router.get("/api/w/{workspace}/users/list_usernames", response_class=Response, responses={200: returns(list[str])})
async def list_usernames(workspace: str, parts: InParts, caller: Caller) -> Response:
    """The names of all members."""
    permit.require(caller, Action.LIST, _READ)
    async with parts.database.transaction(workspace) as tx:
        return json_answer(await members.usernames(tx, workspace))


@router.get("/api/w/{workspace}/users/get/{username}", response_class=Response, responses={200: returns(User)})
@router.get("/api/w/{workspace}/users/whois/{username}", response_class=Response, responses={200: returns(User)})
async def get_member(workspace: str, username: str, parts: InParts, caller: Caller) -> Response:
    """One member."""
    permit.require(caller, Action.READ, _READ)
    async with parts.database.transaction(workspace) as tx:
        member = await members.get(tx, workspace, username)
        return json_answer((await _rights(tx, workspace)).user(member))


@router.get("/api/w/{workspace}/users/exists/{username}", response_class=Response, responses={200: returns(bool)})
async def member_exists(workspace: str, username: str, parts: InParts, caller: Caller) -> Response:
    """Whether there is a member of that name."""
    permit.require(caller, Action.READ, _READ)
    async with parts.database.transaction(workspace) as tx:
        return json_answer(await members.find(tx, workspace, username) is not None)


@router.get("/api/w/{workspace}/users/username_to_email/{username}", response_class=Response, responses={200: TEXT})
async def username_to_email(workspace: str, username: str, parts: InParts, caller: Caller) -> Response:
    """The e-mail of a member."""
    permit.require(caller, Action.READ, _READ)
    async with parts.database.transaction(workspace) as tx:
        return text_answer((await members.get(tx, workspace, username)).email)


@router.get("/api/w/{workspace}/users/is_owner/{path:path}", response_class=Response, responses={200: returns(bool)})
async def is_owner_of_path(workspace: str, path: str, caller: Caller) -> Response:
    """Whether the caller owns what is at this path, be there something or not."""
    permit.require(caller, Action.READ, WorkspaceTarget("whoami", Need.MEMBER))
    parsed = parse_path(path)
    owns = parsed.owner_key == f"u/{caller.username}" or (
        parsed.kind == "f" and caller.folders.get(parsed.owner) is FolderRight.OWNER
    )
    return json_answer(owns or caller.is_admin)


@router.post(
    "/api/w/{workspace}/workspaces/add_user",
    response_class=Response,
    status_code=201,
    responses={201: TEXT},
    openapi_extra=accepts(NewMember),
    tags=["workspace"],
)
async def add_member(
    workspace: str, parts: InParts, caller: Caller, body: Annotated[NewMember, Depends(json_body(NewMember))]
) -> Response:
    """Make an account that exists a member."""
    permit.require(caller, Action.MANAGE, _MANAGE)
    role = _role(body.role, is_admin=body.is_admin, operator=body.operator) or Role.DEVELOPER
    async with changing(parts, caller) as tx:
        account = await accounts.find(tx, body.email)
        if account is None:
            raise NotFound(f"There is no account '{body.email}': a superadmin has to make it first.")
        if workspace == workspaces.ADMINS and not account.superadmin:
            raise Denied(f"Only superadmins may be members of the workspace '{workspaces.ADMINS}'.")
        username = body.username or members.username_from(account.email)
        await members.add(tx, workspace, email=account.email, username=username, role=role)
        parameters = {"username": username, "role": role.value}
        await audit.record(tx, caller, "users.add_to_workspace", "Create", account.email, parameters)
    return text_answer(f"{account.email} is a member as {username}", status=201)


@router.post(
    "/api/w/{workspace}/users/update/{username}",
    response_class=Response,
    responses={200: TEXT},
    openapi_extra=accepts(MemberChange),
)
async def update_member(
    workspace: str,
    username: str,
    parts: InParts,
    caller: Caller,
    body: Annotated[MemberChange, Depends(json_body(MemberChange))],
) -> Response:
    """Change a member's role, or disable it: then it keeps what it has and may do nothing."""
    permit.require(caller, Action.MANAGE, _MANAGE)
    async with changing(parts, caller) as tx:
        member = await members.get(tx, workspace, username)
        role = _role(body.role, is_admin=body.is_admin, operator=body.operator, present=member.role)
        if role not in {None, Role.ADMIN} or body.disabled:
            await _keep_an_admin(tx, caller, member)
        await members.update(tx, workspace, username, role=role, disabled=body.disabled)
        parameters = {"role": None if role is None else role.value, "disabled": body.disabled}
        await audit.record(tx, caller, "users.update", "Update", username, parameters)
    return text_answer(f"{username} was updated")


@router.delete("/api/w/{workspace}/users/delete/{username}", response_class=Response, responses={200: TEXT})
async def remove_member(workspace: str, username: str, parts: InParts, caller: Caller) -> Response:
    """Remove a member from the workspace, its groups, folders and shares. Its name is never given to somebody else."""
    permit.require(caller, Action.MANAGE, _MANAGE)
    async with changing(parts, caller) as tx:
        member = await members.get(tx, workspace, username)
        await _keep_an_admin(tx, caller, member)
        await members.remove(tx, workspace, username)
        await audit.record(tx, caller, "users.delete", "Delete", username)
    return text_answer(f"{username} was removed")


@router.post("/api/w/{workspace}/workspaces/leave", response_class=Response, responses={200: TEXT}, tags=["workspace"])
async def leave_workspace(workspace: str, parts: InParts, caller: Caller) -> Response:
    """Stop being a member."""
    permit.require(caller, Action.WRITE, WorkspaceTarget("users", Need.MEMBER))
    async with changing(parts, caller) as tx:
        member = await members.get(tx, workspace, caller.username)
        await members.keep_an_admin(tx, workspace, member.username)
        await members.remove(tx, workspace, member.username)
        await audit.record(tx, caller, "users.leave_workspace", "Delete", member.username)
    return text_answer(f"{member.username} left {workspace}")


async def _keep_an_admin(tx: Transaction, caller: Principal, member: members.Member) -> None:
    """A superadmin may leave a workspace without an admin, as long as that is not itself: it is above all of them."""
    if member.role is Role.ADMIN and (not caller.superadmin or member.email == caller.email):
        await members.keep_an_admin(tx, caller.workspace, member.username)


def _role(
    word: str | None, *, is_admin: bool | None, operator: bool | None, present: Role | None = None
) -> Role | None:
    """What a member becomes; None where nothing is said. The two flags may come one by one.

    Raises:
        BadRequest: it cannot be both, or the word is none.
    """
    if word is not None:
        if word not in set(Role):
            raise BadRequest(f"{word[:40]!r} is not a role: admin, developer or operator.")
        return Role(word)
    if is_admin is None and operator is None:
        return None
    admin = present is Role.ADMIN and not operator if is_admin is None else is_admin
    operates = present is Role.OPERATOR and not is_admin if operator is None else operator
    if admin and operates:
        raise BadRequest("A member is either an admin or an operator, not both.")
    return Role.ADMIN if admin else Role.OPERATOR if operates else Role.DEVELOPER


async def _rights(tx: Transaction, workspace: str) -> _Rights:
    return _Rights(await folders.all_of(tx, workspace))


def _with(found: Iterable[tuple[str, FolderRight]], *wanted: FolderRight) -> list[str]:
    return sorted(name for name, right in found if right in wanted)
