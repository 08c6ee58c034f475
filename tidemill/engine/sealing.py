"""Sealing of secrets with AES-256-GCM: what is sealed opens only with its key and only in its place.

    byte 0-3   "TMS1": the format and its version
    byte 4-7   id of the workspace key, big endian; 0 where the root key seals
    byte 8-19  nonce, random
    byte 20-   ciphertext, then the tag of 16 bytes

The associated data is the first eight bytes and the place, each part with its length before it, so that no two
places look alike. The version of a row is part of its place: a ciphertext moved to another path, version or workspace
does not open.

A secret in an export (`export_secret`) is another thing: base64 that clients recognise as ciphertext by its length, a
multiple of 16 bytes. It has no place, since clients move it, and it is the same for each export of the same value
(AES-SIV), so that comparing an export with the one before shows only what changed.
"""

import base64
import binascii
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tidemill.model.errors import BadRequest, SecretsUnreadable
from tidemill.model.rootkey import KEY_BYTES

RandomBytes = Callable[[int], bytes]

_MAGIC: Final = b"TMS1"
_HEAD_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_BLOCK: Final = 16
_EXPORT: Final = b"tidemill export 1"
_CANARY: Final = b"the root key fits"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value belongs. `kind` is "variable" for variables and their history alike."""

    workspace_id: str
    kind: str
    path: str
    version: int

    def encoded(self) -> bytes:
        """The place as bytes that no other place has."""
        parts = (self.workspace_id.encode(), self.kind.encode(), self.path.encode(), b"%d" % self.version)
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def seal(
    plaintext: bytes, *, key: bytes, key_id: int, place: Place, random_bytes: RandomBytes = secrets.token_bytes
) -> bytes:
    """`plaintext` sealed for `place`; 36 bytes longer. `key` has 32 bytes."""
    head = _MAGIC + key_id.to_bytes(4, "big")
    nonce = random_bytes(_NONCE_BYTES)
    return head + nonce + AESGCM(key).encrypt(nonce, plaintext, head + place.encoded())


def open_sealed(sealed: bytes, *, key: bytes, place: Place) -> bytes:
    """What was sealed.

    Raises:
        SecretsUnreadable: another key or place, or it was changed.
    """
    key_id_of_sealed(sealed)
    head, nonce = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES : _HEAD_BYTES + _NONCE_BYTES]
    try:
        return AESGCM(key).decrypt(nonce, sealed[_HEAD_BYTES + _NONCE_BYTES :], head + place.encoded())
    except InvalidTag as error:
        raise SecretsUnreadable(
            f"The {place.kind} {place.path!r} (version {place.version}) cannot be decrypted: it was sealed with "
            "another key or for another place, or it is damaged. `tidemill secrets check` lists all such."
        ) from error


def key_id_of_sealed(sealed: bytes) -> int:
    """The id of the workspace key in the head of `sealed`; 0 for the root key.

    Raises:
        SecretsUnreadable: it is nothing that `seal` made.
    """
    if len(sealed) < _HEAD_BYTES + _NONCE_BYTES + _TAG_BYTES or not sealed.startswith(_MAGIC):
        raise SecretsUnreadable("A stored secret is damaged or was written by a newer release of Tidemill.")
    return int.from_bytes(sealed[len(_MAGIC) : _HEAD_BYTES], "big")


def new_key(random_bytes: RandomBytes = secrets.token_bytes) -> bytes:
    """A new workspace key."""
    return random_bytes(KEY_BYTES)


def wrap_key(key: bytes, *, root_key: bytes, root_key_id: str, workspace_id: str, key_id: int) -> bytes:
    """A workspace key sealed with the root key, for this workspace and id only."""
    return seal(key, key=root_key, key_id=0, place=Place(workspace_id, "workspace key", root_key_id, key_id))


def unwrap_key(wrapped: bytes, *, root_key: bytes, root_key_id: str, workspace_id: str, key_id: int) -> bytes:
    """The workspace key that was wrapped.

    Raises:
        SecretsUnreadable: another root key, workspace or id.
    """
    return open_sealed(wrapped, key=root_key, place=Place(workspace_id, "workspace key", root_key_id, key_id))


def make_canary(*, root_key: bytes, root_key_id: str) -> bytes:
    """A known text sealed with the root key."""
    return seal(_CANARY, key=root_key, key_id=0, place=Place("", "canary", root_key_id, 0))


def opens_canary(sealed: bytes, *, root_key: bytes, root_key_id: str) -> bool:
    """Whether `sealed` is a canary of that key."""
    try:
        return open_sealed(sealed, key=root_key, place=Place("", "canary", root_key_id, 0)) == _CANARY
    except SecretsUnreadable:
        return False


def export_secret(plaintext: bytes, *, key: bytes) -> str:
    """`plaintext` as ciphertext for an export: base64 of a multiple of 16 bytes; the same text for the same value."""
    padding = _BLOCK - len(plaintext) % _BLOCK
    return base64.b64encode(_export_cipher(key).encrypt(plaintext + bytes([padding]) * padding, [_EXPORT])).decode()


def import_secret(text: str, *, key: bytes) -> bytes:
    """The value that `export_secret` made `text` of, with the same workspace key.

    Raises:
        BadRequest: it is no such ciphertext, was exported with the key of another workspace, or is damaged.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRequest(
            "The encrypted value is not base64; send the secret in the clear or as it was exported."
        ) from error
    if len(raw) < 2 * _BLOCK or len(raw) % _BLOCK:
        raise BadRequest("The encrypted value has not the length of an exported secret.")
    try:
        padded = _export_cipher(key).decrypt(raw, [_EXPORT])
    except InvalidTag as error:
        raise BadRequest(
            "The encrypted value was exported from another workspace, or before its key was rotated, or is damaged: "
            "export it from this workspace, or send it in the clear without already_encrypted."
        ) from error
    return padded[: -padded[-1]]


def _export_cipher(key: bytes) -> AESSIV:
    """Its own key, derived from the workspace's, so that sealing and export never share one."""
    return AESSIV(HKDF(SHA256(), length=64, salt=None, info=_EXPORT).derive(key))
