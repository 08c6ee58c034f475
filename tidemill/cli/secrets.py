"""`tidemill secrets`: checks, rotates and recovers the keys of secrets."""

import asyncio
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from tidemill.cli.beside import command_settings, migrated_database, on_database
from tidemill.cli.output import DataDir, Json, emit, new_app, stderr, write_line
from tidemill.db import rotation, signing_keys
from tidemill.db.keys import CheckReport, check_root_key, check_secrets
from tidemill.db.pool import Database
from tidemill.db.signing_keys import Standing
from tidemill.model.errors import BadRequest, ConfigurationError, SecretsUnreadable
from tidemill.settings import Settings
from tidemill.stores.secrets.file import add_key, forget_keys, load_keys
from tidemill.stores.secrets.port import HeldKeys
from tidemill.stores.secrets.recovery import parse_recovery_kit, recovery_kit
from tidemill.wiring.database import reach_database, use_database
from tidemill.wiring.keys import root_keys

app = new_app("Check, rotate and recover the keys of secrets.")


@app.command()
def check(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Open every stored secret, also those in the history; name those that fail. Shows and changes nothing."""

    async def work(database: Database, settings: Settings) -> CheckReport:
        return await check_secrets(database, root_keys(settings))

    report = on_database(data_dir, work)
    if as_json:
        emit({"opened": report.opened, "failed": report.failed})
    else:
        write_line(f"{report.opened} keys and secrets were opened, {len(report.failed)} could not be.")
        for name in report.failed:
            write_line(f"  {name}")
    sys.exit(1 if report.failed else 0)


@app.command()
def rotate(
    workspace: Annotated[str, typer.Option(help="Seal the secrets of this workspace with a new key.")] = "",
    root: Annotated[bool, typer.Option("--root", help="Wrap the keys of all workspaces with a new root key.")] = False,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="With --root: only add the key to the file, to copy it to other hosts.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Change a key while jobs and people go on. If it is interrupted, run it again."""
    if bool(workspace) == root or (prepare and not root):
        raise BadRequest("Say what to rotate: --workspace NAME, or --root [--prepare].")
    if root:
        _rotate_root(command_settings(data_dir), prepare=prepare, as_json=as_json)
        return

    async def work(database: Database, settings: Settings) -> rotation.Rotation:
        return await rotation.rotate_workspace_key(database, root_keys(settings), workspace=workspace)

    done = on_database(data_dir, work)
    if as_json:
        emit(
            {"workspace": workspace, "key_id": done.key_id, "resealed": done.resealed, "was_resumed": done.was_resumed}
        )
    else:
        resumed = " (an unfinished rotation was finished)" if done.was_resumed else ""
        write_line(f"{done.resealed} secrets of {workspace} were sealed with its key {done.key_id}{resumed}.")


@app.command("rotate-signing-key")
def rotate_signing_key(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Sign identity tokens with a new key from now on. The old one stays published until its last token has ended."""

    async def work(database: Database, settings: Settings) -> list[Standing]:
        await signing_keys.rotate(database, root_keys(settings))
        return await signing_keys.standings(database.single)

    _show_signing_keys(on_database(data_dir, work), as_json=as_json)


@app.command("signing-keys")
def show_signing_keys(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show the keys of identity tokens: which one signs, and until when the others are published."""

    async def work(database: Database, _settings: Settings) -> list[Standing]:
        return await signing_keys.standings(database.single)

    _show_signing_keys(on_database(data_dir, work), as_json=as_json)


@app.command()
def restore_root_key(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Make the root key file again from the recovery kit, which is read from standard input."""
    settings = command_settings(data_dir)
    if settings.root_key:
        raise ConfigurationError("TIDEMILL_ROOT_KEY is set, so a file would not be read: unset it first.")
    if sys.stdin.isatty():
        stderr.print("Type or paste the recovery code, then press Ctrl-D on an empty line:")
    key = parse_recovery_kit(sys.stdin.read())
    asyncio.run(_require_fit(settings, key))
    settings.root_key_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_id = add_key(settings.root_key_path, key)
    if as_json:
        emit({"root_key": key_id, "file": str(settings.root_key_path)})
    else:
        write_line(f"The root key {key_id} is in {settings.root_key_path} again. Check it: tidemill secrets check")


@app.command("recovery-kit")
def show_recovery_kit(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print the recovery kit of the current root key again. Keep it away from the database and its backups."""
    key_id, key = root_keys(command_settings(data_dir)).current()
    kit = recovery_kit(key)
    if as_json:
        emit({"root_key": key_id, "kit": kit})
    else:
        write_line(kit)


def _show_signing_keys(standings: list[Standing], *, as_json: bool) -> None:
    if as_json:
        emit([{name: _json_of(value) for name, value in asdict(each).items()} for each in standings])
        return
    if not standings:
        write_line("There is no signing key: the first one is made when a token is asked for.")
    for each in standings:
        use = f"published until {each.published_until:%Y-%m-%d %H:%M} UTC" if each.published_until else "signs"
        write_line(f"{each.id}  since {each.created_at:%Y-%m-%d %H:%M} UTC  {use}")


def _json_of(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _rotate_root(settings: Settings, *, prepare: bool, as_json: bool) -> None:
    is_file = not settings.root_key
    keys = root_keys(settings)
    assert isinstance(keys, HeldKeys)
    if len(keys.ids) == 1:  # else a rotation was prepared, or begun
        if not is_file:
            raise ConfigurationError(
                "Append the new root key to TIDEMILL_ROOT_KEY after a comma, restart servers and workers with it, "
                "then rotate."
            )
        add_key(settings.root_key_path)
        keys = load_keys(settings.root_key_path)
    key_id, key = keys.current()
    kit = recovery_kit(key)
    wrapped = 0
    if not prepare:
        wrapped = asyncio.run(_rewrap(settings, keys))
        if is_file:
            forget_keys(settings.root_key_path)
    if as_json:
        emit({"root_key": key_id, "rewrapped": wrapped, "prepared_only": prepare, "kit": kit})
        return
    write_line(kit + "\n")
    if prepare:
        write_line(f"Copy {settings.root_key_path} to all hosts, then run this again without --prepare.")
    else:
        write_line(f"{wrapped} workspace keys are wrapped with the root key {key_id}. Restart servers and workers.")


async def _rewrap(settings: Settings, keys: HeldKeys) -> int:
    async with migrated_database(settings) as database:
        await check_root_key(database, keys)
        return await rotation.rotate_root_key(database, keys)


async def _require_fit(settings: Settings, key: bytes) -> None:
    """Make sure that the key is the one of the database, where there is a database."""
    if not settings.database_url and not (settings.data_dir / "postgres").exists():
        return
    async with (
        reach_database(settings) as dsn,
        use_database(settings, dsn, application="tidemill command") as database,
    ):
        try:
            await check_root_key(database, HeldKeys([key], holder="the recovery kit"))
        except SecretsUnreadable as error:
            raise BadRequest(
                "This recovery kit belongs to another database, or to a root key that was rotated away since."
            ) from error
