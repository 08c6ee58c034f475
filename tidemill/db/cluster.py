"""The directory of an embedded Postgres: making it, its passwords and its configuration."""

import json
import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidemill.db.postmaster import IS_LINUX, WORKING_DIRECTORY
from tidemill.db.unprivileged import Account, can_reach
from tidemill.model.errors import DatabaseUnusable

SUPERUSER: Final = "tidemill_admin"
APPLICATION: Final = "tidemill"
"""The role that Tidemill works as, and the database that it owns."""

COPIES: Final = Path("/var/lib/tidemill")
"""Where the programs are copied to when root keeps them in a place of its own."""

HBA: Final = """# Written at each start. Everybody shows a password, and there is no other way in than the socket.
local all all scram-sha-256
"""

SETTINGS: Final = """# Written at each start: Tidemill's choices for a small machine. Yours go into postgresql.conf.
max_connections = 80
shared_buffers = 64MB
work_mem = 8MB
maintenance_work_mem = 64MB
jit = off
io_method = sync                      # three processes fewer; what we read is mostly in memory
max_parallel_workers_per_gather = 0   # parallel queries want /dev/shm, which containers have little of
timezone = 'UTC'
log_timezone = 'UTC'

# Nothing that was acknowledged is lost.
fsync = on
full_page_writes = on
synchronous_commit = on
max_wal_size = 512MB
min_wal_size = 48MB

# Logical decoding, so that triggers on table changes need no restart; on small rows it costs a few bytes of log each.
# A slot that nobody reads may not fill the disk.
wal_level = logical
max_wal_senders = 6
max_replication_slots = 6
max_slot_wal_keep_size = 1GB

# The log says what happened to the server. Statements and rows stay out of it: they may hold what is private.
log_checkpoints = off
log_min_error_statement = panic
log_error_verbosity = terse
log_line_prefix = '%m [%p] '
password_encryption = 'scram-sha-256'
"""

_INCLUDE: Final = "\n# Tidemill's own; what you write below this line wins over it.\ninclude 'tidemill.conf'\n"


@dataclass(frozen=True, slots=True)
class Passwords:
    """The passwords of the two roles of the cluster."""

    superuser: str
    application: str


def check_major(binaries: Path, cluster: Path) -> None:
    """Refuse a directory that another major version of Postgres made."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\d+", said)
    ours = match[0] if match else said
    theirs = (cluster / "PG_VERSION").read_text().strip()
    if theirs != ours:
        raise DatabaseUnusable(
            f"{cluster} was made by Postgres {theirs}, and this release brings Postgres {ours}. Your data is "
            "untouched. Ways out: start the Tidemill release that you had before, run `tidemill backup`, then restore "
            "that into a new data directory with this release; or run pg_upgrade with the programs of both versions."
        )


def load_or_make_passwords(path: Path, cluster: Path) -> Passwords:
    """Read them, or make them where there is neither a file nor a cluster yet."""
    if path.exists():
        found = json.loads(path.read_text())
        return Passwords(superuser=found["superuser"], application=found["application"])
    if cluster.exists():
        raise DatabaseUnusable(f"The passwords of the embedded database are gone: restore {path} from your backup.")
    made = Passwords(superuser=secrets.token_urlsafe(24), application=secrets.token_urlsafe(24))
    text = json.dumps({"superuser": made.superuser, "application": made.application})
    write_file(path, text, mode=0o600)
    return made


def make_cluster(binaries: Path, cluster: Path, *, account: Account | None, password: str, private: Path) -> None:
    """initdb beside, then rename: a cluster that is there is whole. `private` is a directory for the account alone."""
    new = cluster.with_name(f"{cluster.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    password_file = private / "initdb-password"
    write_file(password_file, password, mode=0o600, account=account)
    if account:
        account.own(new)
    by_path = can_reach(account, new)
    try:
        done = subprocess.run(
            [
                binaries / "initdb",
                *("-D", new if by_path else WORKING_DIRECTORY),
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                "--data-checksums",
                "--no-instructions",
            ],
            cwd=new,
            env={"LC_ALL": "C", "TZ": "UTC"},
            capture_output=True,
            text=True,
            check=False,
            **(account.popen_arguments() if account else {}),
        )
    finally:
        password_file.unlink()
    if done.returncode:
        raise DatabaseUnusable(f"The embedded database could not be made in {cluster}: {done.stderr.strip()[-1000:]}")
    original = (new / "postgresql.conf").read_text()
    write_file(new / "postgresql.conf", original + _INCLUDE, mode=0o600, account=account)
    configure(new, account)
    new.rename(cluster)
    _sync_directory(cluster.parent)


def configure(cluster: Path, account: Account | None) -> None:
    """Write what this release wants in `tidemill.conf` and `pg_hba.conf`."""
    write_file(cluster / "tidemill.conf", SETTINGS, mode=0o600, account=account)
    write_file(cluster / "pg_hba.conf", HBA, mode=0o600, account=account)


def reachable_binaries(binaries: Path, account: Account | None) -> Path:
    """`binaries`, or a copy of the installation where the account cannot reach it (a virtual environment in /root)."""
    if can_reach(account, binaries / "postgres"):
        return binaries
    changed = int((binaries / "postgres").stat().st_mtime)
    copy = COPIES / f"postgres-{changed:x}"
    if not copy.exists():
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        part = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(binaries.parent, part, symlinks=True)
        part.chmod(0o755)
        try:
            part.rename(copy)
        except OSError:  # somebody else has just put it there
            shutil.rmtree(part)
    return copy / "bin"


def check_reachable(cluster: Path, account: Account | None) -> bool:
    """Whether the account gets to the cluster by its path; where it does not, Linux has a way without."""
    if can_reach(account, cluster):
        return True
    if IS_LINUX:
        return False
    raise DatabaseUnusable(
        f"Postgres runs as an unprivileged user, which may not enter a directory above {cluster}. Use a data directory "
        "that others may pass through (mode 711), or start Tidemill as another user than root."
    )


def write_file(path: Path, text: str, *, mode: int, account: Account | None = None) -> None:
    """Replace `path` as a whole, on disk when this returns; a link that lies there is replaced, not followed."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    if account:
        account.own(part)
    part.replace(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
