"""The base environment: `wmill` and what it needs, and `tidemill_client`, taken from Tidemill's own installation.

It is there for every Python job without a lock and without a network. Nothing else of Tidemill is in it.
"""

import compileall
import contextlib
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tidemill.model.errors import ConfigurationError

ROOT_PACKAGE: Final = "wmill"
CLIENT_PACKAGE: Final = "tidemill_client"


@dataclass(frozen=True, slots=True)
class BaseEnvironment:
    """Where it is: `client_dir` holds `tidemill_client` alone, for jobs that bring a `wmill` of their own."""

    path: Path

    @property
    def client_dir(self) -> Path:
        return self.path / "client"

    @property
    def site_dirs(self) -> tuple[Path, ...]:
        """What belongs on `sys.path`, in this order."""
        return (self.client_dir, self.path / "site")


@functools.cache
def base_name() -> str:
    """Name of its directory, fixed by all that is in it. Worked out once a process: an installation does not change.

    Raises:
        ConfigurationError: Tidemill's own installation is incomplete.
    """
    client = client_source()
    digest = hashlib.sha256(sys.version.encode())
    for found in sorted(f"{each.name}=={each.version}" for each in closure(ROOT_PACKAGE)):
        digest.update(found.encode() + b"\0")
    for file in _sources(client):
        digest.update(str(file.relative_to(client)).encode() + b"\0" + file.read_bytes())
    return f"base-{digest.hexdigest()[:32]}"


def make_base(final: BaseEnvironment) -> None:
    """Make it, unless it is there. The caller holds the lock of "base"."""
    make_aside(final.path, lambda place: _fill(BaseEnvironment(place)))


def make_aside(final: Path, fill: Callable[[Path], None]) -> None:
    """Make a directory that `fill` fills, aside and then by one rename, unless it is there.

    The caller holds the lock of its kind, which is what its name begins with, up to the first dash.
    """
    if final.exists():
        return
    prefix = f".build-{final.name.partition('-')[0]}-"
    for leftover in final.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=final.parent))
    try:
        fill(made)
        compileall.compile_dir(made, quiet=1, stripdir=str(made), prependdir=str(final))
        made.chmod(0o755)
        os.sync()
        made.rename(final)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def closure(name: str) -> Iterator[Distribution]:
    """The installed distribution `name` and all that it needs here, each once.

    Raises:
        ConfigurationError: one is not installed.
    """
    pending, asked, given = [(name, frozenset[str]())], set[tuple[str, frozenset[str]]](), set[str]()
    while pending:
        current, extras = pending.pop()
        if (current, extras) in asked:
            continue
        asked.add((current, extras))
        try:
            found = distribution(current)
        except PackageNotFoundError as error:
            raise ConfigurationError(f"The package {current} is missing: install Tidemill again.") from error
        if current not in given:
            given.add(current)
            yield found
        wanted = [each for each in map(Requirement, found.requires or ()) if _applies(each, extras)]
        pending.extend((canonicalize_name(each.name), frozenset(each.extras)) for each in wanted)


def client_source() -> Path:
    """The directory of the package `tidemill_client`: in a checkout, or where the wheel has put it.

    Raises:
        ConfigurationError: it is in neither place.
    """
    checkout = Path(__file__).resolve().parents[2] / "clients" / "python" / CLIENT_PACKAGE
    if checkout.is_dir():
        return checkout
    spec = find_spec(CLIENT_PACKAGE)  # finds it, does not import it
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"The package {CLIENT_PACKAGE} is missing: install Tidemill again.")
    return Path(spec.origin).parent


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""})


def _sources(client: Path) -> list[Path]:
    return sorted(file for file in client.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def _fill(made: BaseEnvironment) -> None:
    for each in closure(ROOT_PACKAGE):
        link_distribution(each, made.path / "site")
    client = client_source()
    for file in _sources(client):
        link(file, made.client_dir / CLIENT_PACKAGE / file.relative_to(client), copy=True)


def link_distribution(found: Distribution, site: Path) -> None:
    """Put into `site` all files of a distribution but compiled ones and programs beside its site-packages."""
    if found.files is None:
        raise ConfigurationError(f"The package {found.name} does not list its files: install Tidemill again.")
    for file in found.files:
        if ".." not in file.parts and "__pycache__" not in file.parts and not file.is_absolute():
            link(Path(str(found.locate_file(file))), site / file)


def link(source: Path, target: Path, *, copy: bool = False) -> None:
    """Put one file there: a hard link where the file system allows, else (and for sources that are edited) a copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if not copy:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return
    shutil.copy2(source, target)
