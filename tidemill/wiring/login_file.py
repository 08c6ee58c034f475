"""What `tidemill up` leaves in its data directory for the one who started it: `login.json` and `server.json`."""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tidemill.model.errors import ConfigurationError

LOGIN: Final = "login.json"
SERVER: Final = "server.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to sign in. What is not known (any more) is "": the password was changed, or others set the instance up."""

    workspace: str = ""
    email: str = ""
    password: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLogin:
    """What `login.json` holds: the login, and whether the demo was made."""

    login: Login
    has_demo: bool = False


def read_login(data_dir: Path) -> KeptLogin | None:
    """The login that is kept in `data_dir`, unchecked; None where there is none.

    Raises:
        ConfigurationError: the file is damaged.
    """
    found = _read(data_dir / LOGIN)
    if found is None:
        return None
    try:
        return KeptLogin(login=Login(**found["login"]), has_demo=bool(found["has_demo"]))
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{data_dir / LOGIN} does not hold a login: move it away.") from error


def write_login(data_dir: Path, kept: KeptLogin) -> None:
    """Keep it."""
    _write_private(data_dir / LOGIN, asdict(kept))


def read_server_url(data_dir: Path) -> str:
    """Where the `tidemill up` on `data_dir` listens, or listened last; "" where there was none."""
    found = _read(data_dir / SERVER)
    return "" if found is None else str(found.get("url", ""))


def write_server_url(data_dir: Path, url: str) -> None:
    """Tell the commands on this machine where the server is."""
    _write_private(data_dir / SERVER, {"url": url})


def _read(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): only who started it may.") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{path} is damaged ({error}): move it away.") from error
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path} is damaged: move it away.")
    return found


def _write_private(path: Path, value: object) -> None:
    """Replace `path` by `value` as JSON, for the eyes of its owner only, on disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=1) + "\n")
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
