"""The account that Postgres runs under when we are root, which it refuses to be, and what that account can reach."""

import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tidemill.model.errors import DatabaseUnusable

ACCOUNT: Final = "tidemill-postgres"
FALLBACK: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, Any]:
        """What `subprocess` needs to start a program as this user, with no other groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        """Hand over one file or directory that we have just made."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(cluster: Path) -> Account | None:
    """The user for a database in `cluster`: the owner of one that is there, else an account of our own.

    None when we are not root and Postgres runs as we do. Makes the system user `tidemill-postgres` where the machine
    has `useradd`; without it (small containers) `nobody` serves.

    Raises:
        DatabaseUnusable: the machine has no account to use.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    account = _find(ACCOUNT) or _make() or _find(FALLBACK)
    if account is None:
        raise DatabaseUnusable(
            f"Postgres does not run as root, and this machine has no user {ACCOUNT!r}, no `useradd` to make it and no "
            f"user {FALLBACK!r}. Start Tidemill as another user, or set DATABASE_URL to a Postgres of your own."
        )
    return account


def can_reach(account: Account | None, path: Path) -> bool:
    """Whether every directory above `path` lets the account through; True where there is none to ask for."""
    if account is None:
        return True
    for parent in path.resolve().parents:
        found = parent.stat()
        if found.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif found.st_gid == account.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not found.st_mode & bit:
            return False
    return True


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid) if entry.pw_uid != 0 else None


def _make() -> Account | None:
    """Make the system user. Somebody else may be at the same thing: the password file is locked meanwhile."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return None
    for _ in range(50):
        done = subprocess.run(
            [
                useradd,
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/bin/false",
                ACCOUNT,
            ],
            capture_output=True,
            check=False,
        )
        account = _find(ACCOUNT)
        if account is not None or done.returncode != 1:  # 1: the password file is locked
            return account
        time.sleep(0.1)
    return None
