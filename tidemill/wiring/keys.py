"""The root key of an instance, and what is derived from it."""

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tidemill.model.rootkey import RootKeys
from tidemill.settings import Settings
from tidemill.stores.secrets.file import load_keys, load_or_create_keys
from tidemill.stores.secrets.recovery import recovery_kit
from tidemill.stores.secrets.value import keys_of_value

_SECRET_BYTES: Final = 32


def root_keys(settings: Settings, *, announce: Callable[[str], None] | None = None) -> RootKeys:
    """The root keys that the settings name. With `announce` a missing file is made, and its recovery kit told once.

    Raises:
        ConfigurationError: the value or file does not hold a key, or others may read the file.
        SecretsUnreadable: the file is not there, and may not be made.
    """
    if settings.root_key:
        return keys_of_value(settings.root_key)
    if announce is None:
        return load_keys(settings.root_key_path)
    keys, created = load_or_create_keys(settings.root_key_path)
    if created:
        announce(recovery_kit(keys.current()[1]))
    return keys


def s3_secret(keys: RootKeys) -> bytes:
    """The secret that those of personal tokens for the S3 endpoint are derived from."""
    return _derived(keys, b"tidemill s3 secrets of tokens 1")


def job_secret(keys: RootKeys) -> bytes:
    """The secret that tokens of jobs are signed with."""
    return _derived(keys, b"tidemill job tokens 1")


def approval_secret(keys: RootKeys) -> bytes:
    """The secret that links to answer what flows ask are signed with."""
    return _derived(keys, b"tidemill approval links 1")


def link_secret(keys: RootKeys) -> bytes:
    """The secret that public links to objects are signed with."""
    return _derived(keys, b"tidemill object links 1")


def _derived(keys: RootKeys, purpose: bytes) -> bytes:
    return HKDF(hashes.SHA256(), _SECRET_BYTES, salt=None, info=purpose).derive(keys.current()[1])
