"""The peers, and the environment that each has for itself below `~/.cache/tidemill-bench/peers`."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HOME: Final = Path.home() / ".cache" / "tidemill-bench" / "peers"
ROOT: Final = Path(__file__).resolve().parents[2]
_BIN: Final = Path(sys.executable).parent


@dataclass(frozen=True, kw_only=True)
class Peer:
    """Another system. `slow`: a flow takes so long that one round must do; `aim`: bound of our time to its."""

    name: str
    title: str
    packages: tuple[str, ...]
    is_node: bool = False
    slow: bool = False
    aim: float | None = None


PEERS: Final = [
    Peer(
        name="restate",
        title="Restate 1.7.12",
        packages=("@restatedev/restate-server@1.7.12", "@restatedev/restate-sdk@1.17.2"),
        is_node=True,
        aim=1.0,
    ),
    Peer(name="dbos", title="DBOS 3.4.0", packages=("dbos==3.4.0",)),
    Peer(name="procrastinate", title="procrastinate 3.10.0", packages=("procrastinate==3.10.0", "psycopg[binary]")),
    Peer(name="celery", title="Celery 5.7.0", packages=("celery[redis]==5.7.0",)),
    Peer(name="prefect", title="Prefect 3.9.1", packages=("prefect==3.9.1",), aim=0.02),
    Peer(name="dagster", title="Dagster 1.13.29", packages=("dagster==1.13.29",), slow=True),
    Peer(name="airflow", title="Airflow 3.3.2", packages=("apache-airflow[postgres]==3.3.2",), slow=True),
]


def command_of(peer: Peer) -> list[str]:
    """How to start the peer's program, in its environment, which is made where it is missing.

    Raises:
        CalledProcessError: it cannot be installed here.
    """
    place = HOME / peer.name
    installed = place / ".installed"
    if not installed.exists() or installed.read_text() != "\n".join(peer.packages):
        print(f"» installing {peer.title}", file=sys.stderr, flush=True)
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        (_install_node if peer.is_node else _install_python)(peer, place)
        installed.write_text("\n".join(peer.packages))
    if peer.is_node:
        return [str(_BIN / "node"), str(Path(__file__).parent / "programs" / f"{peer.name}.mjs")]
    return [str(place / "bin" / "python"), "-m", f"bench.peers.programs.{peer.name}"]


def environment_of(peer: Peer, directory: Path, dsn: str) -> dict[str, str]:
    """Variables of the program: ours, but for those of Python and of the peer itself."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return kept | {
        "PYTHONPATH": str(ROOT),
        "PEER_DIRECTORY": str(directory),
        "PEER_DSN": dsn,
        "PEER_PACKAGES": str(HOME / peer.name),
    }


def remove_environments() -> None:
    """All that the benchmarks of peers left on this machine."""
    if HOME.exists():
        shutil.rmtree(HOME)


def _install_python(peer: Peer, place: Path) -> None:
    uv = str(_BIN / "uv")
    subprocess.run([uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(place)], check=True)
    python = str(place / "bin" / "python")
    command = [uv, "pip", "install", "--quiet", "--python", python, "--compile-bytecode", *peer.packages]
    subprocess.run(command, check=True)


def _install_node(peer: Peer, place: Path) -> None:
    path = f"{_BIN}{os.pathsep}{os.environ['PATH']}"
    (place / "package.json").write_text('{"private": true}\n')
    command = [str(_BIN / "npm"), "install", "--silent", "--no-audit", "--no-fund", *peer.packages]
    subprocess.run(command, check=True, cwd=place, env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL)
