"""Control groups: one for each sandbox, with limits on memory and on the number of processes."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Where groups may be made: two directories in version 1, the same one twice in version 2."""

    version: int
    memory: Path
    processes: Path

    def make(self, name: str, *, memory_bytes: int, processes: int) -> "Group":
        """A new group with its limits.

        Raises:
            OSError: the kernel refuses it.
        """
        group = Group(self.version, self.memory / name, self.processes / name)
        for directory in {group.memory, group.processes}:
            directory.mkdir(exist_ok=True)
        _write(group.processes / "pids.max", processes)
        if self.version == 2:
            _write(group.memory / "memory.max", memory_bytes)
            _write_if_there(group.memory / "memory.swap.max", 0)
            _write_if_there(group.memory / "memory.oom.group", 1)
        else:
            _write(group.memory / "memory.limit_in_bytes", memory_bytes)
            _write_if_there(group.memory / "memory.memsw.limit_in_bytes", memory_bytes)
        return group


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one sandbox."""

    version: int
    memory: Path
    processes: Path

    def join(self) -> None:
        """Put the calling process (and its later children) into it."""
        for directory in {self.memory, self.processes}:
            _write(directory / "cgroup.procs", 0)

    def out_of_memory_kills(self) -> int:
        """Processes that the kernel killed for memory so far."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        return _counter(self.memory / name, "oom_kill")

    def refused_processes(self) -> int:
        """How often a fork was refused so far."""
        return _counter(self.processes / "pids.events", "max")

    def peak_bytes(self) -> int:
        """The most memory ever used; 0 where the kernel does not say."""
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        try:
            return int((self.memory / name).read_text(encoding="ascii"))
        except OSError:
            return 0

    def kill(self) -> None:
        """Kill whatever is still in it."""
        for pid in _members(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)

    def remove(self) -> bool:
        """Remove it; False while something is still in it."""
        for directory in {self.memory, self.processes}:
            try:
                directory.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return False
        return True


def sweep(hierarchy: Hierarchy) -> None:
    """Remove the empty groups of watchdogs that were killed before they could."""
    for directory in {hierarchy.memory, hierarchy.processes}:
        for group in directory.glob("tidemill-*-*"):
            owner = group.name.split("-")[1]
            if not Path("/proc", owner).exists():
                with contextlib.suppress(OSError):  # not empty, or somebody else was faster
                    group.rmdir()


def find() -> Hierarchy | None:
    """Where this process may make groups with limits on memory and processes, found out by making one; else None."""
    for hierarchy in (_version_1(), _version_2()):
        if hierarchy is None:
            continue
        try:
            trial = hierarchy.make(f"tidemill-{os.getpid()}-trial", memory_bytes=1 << 30, processes=16)
        except OSError:
            continue
        trial.remove()
        sweep(hierarchy)
        return hierarchy
    return None


def _version_1() -> Hierarchy | None:
    own = _own_groups()
    places = {
        name: Path(target) / own.get(name, "").lstrip("/")
        for target, kind, options in _mounts()
        for name in ("memory", "pids")
        if kind == "cgroup" and name in options
    }
    if len(places) < 2:
        return None
    # In a container the path may be the host's while the mount begins at our own group.
    usable = {name: place if place.is_dir() else _mount_of(place, own[name]) for name, place in places.items()}
    return Hierarchy(1, usable["memory"], usable["pids"])


def _version_2() -> Hierarchy | None:
    """Our own group where it was delegated to us (systemd's `Delegate=yes`): its processes move into a leaf."""
    path = _own_groups().get("")
    target = next((target for target, kind, _ in _mounts() if kind == "cgroup2"), None)
    if path is None or target is None:
        return None
    place = Path(target) / path.lstrip("/")
    place = place if place.is_dir() else Path(target)
    try:
        controllers = (place / "cgroup.controllers").read_text(encoding="ascii").split()
        if not {"memory", "pids"} <= set(controllers) or not os.access(place, os.W_OK):
            return None
        leaf = place / "tidemill"
        leaf.mkdir(exist_ok=True)
        for pid in _members(place):
            _write(leaf / "cgroup.procs", pid)
        (place / "cgroup.subtree_control").write_text("+memory +pids", encoding="ascii")
    except OSError:
        return None
    return Hierarchy(2, place, place)


def _mount_of(place: Path, path: str) -> Path:
    return Path(str(place).removesuffix(path)) if path != "/" else place


def _own_groups() -> dict[str, str]:
    """Our group's path by controller; version 2 is under ""."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: path for line in lines for _, names, path in [line.split(":", 2)] for name in names.split(",")}


def _mounts() -> list[tuple[str, str, list[str]]]:
    """Target, kind and options of each mount."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    return [(fields[1], fields[2], fields[3].split(",")) for fields in (line.split() for line in lines)]


def _members(directory: Path) -> list[int]:
    try:
        return [int(pid) for pid in (directory / "cgroup.procs").read_text(encoding="ascii").split()]
    except OSError:
        return []


def _counter(file: Path, name: str) -> int:
    """The number after `name` in a file of `name number` lines; 0 where there is none."""
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)


def _write(file: Path, value: int) -> None:
    file.write_text(str(value), encoding="ascii")


def _write_if_there(file: Path, value: int) -> None:
    """Some kernels are built without swap accounting; then there is no such file, and nothing to limit."""
    if file.exists():
        _write(file, value)
