"""`tidemill token`: tokens for programs, from the command line of whoever runs the instance."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import typer

from tidemill.cli.beside import OPERATING, OPERATOR, on_database
from tidemill.cli.output import DataDir, Json, emit, new_app, show_table, write_line
from tidemill.db import accounts, audit, tokens, workspaces
from tidemill.db.pool import Database
from tidemill.engine import scopes as token_scopes
from tidemill.model.errors import NotFound
from tidemill.server.auth import new_token
from tidemill.settings import Settings

app = new_app("Make and revoke tokens.")

Email = Annotated[str, typer.Argument(help="E-mail of the account that the token acts for.")]


@app.command()
def create(
    email: Email,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    workspace: Annotated[str | None, typer.Option(help="Bind it to this workspace.")] = None,
    scope: Annotated[
        list[str] | None, typer.Option(help="What it is good for, domain:action[:path]; may be given again.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="It can change and run nothing.")] = False,
    expires_days: Annotated[
        int | None, typer.Option(min=1, help="Days that it is good for. Default: for ever.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it: it is shown only now, and kept as a hash."""
    wanted = None if not scope else [str(each) for each in token_scopes.parse_wanted(scope)]
    expires_at = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)
    text, token_hash, prefix = new_token()

    async def work(database: Database, _settings: Settings) -> None:
        account = await accounts.get(database.single, email.lower())
        token = tokens.NewToken(
            hash=token_hash,
            prefix=prefix,
            email=account.email,
            label=label,
            workspace=workspace,
            scopes=wanted,
            read_only=read_only,
            expires_at=expires_at,
        )
        async with database.system(actor=OPERATING) as tx:
            if workspace is not None:
                await workspaces.get(tx, workspace)
            await tokens.create(tx, token)
            parameters = {"label": label, "scopes": wanted, "workspace_id": workspace, "email": account.email}
            await audit.record(tx, OPERATOR, "users.token.create", "Create", prefix, parameters)

    on_database(data_dir, work)
    if as_json:
        emit({"token": text, "prefix": prefix})
    else:
        write_line(text)


@app.command("list")
def list_tokens(email: Email, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the tokens of an account by their prefixes, newest first; the tokens themselves are nowhere."""

    async def work(database: Database, _settings: Settings) -> list[tokens.Token]:
        account = await accounts.get(database.single, email.lower())
        return await tokens.page(database.single, account.email, limit=1000, personal_only=True)

    found = on_database(data_dir, work)
    if as_json:
        emit([{name: getattr(each, name) for name in _COLUMNS} for each in found])
    else:
        show_table(_COLUMNS, [[_cell(getattr(each, name)) for name in _COLUMNS] for each in found])


@app.command()
def revoke(
    email: Email,
    prefix: Annotated[str, typer.Argument(help="First ten characters of the token, as `list` shows them.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Revoke a token at once."""

    async def work(database: Database, _settings: Settings) -> None:
        async with database.system(actor=OPERATING) as tx:
            if not await tokens.delete(tx, email.lower(), prefix):
                raise NotFound(f"{email} has no token that starts with {prefix!r}.")
            await audit.record(tx, OPERATOR, "users.token.delete", "Delete", prefix, {"email": email.lower()})

    on_database(data_dir, work)
    if as_json:
        emit({"revoked": prefix})
    else:
        write_line(f"Revoked {prefix}.")


def _cell(value: object) -> object:
    return value.isoformat(" ", timespec="seconds") if isinstance(value, datetime) else value


_COLUMNS: Final = ("prefix", "label", "workspace_id", "scopes", "read_only", "created_at", "expires_at", "last_used_at")
