"""The root key: 256 random bits outside the database that wrap the key of each workspace."""

import base64
import binascii
import hashlib
import itertools
from typing import Final, Protocol

from tidemill.model.errors import ConfigurationError

KEY_BYTES: Final = 32


class RootKeys(Protocol):
    """Holds root keys. While a root key is being rotated there are several, of which the newest is the current one."""

    def current(self) -> tuple[str, bytes]:
        """Id and bytes of the key that new things are wrapped with."""

    def get(self, key_id: str) -> bytes:
        """The key of that id.

        Raises:
            SecretsUnreadable: it is not held; the message names the way out.
        """


def key_id_of(key: bytes) -> str:
    """The id of a root key: 16 hex digits that tell nothing of the key, and are the same wherever it is held."""
    return hashlib.sha256(b"tidemill root key id\0" + key).hexdigest()[:16]


def encode_key(key: bytes) -> str:
    """The text form of a root key: base64."""
    return base64.b64encode(key).decode()


def decode_key(text: str) -> bytes:
    """The root key of its text form.

    Raises:
        ConfigurationError: it is not 32 bytes in base64, or plainly not random (a default, a password).
    """
    try:
        key = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConfigurationError(f"A root key must be {KEY_BYTES} bytes in base64. {MAKE_ONE}") from error
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"A root key must be {KEY_BYTES} bytes in base64; this one has {len(key)}. {MAKE_ONE}")
    if is_guessable(key):
        raise ConfigurationError(f"This root key is not random, so others could guess it. {MAKE_ONE}")
    return key


def is_guessable(key: bytes) -> bool:
    """Whether `key` cannot have come from a random source: repeated bytes, a counter, or readable text."""
    steps = {(b - a) % 256 for a, b in itertools.pairwise(key)}
    return len(set(key)) < 16 or len(steps) < 12 or all(0x20 <= byte < 0x7F for byte in key)


MAKE_ONE: Final = "Make one with: openssl rand -base64 32"
