"""`tidemill user`: accounts, from the command line of whoever runs the instance."""

import secrets
from typing import Annotated

import typer

from tidemill.cli.beside import OPERATING, OPERATOR, confirm, on_database, read_password
from tidemill.cli.output import DataDir, Json, emit, new_app, show_table, write_line
from tidemill.cli.recovery import hand_over
from tidemill.db import accounts, audit, members
from tidemill.db.bootstrap import FirstAdmin, create_first_admin
from tidemill.db.keys import add_workspace_key, check_root_key
from tidemill.db.passwords import check_password, hash_password
from tidemill.db.pool import Database, Transaction
from tidemill.model.identity import Role
from tidemill.settings import Settings
from tidemill.wiring.keys import root_keys

app = new_app("Make and change accounts.")

Email = Annotated[str, typer.Argument(help="E-mail of the account.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of making one.")
]


@app.command()
def create(
    email: Email,
    name: Annotated[str, typer.Option(help="Name to show.")] = "",
    superadmin: Annotated[bool, typer.Option("--superadmin", help="May do everything on this instance.")] = False,
    workspace: Annotated[str, typer.Option(help="Workspace to make it a member of.")] = "",
    username: Annotated[str, typer.Option(help="Its name in the workspace. Default: from the e-mail.")] = "",
    role: Annotated[Role, typer.Option(help="Its role in the workspace.")] = Role.DEVELOPER,
    password_stdin: PasswordStdin = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make an account and print its password, which is made at random unless it comes on standard input.

    The first account of an instance is a superadmin, and gets the workspaces `admins` and `main` (or --workspace).
    """
    password = check_password(read_password() if password_stdin else _new_password())

    async def work(database: Database, settings: Settings) -> str:
        if not await accounts.page(database.single, limit=1):
            first = FirstAdmin(
                email=email, password=password, username=username or "admin", workspace=workspace or "main"
            )
            if await _make_first(database, settings, first):
                return first.workspace
        hashed = await hash_password(password)
        async with database.system(actor=OPERATING) as tx:
            kept = await accounts.create(tx, email, name=name, password_hash=hashed, superadmin=superadmin)
            await audit.record(tx, OPERATOR, "users.create", "Create", kept, {"superadmin": superadmin})
            if workspace:
                chosen = username or members.username_from(kept)
                await members.add(tx, workspace, email=kept, username=chosen, role=role)
                parameters = {"role": role.value}
                await audit.record(tx, OPERATOR, "users.add", "Create", chosen, parameters, workspace=workspace)
        return workspace

    joined = on_database(data_dir, work)
    shown = "" if password_stdin else password
    if as_json:
        emit({"email": email.lower(), "password": shown or None, "workspace": joined or None})
    else:
        write_line(f"Made {email.lower()}" + (f" with the password {shown}" if shown else "") + ".")


@app.command("list")
def list_accounts(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List all accounts by e-mail."""

    async def work(database: Database, _settings: Settings) -> list[accounts.Account]:
        found: list[accounts.Account] = []
        while page := await accounts.page(database.single, limit=500, after=found[-1].email if found else ""):
            found += page
        return found

    rows = [
        {
            "email": each.email,
            "name": each.name,
            "superadmin": each.superadmin,
            "disabled": each.disabled,
            "created_at": each.created_at.isoformat(timespec="seconds"),
        }
        for each in on_database(data_dir, work)
    ]
    if as_json:
        emit(rows)
    else:
        show_table(("email", "name", "superadmin", "disabled", "created"), [list(row.values()) for row in rows])


@app.command()
def set_password(
    email: Email, password_stdin: PasswordStdin = False, data_dir: DataDir = None, as_json: Json = False
) -> None:
    """Give an account another password (made at random unless it comes on standard input); its sessions end."""
    password = check_password(read_password() if password_stdin else _new_password())

    async def work(database: Database, _settings: Settings) -> None:
        hashed = await hash_password(password)
        async with database.system(actor=OPERATING) as tx:
            await accounts.set_password(tx, email.lower(), hashed)
            await audit.record(tx, OPERATOR, "users.setpassword", "Update", email.lower())

    on_database(data_dir, work)
    shown = "" if password_stdin else password
    if as_json:
        emit({"email": email.lower(), "password": shown or None})
    else:
        write_line(f"The password of {email.lower()} is {shown or 'changed'}.")


@app.command()
def delete(
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Delete an account with its tokens and memberships. What it made stays."""
    confirm(f"Delete the account {email}?", sure=yes)

    async def work(database: Database, _settings: Settings) -> None:
        async with database.system(actor=OPERATING) as tx:
            await accounts.delete(tx, email.lower())
            await audit.record(tx, OPERATOR, "users.delete", "Delete", email.lower())

    on_database(data_dir, work)
    if as_json:
        emit({"deleted": email.lower()})
    else:
        write_line(f"Deleted {email.lower()}.")


async def _make_first(database: Database, settings: Settings, first: FirstAdmin) -> bool:
    keys = root_keys(settings, announce=lambda kit: typer.echo(hand_over(kit, settings.data_dir), err=True))
    await check_root_key(database, keys)

    async def make_key(tx: Transaction, workspace: str) -> None:
        await add_workspace_key(tx, keys, workspace=workspace)

    return await create_first_admin(database, first, make_key=make_key)


def _new_password() -> str:
    return secrets.token_urlsafe(18)
