"""The first start of an instance: an admin and a workspace. Later starts tell the same login while it holds."""

import secrets
from dataclasses import replace
from pathlib import Path
from typing import Final

from tidemill.db import accounts, audit, identity, tokens
from tidemill.db.bootstrap import FirstAdmin, create_first_admin
from tidemill.db.passwords import is_password
from tidemill.db.pool import Actor, Database
from tidemill.model.errors import NotFound, Unauthenticated
from tidemill.model.identity import Principal
from tidemill.server.auth import hash_of, new_token
from tidemill.server.parts import Parts
from tidemill.wiring.login_file import KeptLogin, Login, read_login, write_login

EMAIL: Final = "admin@tidemill.local"
WORKSPACE: Final = "main"
_PASSWORD_BYTES: Final = 18
_LABEL: Final = "tidemill up"


async def first_start(data_dir: Path, parts: Parts) -> Login:
    """How to sign in; on the first start of all the account is made, with the workspaces `admins` and `main`.

    Several servers may start at once: one of them makes it, under a lock, and only that one tells the password. The
    password is kept in `data_dir` before the account is made, so that no crash between the two loses it.
    """
    kept = read_login(data_dir)
    if not await accounts.page(parts.database.single, limit=1):
        kept = kept or KeptLogin(login=_new_login())
        write_login(data_dir, kept)
        first = FirstAdmin(email=kept.login.email, password=kept.login.password, workspace=kept.login.workspace)
        await create_first_admin(parts.database, first, make_key=parts.make_workspace_key)
    if kept is None:
        return Login()
    login = await _what_holds(parts.database, kept.login)
    if login.password and login != kept.login:
        write_login(data_dir, replace(kept, login=login))
    return login


async def _what_holds(database: Database, kept: Login) -> Login:
    """The part of `kept` that still works. A revoked token is followed by another one while the password fits."""
    account = await accounts.find(database.single, kept.email)
    if account is None or account.disabled:
        return Login()
    token = kept.token if await _is_good(database, kept) else ""
    if not await is_password(account.password_hash, kept.password):
        return replace(kept, password="", token=token)
    return replace(kept, token=token or await _make_token(database, kept.email))


def _new_login() -> Login:
    return Login(workspace=WORKSPACE, email=EMAIL, password=secrets.token_urlsafe(_PASSWORD_BYTES))


async def _is_good(database: Database, login: Login) -> bool:
    if not login.token:
        return False
    try:
        principal = await identity.principal_by_token(database, hash_of(login.token), login.workspace)
    except (Unauthenticated, NotFound):
        return False
    return principal.email == login.email


async def _make_token(database: Database, email: str) -> str:
    text, token_hash, prefix = new_token()
    async with database.system(actor=Actor("system")) as tx:
        await tokens.create(tx, tokens.NewToken(hash=token_hash, prefix=prefix, email=email, label=_LABEL))
        await audit.record(tx, Principal(email=email), "users.token.create", "Create", prefix, {"label": _LABEL})
    return text
