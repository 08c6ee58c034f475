"""Root keys in a file that only its owner may read: one key a line in base64, the newest last.

The file is read while starting, by commands, and once after each rotation of the root key: so this is plain, not async.
"""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tidemill.model.errors import ConfigurationError, SecretsUnreadable
from tidemill.model.rootkey import KEY_BYTES, decode_key, encode_key, key_id_of
from tidemill.stores.secrets.port import HeldKeys

_HEAD: Final = "# Root keys of Tidemill, the newest last. Without them all secrets are lost: keep the recovery kit.\n"


class FileKeys(HeldKeys):
    """The keys of a file, which is read again when a key is missing: a rotation may have added it since."""

    def __init__(self, path: Path) -> None:
        super().__init__(_read(path), holder=str(path))
        self._path = path

    def get(self, key_id: str) -> bytes:
        """The key of that id.

        Raises:
            SecretsUnreadable: it is not in the file either.
        """
        if key_id not in self.ids:
            self.hold(_read(self._path))
        return super().get(key_id)


def load_keys(path: Path) -> FileKeys:
    """The keys in the file `path`.

    Raises:
        SecretsUnreadable: there is no such file.
        ConfigurationError: others may read it, or what is in it is not a key; the message names the way out.
    """
    return FileKeys(path)


def load_or_create_keys(
    path: Path, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes
) -> tuple[FileKeys, bool]:
    """The keys in the file `path`, and True if it was made just now, with one new key: then print its recovery kit.

    Two that start at once get the same key: one of them makes the file, whole, and it is never overwritten.

    Raises:
        ConfigurationError: as `load_keys`.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    created = False
    if not path.exists():
        created = _create(path, [random_bytes(KEY_BYTES)])
    return load_keys(path), created


def add_key(path: Path, key: bytes | None = None) -> str:
    """Add a key (default: a new random one) at the end, where it is the current one, and give its id.

    The old keys stay until `forget_keys`: what they wrapped is still there.
    """
    key = secrets.token_bytes(KEY_BYTES) if key is None else decode_key(encode_key(key))
    kept = [held for held in _read(path) if held != key] if path.exists() else []
    _replace(path, [*kept, key])
    return key_id_of(key)


def forget_keys(path: Path) -> list[str]:
    """Keep only the newest key and give the ids of the others; for after a rotation of the root key."""
    keys = _read(path)
    _replace(path, keys[-1:])
    return [key_id_of(key) for key in keys[:-1]]


def _read(path: Path) -> list[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise SecretsUnreadable(
            f"There is no root key file {path}: put it back, or restore it from the recovery kit with "
            "`tidemill secrets restore-root-key`."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"The root key file {path} cannot be opened: {error.strerror}.") from error
    with os.fdopen(descriptor, "rb") as file:
        _check_permissions(path, os.fstat(descriptor))
        lines = file.read(1 << 20).decode(errors="replace").splitlines()
    return [decode_key(line) for line in lines if line.strip() and not line.startswith("#")]


def _check_permissions(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise ConfigurationError(f"The root key file {path} is not a plain file.")
    if found.st_mode & 0o077:
        raise ConfigurationError(
            f"Others may read the root key file {path} (mode {found.st_mode & 0o777:o}): run `chmod 600 {path}`, "
            "and rotate the root key if somebody may have read it."
        )
    if found.st_uid not in (os.geteuid(), 0):
        raise ConfigurationError(
            f"The root key file {path} belongs to another user: run `chown {os.geteuid()} {path}`."
        )


def _create(path: Path, keys: list[bytes]) -> bool:
    """Make the file in one step; False if it is there already."""
    temporary = _write(path, keys)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_directory(path.parent)
    return True


def _replace(path: Path, keys: list[bytes]) -> None:
    _write(path, keys).replace(path)
    _sync_directory(path.parent)


def _write(path: Path, keys: list[bytes]) -> Path:
    """A complete file beside `path` with the keys, on disk."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_HEAD + "".join(f"{encode_key(key)}\n" for key in keys))
        file.flush()
        os.fsync(descriptor)
    return temporary


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
