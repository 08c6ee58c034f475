"""Carries out a plan of many transfers: some at once, each told as it ends, and no failure hides the others."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tidemill.cli.s3.download import Downloader
from tidemill.cli.s3.endpoint import Endpoint
from tidemill.cli.s3.items import Item
from tidemill.cli.s3.lanes import each_of, work_off
from tidemill.cli.s3.places import Local, Side, path_below
from tidemill.cli.s3.progress import Meter
from tidemill.cli.s3.report import Action, Line, Report
from tidemill.cli.s3.upload import Uploader
from tidemill.model.errors import InvalidKey, TidemillError
from tidemill.model.object_address import Address
from tidemill.stores.objects.port import PAGE


@dataclass(frozen=True, slots=True)
class Transfer:
    """One object or file, from where to where."""

    source: Address | Path
    target: Address | Path
    item: Item

    @property
    def line(self) -> Line:
        """As it is told."""
        return Line(self._action, shown(self.source), shown(self.target), self.item.size_bytes)

    @property
    def _action(self) -> Action:
        if isinstance(self.source, Path):
            return "upload"
        return "download" if isinstance(self.target, Path) else "copy"


class Transfers:
    """What all transfers of a command share. `lanes` objects are under way at once."""

    def __init__(self, endpoint: Endpoint, report: Report, meter: Meter, *, lanes: int, content_type: str = "") -> None:
        slots = asyncio.Semaphore(lanes)
        self._endpoint = endpoint
        self._report = report
        self._meter = meter
        self._lanes = lanes
        self.uploader = Uploader(endpoint, slots, meter, content_type)
        self.downloader = Downloader(endpoint, slots, meter)

    async def carry_out(self, transfers: Iterable[Transfer]) -> None:
        """Do all of them; those that fail are in the report."""
        if self._report.dry_run:
            for each in transfers:
                self._report.add(each.line)
            return
        await work_off(each_of(transfers), self._tell, lanes=self._lanes)

    async def alone(self, transfer: Transfer) -> None:
        """Do the only one; raises what goes wrong."""
        self._meter.expect(1, transfer.item.size_bytes)
        if not self._report.dry_run:
            await self._act(transfer)
        self._report.add(transfer.line)

    async def delete(self, side: Side, names: list[str]) -> None:
        """Remove these objects or files; those that are still there are in the report."""
        if self._report.dry_run:
            for name in names:
                self._report.add(Line("delete", "", shown(part_of(side, name))))
        elif isinstance(side, Local):
            for name in names:
                self._tell_deleted(side, name, _delete_file(path_below(side.path, name)))
        else:
            store = await self._endpoint.store(side)
            for start in range(0, len(names), PAGE):
                page = names[start : start + PAGE]
                failed = await store.delete_many([side.key + name for name in page])
                for name in page:
                    self._tell_deleted(side, name, failed.get(side.key + name))

    async def _act(self, transfer: Transfer) -> None:
        match transfer.source, transfer.target:
            case Path() as source, Address() as target:
                await self.uploader.file(source, target)
            case Address() as source, Path() as target:
                await self.downloader.file(source, transfer.item, target)
            case Address() as source, Address() as target:
                await self._endpoint.copy(source, target)
                self._meter.moved(transfer.item.size_bytes)

    def _tell_deleted(self, side: Side, name: str, error: Exception | None) -> None:
        told = error if error is None or isinstance(error, TidemillError) else TidemillError(str(error))
        self._report.add(Line("delete", "", shown(part_of(side, name))), told)

    async def _tell(self, transfer: Transfer) -> None:
        try:
            await self._act(transfer)
        except TidemillError as error:
            self._report.add(transfer.line, error)
        else:
            self._report.add(transfer.line)
        self._meter.done()


def plan(source: Side, target: Side, items: Iterable[Item], report: Report) -> list[Transfer]:
    """A transfer for each item below `source`; those that cannot be are in the report."""
    found = []
    for item in items:
        try:
            found.append(Transfer(part_of(source, item.name), part_of(target, item.name), item))
        except InvalidKey as error:
            report.add(Line("download", shown(part_of(source, item.name)), item.name, item.size_bytes), error)
    return found


def part_of(side: Side, name: str) -> Address | Path:
    """An object or file below one side.

    Raises:
        InvalidKey: no file can have this name.
    """
    return side.at(side.key + name) if isinstance(side, Address) else path_below(side.path, name)


def shown(place: Address | Path) -> str:
    """As a text that every output takes, also where a file's name is none."""
    return str(place).encode("utf-8", "replace").decode()


def _delete_file(path: Path) -> TidemillError | None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        return TidemillError(f"{path}: {error.strerror}.")
    return None
