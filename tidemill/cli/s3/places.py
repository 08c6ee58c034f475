"""Where objects come from and go to: an address of a storage, a path on this machine, or a pipe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tidemill.model.errors import BadRequest, InvalidKey
from tidemill.model.object_address import SCHEME, Address, parse_address

PIPE: Final = "-"


@dataclass(frozen=True, slots=True)
class Pipe:
    """Standard input as a source, standard output as a target."""


@dataclass(frozen=True, slots=True)
class Local:
    """A path on this machine. `is_folder`: it was written as one, with a slash at its end."""

    path: Path
    is_folder: bool = False


Side = Address | Local
Place = Side | Pipe


def read_place(text: str) -> Place:
    """The place that an argument names."""
    if text == PIPE:
        return Pipe()
    if text.startswith(SCHEME):
        return parse_address(text)
    if text.startswith("$res:"):
        raise BadRequest("Buckets of resources are not reached from here: make a storage of the resource, or name one.")
    return Local(Path(text).expanduser(), is_folder=text.endswith(("/", os.sep)))


def read_address(text: str) -> Address:
    """As `read_place`, where it must be a storage's.

    Raises:
        BadRequest: it is not.
    """
    return parse_address(text)


def target_of(source_name: str, target: Side) -> Side:
    """Where a single source goes: into a folder under its own name, otherwise exactly there."""
    if isinstance(target, Address) and (not target.key or target.key.endswith("/")):
        return target.at(target.key + source_name)
    if isinstance(target, Local) and (target.is_folder or target.path.is_dir()):
        return Local(path_below(target.path, source_name))
    return target


def path_below(folder: Path, name: str) -> Path:
    """The file that the object `name` becomes below `folder`, and never one elsewhere.

    Raises:
        InvalidKey: no file below the folder can have this name.
    """
    segments = name.split("/")
    if any(segment in {"", ".", ".."} or "\0" in segment for segment in segments):
        raise InvalidKey(f"{name[:200]!r} cannot be the name of a file: copy it alone, to a file that you name.")
    if os.sep != "/" and (os.sep in name or ":" in name):
        raise InvalidKey(f"{name[:200]!r} cannot be the name of a file here: copy it alone, to a file that you name.")
    return folder.joinpath(*segments)


@contextmanager
def local_errors(path: Path) -> Iterator[None]:
    """What goes wrong with a file of this machine is told in a sentence."""
    try:
        yield
    except OSError as error:
        raise BadRequest(f"{error.filename or path}: {error.strerror or error}.") from error
