"""Sealing: what is sealed opens with its key in its place, and nowhere else."""

import base64
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.sealing import (
    Place,
    export_secret,
    import_secret,
    key_id_of_sealed,
    make_canary,
    new_key,
    open_sealed,
    opens_canary,
    seal,
    unwrap_key,
    wrap_key,
)
from tidemill.model.errors import BadRequest, SecretsUnreadable

KEY, OTHER = new_key(), new_key()
PLACE = Place("main", "variable", "u/alice/token", 7)


@given(st.binary(max_size=300), st.integers(min_value=1, max_value=2**31 - 1))
def test_what_is_sealed_opens_in_its_place(plaintext: bytes, key_id: int) -> None:
    sealed = seal(plaintext, key=KEY, key_id=key_id, place=PLACE)
    assert open_sealed(sealed, key=KEY, place=PLACE) == plaintext
    assert key_id_of_sealed(sealed) == key_id
    assert len(sealed) == len(plaintext) + 36


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, workspace_id="other"),
        replace(PLACE, kind="resource"),
        replace(PLACE, path="u/alice/token2"),
        replace(PLACE, version=8),
        Place("mai", "nvariable", "u/alice/token", 7),
        Place("main", "variableu/alice", "/token", 7),
    ],
)
def test_what_is_sealed_does_not_open_in_another_place(place: Place) -> None:
    sealed = seal(b"secret", key=KEY, key_id=1, place=PLACE)
    with pytest.raises(SecretsUnreadable):
        open_sealed(sealed, key=KEY, place=place)


@given(st.tuples(*[st.text("ab\0/:", max_size=4)] * 3), st.tuples(*[st.text("ab\0/:", max_size=4)] * 3))
def test_no_two_places_look_alike(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
    assert (Place(*one, 1).encoded() == Place(*two, 1).encoded()) == (one == two)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(SecretsUnreadable, match="u/alice/token"):
        open_sealed(seal(b"secret", key=KEY, key_id=1, place=PLACE), key=OTHER, place=PLACE)


def test_every_changed_bit_is_noticed() -> None:
    sealed = seal(b"secret", key=KEY, key_id=1, place=PLACE)
    for at in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(SecretsUnreadable):
            open_sealed(bytes(changed), key=KEY, place=PLACE)


def test_every_truncation_is_noticed() -> None:
    sealed = seal(b"secret", key=KEY, key_id=1, place=PLACE)
    for length in range(len(sealed)):
        with pytest.raises(SecretsUnreadable):
            open_sealed(sealed[:length], key=KEY, place=PLACE)


def test_the_same_value_is_never_sealed_the_same_way() -> None:
    assert len({seal(b"x", key=KEY, key_id=1, place=PLACE) for _ in range(100)}) == 100


def test_a_sealed_value_does_not_hold_the_plaintext() -> None:
    assert b"secret-value" not in seal(b"secret-value", key=KEY, key_id=1, place=PLACE)


def test_a_wrapped_key_belongs_to_one_workspace_and_id() -> None:
    wrapped = wrap_key(KEY, root_key=OTHER, root_key_id="r1", workspace_id="main", key_id=3)
    right = {"root_key": OTHER, "root_key_id": "r1", "workspace_id": "main", "key_id": 3}
    assert unwrap_key(wrapped, **right) == KEY  # type: ignore[arg-type]
    for wrong in ({"root_key": KEY}, {"root_key_id": "r2"}, {"workspace_id": "two"}, {"key_id": 4}):
        with pytest.raises(SecretsUnreadable):
            unwrap_key(wrapped, **{**right, **wrong})  # type: ignore[arg-type]


def test_the_canary_opens_with_its_root_key_only() -> None:
    canary = make_canary(root_key=KEY, root_key_id="r1")
    assert opens_canary(canary, root_key=KEY, root_key_id="r1")
    assert not opens_canary(canary, root_key=OTHER, root_key_id="r1")
    assert not opens_canary(b"", root_key=KEY, root_key_id="r1")


@given(st.binary(max_size=200))
def test_an_export_comes_back_and_has_the_form_of_ciphertext(plaintext: bytes) -> None:
    text = export_secret(plaintext, key=KEY)
    raw = base64.b64decode(text, validate=True)
    assert len(raw) % 16 == 0
    assert import_secret(text, key=KEY) == plaintext
    assert export_secret(import_secret(text, key=KEY), key=KEY) == text


def test_an_export_of_another_workspace_is_refused() -> None:
    with pytest.raises(BadRequest, match=r"another workspace.*in the clear"):
        import_secret(export_secret(b"secret", key=KEY), key=OTHER)


@pytest.mark.parametrize("text", ["", "plain text", "aGVsbG8=", base64.b64encode(b"x" * 16).decode(), "\u00e9" * 8])
def test_what_is_no_export_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        import_secret(text, key=KEY)


def test_a_changed_export_is_refused() -> None:
    raw = bytearray(base64.b64decode(export_secret(b"secret", key=KEY)))
    raw[20] ^= 1
    with pytest.raises(BadRequest):
        import_secret(base64.b64encode(raw).decode(), key=KEY)
