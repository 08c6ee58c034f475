"""Installs what the tests need beside Tidemill itself: published clients, a second Postgres, MariaDB, object servers.

Every `tests/requirements/<name>.txt` becomes the environment `.test-venvs/<name>`, and `tests/requirements/node`
becomes `.test-venvs/node`. What is there already is left alone, so that a second run costs nothing; two runs at once
wait for each other. A file is renewed with `uv pip compile --universal --generate-hashes --no-header --no-annotate
--no-emit-index-url --python-version 3.11 <name>.in -o <name>.txt`, the lock of Node with `npm install
--package-lock-only --omit-lockfile-registry-resolved`.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).resolve().parent
REQUIREMENTS = TESTS / "requirements"
VENVS = TESTS.parent / ".test-venvs"
MARKER = ".prepared"


DEBIAN: dict[str, tuple[str, ...]] = {
    "ceph-mon": ("ceph-mon",),
    "ceph-osd": ("ceph-osd",),
    "radosgw": ("radosgw",),
    "mariadb-server": ("mariadbd", "mariadb-install-db"),
    "pgbouncer": ("pgbouncer",),
    "redis-server": ("redis-server",),
    "strace": ("strace",),
    "chromium": ("chromium",),
}
"""Debian's package -> the programs in it that tests start. Where it cannot be had, they say so as they skip."""


def main() -> int:
    """Prepare everything; 1 where something that the tests cannot do without is missing."""
    VENVS.mkdir(exist_ok=True)
    with ThreadPoolExecutor() as threads:
        debian = threads.submit(prepare_debian)
        missing = [name for name, ready in (*python_environments(), ("node", prepare_node())) if not ready]
        debian.result()
    if missing:
        print(f"✗ not installed: {', '.join(missing)}", file=sys.stderr)
    return 1 if missing else 0


def python_environments() -> Iterator[tuple[str, bool]]:
    """Name of each environment, and whether it is there now."""
    for lock in sorted(REQUIREMENTS.glob("*.txt")):
        yield lock.stem, prepare_python(lock)


def prepare_python(lock: Path) -> bool:
    """Make the environment of one lock file unless it is there."""
    place = VENVS / lock.stem
    wanted = fingerprint(sys.version, lock.read_text())
    if is_ready(place, wanted):
        return True
    with only_one(place) as path:
        if is_ready(path, wanted):
            return True
        print(f"» installing {lock.stem} for the tests")
        remove(path)
        uv = [str(Path(sys.executable).with_name("uv"))]
        return run([*uv, "venv", "--quiet", "--no-project", "--python", sys.executable, str(path)]) and finish(
            path,
            wanted,
            [
                *uv, "pip", "install", "--quiet", "--python", str(path / "bin" / "python"),
                "--compile-bytecode", "--require-hashes", "-r", str(lock),
            ],
        )  # fmt: skip


def prepare_node() -> bool:
    """Make the folder with the npm packages unless it is there. Without Node the tests of them tell why they skip."""
    place, source = VENVS / "node", REQUIREMENTS / "node"
    files = [source / "package.json", source / "package-lock.json"]
    wanted = fingerprint(*(file.read_text() for file in files))
    if is_ready(place, wanted):
        return True
    npm = shutil.which("npm")
    if npm is None:
        print("» npm is not on this machine: the tests of the npm packages will be skipped")
        return os.environ.get("CI") != "true"
    with only_one(place) as path:
        if is_ready(path, wanted):
            return True
        print("» installing the npm packages for the tests")
        remove(path)
        path.mkdir()
        for file in files:
            shutil.copy(file, path)
        quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        return finish(path, wanted, [npm, "ci", *quiet, "--prefix", str(path)])


def prepare_debian() -> None:
    """Debian's packages, unless their programs are there."""
    apt = shutil.which("apt-get")
    packages = missing_packages()
    if not packages or apt is None or os.geteuid() != 0:
        return
    print(f"» installing Debian's {', '.join(packages)} for the tests")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["--quiet", "--quiet", "--yes", "--no-install-recommends"]
    with only_one(VENVS / "debian"):
        if run([apt, "update", "--quiet", "--quiet"], environment):
            together = run([apt, "install", *options, *packages], environment)
            for package in () if together else packages:
                run([apt, "install", *options, package], environment)


def missing_packages() -> list[str]:
    """A Postgres of the system's too: the tests of the database run on it as well."""
    found = [package for package, programs in DEBIAN.items() if not all(map(shutil.which, programs))]
    return found if any(Path("/usr/lib/postgresql").glob("*/bin/postgres")) else [*found, "postgresql"]


def fingerprint(*texts: str) -> str:
    """Tells whether what is installed is what is wanted."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def is_ready(place: Path, wanted: str) -> bool:
    marker = place / MARKER
    return marker.is_file() and marker.read_text() == wanted


def finish(place: Path, wanted: str, command: list[str]) -> bool:
    """Run the last command that makes a place, and note that it is whole."""
    if not run(command):
        return False
    (place / MARKER).write_text(wanted)
    return True


def remove(place: Path) -> None:
    """What an earlier, interrupted or older run left."""
    if place.exists():
        shutil.rmtree(place)


def run(command: list[str], environment: dict[str, str] | None = None) -> bool:
    """Whether it went well; what it had to say otherwise goes to stderr."""
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        print(done.stdout.decode(errors="replace"), file=sys.stderr)
    return done.returncode == 0


@contextmanager
def only_one(place: Path) -> Iterator[Path]:
    """Nobody else makes this place during the block."""
    with place.with_name(f".{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield place


if __name__ == "__main__":
    sys.exit(main())
