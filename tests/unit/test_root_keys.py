"""Holders of the root key: made once, at random, for its owner's eyes; and the recovery kit."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.model.errors import BadRequest, ConfigurationError, SecretsUnreadable
from tidemill.model.rootkey import decode_key, encode_key, key_id_of
from tidemill.stores.secrets.file import add_key, forget_keys, load_keys, load_or_create_keys
from tidemill.stores.secrets.recovery import parse_recovery_kit, recovery_kit
from tidemill.stores.secrets.value import keys_of_value


def test_the_first_start_makes_a_key_that_only_the_owner_may_read(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.key"
    keys, created = load_or_create_keys(path)
    assert created
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert len(keys.current()[1]) == 32
    assert list(path.parent.iterdir()) == [path]


def test_the_second_start_finds_the_same_key(tmp_path: Path) -> None:
    first, _ = load_or_create_keys(tmp_path / "root.key")
    second, created = load_or_create_keys(tmp_path / "root.key")
    assert not created
    assert second.current() == first.current()


def test_two_fresh_installs_have_different_keys(tmp_path: Path) -> None:
    keys = {load_or_create_keys(tmp_path / str(n) / "root.key")[0].current()[1] for n in range(20)}
    assert len(keys) == 20


def test_many_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "root.key"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: load_or_create_keys(path), range(8)))
    assert len({keys.current() for keys, _ in made}) == 1
    assert sum(created for _, created in made) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused_with_the_way_out(tmp_path: Path, mode: int) -> None:
    load_or_create_keys(tmp_path / "root.key")
    (tmp_path / "root.key").chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_keys(tmp_path / "root.key")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    load_or_create_keys(tmp_path / "real.key")
    (tmp_path / "root.key").symlink_to(tmp_path / "real.key")
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        load_keys(tmp_path / "root.key")


def test_a_missing_file_names_the_recovery_kit(tmp_path: Path) -> None:
    with pytest.raises(SecretsUnreadable, match="recovery kit"):
        load_keys(tmp_path / "root.key")


def test_a_damaged_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    path.touch(0o600)
    path.write_text("not a key\n")
    with pytest.raises(ConfigurationError):
        load_or_create_keys(path)
    assert path.read_text() == "not a key\n"


def test_an_added_key_is_current_and_the_old_one_is_still_held(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    old = load_or_create_keys(path)[0].current()
    new_id = add_key(path)
    keys = load_keys(path)
    assert keys.current()[0] == new_id != old[0]
    assert keys.get(old[0]) == old[1]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert forget_keys(path) == [old[0]]
    with pytest.raises(SecretsUnreadable, match=old[0]):
        load_keys(path).get(old[0])


def test_a_running_process_finds_a_key_that_was_added_since(tmp_path: Path) -> None:
    running, _ = load_or_create_keys(tmp_path / "root.key")
    new_id = add_key(tmp_path / "root.key")
    assert key_id_of(running.get(new_id)) == new_id
    assert running.current()[0] == new_id


def test_a_lost_file_is_restored_from_the_kit(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    before = load_or_create_keys(path)[0].current()
    kit = recovery_kit(before[1])
    path.unlink()
    add_key(path, parse_recovery_kit(kit))
    assert load_keys(path).current() == before


def test_keys_come_from_a_value_the_newest_last() -> None:
    one, two = os.urandom(32), os.urandom(32)
    keys = keys_of_value(f"{encode_key(one)}, {base64.urlsafe_b64encode(two).decode()}")
    assert keys.current() == (key_id_of(two), two)
    assert keys.get(key_id_of(one)) == one


@pytest.mark.parametrize(
    "key",
    [b"\0" * 32, b"changeme" * 4, bytes(range(32)), b"correct horse battery staple 123", b"short", os.urandom(31)],
    ids=["zeros", "changeme", "counting", "words", "short", "one byte short"],
)
def test_a_key_that_is_short_or_can_be_guessed_is_refused(key: bytes) -> None:
    with pytest.raises(ConfigurationError, match="openssl rand"):
        decode_key(base64.b64encode(key).decode())
    with pytest.raises(ConfigurationError):
        keys_of_value(base64.b64encode(key).decode())


@pytest.mark.parametrize("text", ["", " , ", "changeme", "\u00e9"])
def test_a_value_without_a_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        keys_of_value(text)


def test_keys_do_not_show_when_printed() -> None:
    key = os.urandom(32)
    assert encode_key(key) not in repr(keys_of_value(encode_key(key)))


@given(st.binary(min_size=32, max_size=32))
def test_a_recovery_kit_gives_the_key_back_however_it_is_typed(key: bytes) -> None:
    kit = recovery_kit(key)
    code = kit.partition("TMRK1")[2].partition("To use")[0]
    for text in (kit, code, code.lower(), code.replace(" ", "-"), code.replace("O", "0").replace("I", "1")):
        assert parse_recovery_kit(text) == key
    assert key_id_of(key) in kit


@given(st.binary(min_size=32, max_size=32), st.integers(0, 54), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_typing_mistake_is_noticed(key: bytes, at: int, letter: str) -> None:
    code = "".join(recovery_kit(key).partition("TMRK1")[2].partition("To use")[0].split())
    mistaken = code[:at] + letter + code[at + 1 :]
    if letter != code[at]:
        with pytest.raises(BadRequest, match="checksum"):
            parse_recovery_kit(mistaken)


@pytest.mark.parametrize("text", ["", "TMRK1", "hello!", "AAAA"])
def test_what_is_no_kit_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse_recovery_kit(text)
