"""Archives that are the same bytes for the same members: without times, owners or anything of the machine."""

import io
import tarfile
import zipfile
from typing import IO, Final, Protocol

_MODE: Final = 0o644
_FIRST_DAY: Final = (1980, 1, 1, 0, 0, 0)
"""The oldest that a zip can tell."""


class ArchiveFile(Protocol):
    """Written from front to back; nothing of a member is kept once it was added."""

    media_type: str

    def __init__(self, file: IO[bytes]) -> None: ...

    def add(self, name: str, content: bytes) -> None:
        """One more member. `name` is relative, with `/` between its parts."""
        ...

    def close(self) -> None:
        """Write what belongs at the end, if it was not."""
        ...


class ZipArchive:
    """Compressed, as `wmill` asks for it first."""

    media_type = "application/zip"

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, content: bytes) -> None:
        member = zipfile.ZipInfo(name, _FIRST_DAY)
        member.external_attr = _MODE << 16
        member.create_system = 3
        self._zip.writestr(member, content, zipfile.ZIP_DEFLATED)

    def close(self) -> None:
        self._zip.close()


class TarArchive:
    """Not compressed."""

    media_type = "application/x-tar"

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # `close` closes it

    def add(self, name: str, content: bytes) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), _MODE
        self._tar.addfile(member, io.BytesIO(content))

    def close(self) -> None:
        self._tar.close()


ARCHIVES: Final[dict[str, type[ArchiveFile]]] = {"zip": ZipArchive, "tar": TarArchive}
