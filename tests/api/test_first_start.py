"""The first start makes one login, and later ones tell what of it still holds (E08, D13)."""

import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.api.conftest import OneRootKey, make_parts
from tests.postgres import TEMPLATE
from tidemill.db import accounts, tokens
from tidemill.db.passwords import hash_password
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.server.parts import Parts
from tidemill.wiring.first_start import EMAIL, first_start
from tidemill.wiring.login_file import KeptLogin, Login, read_login, write_login


@pytest.fixture
def database_template() -> str:
    """Nobody is there yet."""
    return TEMPLATE


@pytest.fixture
async def parts(database: Database, tmp_path: Path) -> AsyncIterator[Parts]:
    async with make_parts(database, tmp_path, OneRootKey()) as made:
        yield made


async def test_login_is_made_once_and_told_again(parts: Parts, tmp_path: Path) -> None:
    first = await first_start(tmp_path, parts)
    assert (first.workspace, first.email) == ("main", EMAIL)
    assert len(first.password) >= 20
    assert len(first.token) >= 40
    assert await first_start(tmp_path, parts) == first
    assert stat.S_IMODE((tmp_path / "login.json").stat().st_mode) == 0o600


async def test_only_one_of_two_servers_that_start_at_once_makes_the_login(parts: Parts, tmp_path: Path) -> None:
    logins = await asyncio.gather(*(first_start(tmp_path / name, parts) for name in ("a", "b", "c")))
    assert len([login for login in logins if login.password]) == 1
    assert len(await accounts.page(parts.database.single, limit=10)) == 1


async def test_changed_password_is_not_told_wrongly(parts: Parts, tmp_path: Path) -> None:
    first = await first_start(tmp_path, parts)
    async with parts.database.system() as tx:
        await accounts.set_password(tx, first.email, await hash_password("another-password"))
    assert await first_start(tmp_path, parts) == replace(first, password="")


async def test_revoked_token_is_followed_by_another(parts: Parts, tmp_path: Path) -> None:
    first = await first_start(tmp_path, parts)
    async with parts.database.system() as tx:
        assert await tokens.delete(tx, first.email, first.token[:10])
    again = await first_start(tmp_path, parts)
    assert again.token not in {"", first.token}
    assert replace(again, token=first.token) == first
    assert await first_start(tmp_path, parts) == again


async def test_revoked_token_is_not_replaced_once_the_password_is_the_users_own(parts: Parts, tmp_path: Path) -> None:
    first = await first_start(tmp_path, parts)
    async with parts.database.system() as tx:
        await tokens.delete(tx, first.email, first.token[:10])
        await accounts.set_password(tx, first.email, await hash_password("another-password"))
    assert await first_start(tmp_path, parts) == replace(first, password="", token="")


async def test_password_survives_a_crash_before_the_account_was_made(parts: Parts, tmp_path: Path) -> None:
    write_login(tmp_path, KeptLogin(login=Login(workspace="main", email=EMAIL, password="kept-before-the-crash")))
    login = await first_start(tmp_path, parts)
    assert login.password == "kept-before-the-crash"
    assert login.token
    kept = read_login(tmp_path)
    assert kept is not None
    assert kept.login == login


async def test_instance_is_not_set_up_again_when_its_accounts_are_gone(parts: Parts, tmp_path: Path) -> None:
    await first_start(tmp_path, parts)
    await parts.database.single.execute(inline("delete from account"))
    assert await first_start(tmp_path, parts) == Login()
    assert await accounts.page(parts.database.single, limit=1) == []


async def test_login_of_others_is_not_known(parts: Parts, tmp_path: Path) -> None:
    await first_start(tmp_path / "theirs", parts)
    assert await first_start(tmp_path / "ours", parts) == Login()
