"""The first account of an instance. There is no route for it: whoever can start the server makes it."""

from dataclasses import dataclass
from typing import Final

from tidemill.db import accounts, audit, workspaces
from tidemill.db.passwords import check_password, hash_password
from tidemill.db.pool import Actor, Database
from tidemill.db.queries import queries
from tidemill.model.identity import Principal

_SQL: Final = queries("accounts")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdmin:
    """Who it is, and the workspace that it starts with."""

    email: str
    password: str
    username: str = "admin"
    workspace: str = "main"
    workspace_name: str = "Main"


async def create_first_admin(database: Database, first: FirstAdmin, *, make_key: workspaces.MakeKey) -> bool:
    """Make a superadmin, the workspace `admins` and a first workspace, unless the instance was ever set up.

    False where it was, even if its accounts were all deleted since: then `tidemill user` is the way.

    Raises:
        BadRequest: the e-mail, the password or a name is none.
    """
    password_hash = await hash_password(check_password(first.password))
    async with database.system(actor=Actor("system")) as tx:
        await tx.execute(_SQL["hold_setup"])
        if await tx.fetch_value(_SQL["any_account"]) or await workspaces.find(tx, workspaces.ADMINS):
            return False
        email = await accounts.create(tx, first.email, password_hash=password_hash, superadmin=True)
        for workspace, name in {workspaces.ADMINS: "Admins", first.workspace: first.workspace_name}.items():
            await workspaces.create(
                tx,
                workspace,
                name=name,
                owner_email=email,
                username=first.username,
                color=None,
                make_key=make_key,
            )
        await audit.record(tx, Principal(email=email), "users.create", "Create", email, {"first": True})
    return True
