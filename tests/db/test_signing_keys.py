"""Keys that identity tokens are signed with: made once, sealed, carried over when the root key is rotated."""

import asyncio
from datetime import timedelta

from tidemill.db import signing_keys
from tidemill.db.keys import check_root_key, check_secrets
from tidemill.db.pool import Database
from tidemill.db.queries import inline
from tidemill.db.rotation import rotate_root_key
from tidemill.engine.id_token import LONGEST_S
from tidemill.engine.sealing import new_key
from tidemill.stores.secrets.port import HeldKeys

DAMAGE = inline("update signing_key set sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1)")
AGE = inline(
    "update signing_key set created_at = created_at - make_interval(secs => :age_s)"
    " where created_at <= (select created_at from signing_key where id = :id)"
)
SEALED = inline("select sealed, root_key_id from signing_key")


async def test_the_newest_key_signs_and_all_are_published(database: Database) -> None:
    root = HeldKeys([new_key()], holder="x")
    await check_root_key(database, root)
    made = await signing_keys.newest(database, root)
    found = await signing_keys.newest(database, root)
    assert found.private.private_numbers() == made.private.private_numbers()
    assert await signing_keys.newest(database, root, known=made) is made
    (jwk,) = await signing_keys.published(database.single)
    assert made.id.encode() in jwk
    assert b'"d"' not in jwk
    await database.single.execute(inline("update signing_key set created_at = created_at - interval '1 day'"))
    copy = inline("insert into signing_key select 'newer', sealed, root_key_id, jwk, now() from signing_key")
    await database.single.execute(copy)
    assert len(await signing_keys.published(database.single)) == 2


async def test_a_replaced_key_is_published_as_long_as_its_tokens_are_good(database: Database) -> None:
    root = HeldKeys([new_key()], holder="x")
    await check_root_key(database, root)
    assert await signing_keys.standings(database.single) == []
    first = await signing_keys.newest(database, root)
    second = await signing_keys.rotate(database, root)
    assert (await signing_keys.newest(database, root, known=first)).id == second.id
    signing, replaced = await signing_keys.standings(database.single)
    assert (signing.id, signing.published_until) == (second.id, None)
    assert (replaced.id, replaced.published_until) == (first.id, signing.created_at + timedelta(seconds=LONGEST_S))
    assert len(await signing_keys.published(database.single)) == 2
    await database.single.execute(AGE, id=second.id, age_s=LONGEST_S - 60)
    assert len(await signing_keys.published(database.single)) == 2
    await database.single.execute(AGE, id=second.id, age_s=120)
    (jwk,) = await signing_keys.published(database.single)
    assert second.id.encode() in jwk
    third = await signing_keys.rotate(database, root)
    assert [each.id for each in await signing_keys.standings(database.single)] == [third.id, second.id]


async def test_two_servers_that_make_a_key_at_once_both_sign_with_published_ones(database: Database) -> None:
    root = HeldKeys([new_key()], holder="x")
    await check_root_key(database, root)
    made = await asyncio.gather(*(signing_keys.newest(database, root) for _ in range(2)))
    published = b"".join(await signing_keys.published(database.single))
    assert all(each.id.encode() in published for each in made)


async def test_a_key_follows_the_root_key(database: Database) -> None:
    old, new = new_key(), new_key()
    await check_root_key(database, HeldKeys([old], holder="x"))
    made = await signing_keys.newest(database, HeldKeys([old], holder="x"))
    (before,) = await database.single.fetch_all(SEALED)
    assert (await check_secrets(database, HeldKeys([old], holder="x"))).opened == 1
    await rotate_root_key(database, HeldKeys([old, new], holder="x"))
    (after,) = await database.single.fetch_all(SEALED)
    assert after["root_key_id"] != before["root_key_id"]
    only_new = HeldKeys([new], holder="x")
    await check_root_key(database, only_new)
    assert (await signing_keys.newest(database, only_new)).private.private_numbers() == made.private.private_numbers()
    await database.single.execute(DAMAGE)
    assert (await check_secrets(database, only_new)).failed == [f"signing key {made.id}"]
