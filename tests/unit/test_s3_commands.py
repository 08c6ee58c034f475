"""What `tidemill s3` decides before any byte moves: places, names of files, filters, differences."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from hashlib import md5
from pathlib import Path

import pytest

from tidemill.cli.s3.differences import differences
from tidemill.cli.s3.filters import Filter
from tidemill.cli.s3.items import Item, files_below
from tidemill.cli.s3.lanes import each_of, fill_slots, work_off
from tidemill.cli.s3.places import Local, Pipe, path_below, read_place, target_of
from tidemill.cli.s3.report import size_text
from tidemill.cli.s3.sums import etag_of, part_bytes_of
from tidemill.model.errors import BadRequest, Conflict, InvalidKey
from tidemill.model.object_address import Address
from tidemill.stores.objects.checks import multipart_etag
from tidemill.stores.objects.port import MAX_PARTS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MIB = 1024 * 1024


def item(name: str, size_bytes: int = 1, *, later_s: float = 0, etag: str = "") -> Item:
    return Item(name=name, size_bytes=size_bytes, modified_at=NOON + timedelta(seconds=later_s), etag=etag)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("-", Pipe()),
        ("s3://lake/a//b", Address("lake", "a//b")),
        ("s3:///k", Address("", "k")),
        ("s3://_default_/k", Address("", "k")),
        ("a/b", Local(Path("a/b"))),
        ("a/b/", Local(Path("a/b"), is_folder=True)),
    ],
)
def test_arguments_name_places(text: str, place: object) -> None:
    assert read_place(text) == place


def test_single_source_goes_into_a_folder_under_its_name(tmp_path: Path) -> None:
    assert target_of("a", Address("", "x/")) == Address("", "x/a")
    assert target_of("a", Address("", "")) == Address("", "a")
    assert target_of("a", Address("", "x")) == Address("", "x")
    assert target_of("a", Local(tmp_path)) == Local(tmp_path / "a")
    assert target_of("a", Local(tmp_path / "new")) == Local(tmp_path / "new")
    assert target_of("a", Local(tmp_path / "new", is_folder=True)) == Local(tmp_path / "new" / "a")


@pytest.mark.parametrize("name", ["", "..", "../a", "a/../b", "/etc/passwd", "a//b", "a/", "./a", "a/./b", "a\0b"])
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    with pytest.raises(InvalidKey):
        path_below(Path("/here"), name)


def test_names_below_a_folder() -> None:
    assert path_below(Path("/here"), "a/...b/c d") == Path("/here/a/...b/c d")


@pytest.mark.parametrize(
    ("include", "exclude", "taken"),
    [
        ([], [], ["a.csv", "x/b.csv", "x/c.txt"]),
        (["*.csv"], [], ["a.csv", "x/b.csv"]),
        (["x/**"], [], ["x/b.csv", "x/c.txt"]),
        (["*.csv"], ["x/**"], ["a.csv"]),
        ([], ["*.{csv,txt}"], []),
    ],
)
def test_filters(include: list[str], exclude: list[str], taken: list[str]) -> None:
    wanted = Filter(include, exclude)
    assert [name for name in ("a.csv", "x/b.csv", "x/c.txt") if wanted.takes(name)] == taken


def test_what_is_new_larger_or_later_is_missing() -> None:
    source = [item("new"), item("same"), item("larger", 2), item("later", later_s=5), item("within", later_s=0.9)]
    target = {name: item(name) for name in ("same", "larger", "later", "within", "extra")}
    found = differences(source, target, checksum_in=None)
    assert [each.name for each in found.missing] == ["new", "larger", "later"]
    assert (found.extra, found.unchanged) == (["extra"], 2)


def test_by_checksum_bytes_count_and_not_time(tmp_path: Path) -> None:
    for name in ("same", "other"):
        (tmp_path / name).write_bytes(b"x")
    source = [item("same", later_s=9), item("other")]
    target = {"same": item("same", etag=md5(b"x").hexdigest()), "other": item("other", etag=md5(b"y").hexdigest())}
    found = differences(source, target, checksum_in=(tmp_path, None))
    assert [each.name for each in found.missing] == ["other"]


def test_etag_of_a_large_file_is_that_of_its_parts(tmp_path: Path) -> None:
    content = os.urandom(MIB) * 20
    (tmp_path / "large").write_bytes(content)
    parts = [md5(content[: 16 * MIB]).hexdigest(), md5(content[16 * MIB :]).hexdigest()]
    assert etag_of(tmp_path / "large", len(content)) == multipart_etag(parts)


@pytest.mark.parametrize("size", [1, 160_000 * MIB, 5 * 1024**4])
def test_parts_are_never_too_many(size: int) -> None:
    assert -(-size // part_bytes_of(size)) <= MAX_PARTS


def test_files_are_found_but_no_pipes_and_no_folders_behind_links(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "c").write_text("c")
    (folder / "a").symlink_to(folder / "b" / "c")
    (folder / "around").symlink_to(folder)
    os.mkfifo(folder / "pipe")
    assert [each.name for each in files_below(folder, Filter([], []))] == ["a", "b/c"]
    (folder / "dangling").symlink_to("nowhere")
    with pytest.raises(BadRequest, match=r"dangling: No such file"):
        list(files_below(folder, Filter([], [])))
    assert len(list(files_below(folder, Filter([], ["dangling"])))) == 2


async def test_lanes_bound_what_is_under_way_and_end_with_the_first_error() -> None:
    under_way, most, done = 0, 0, []

    async def act(number: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(number % 5):
            await asyncio.sleep(0)
        under_way -= 1
        if number == 70:
            raise Conflict("enough")
        done.append(number)

    await work_off(each_of(range(50)), act, lanes=4)
    assert (sorted(done), most, under_way) == (list(range(50)), 4, 0)
    with pytest.raises(Conflict):
        await work_off(each_of(range(50, 100)), act, lanes=4)
    assert max(done) < 80


async def test_slots_are_given_back_also_when_something_fails() -> None:
    slots, done = asyncio.Semaphore(2), []

    async def act(number: int) -> None:
        await asyncio.sleep(0)
        if number == 3:
            raise Conflict("enough")
        done.append(number)

    def acts(numbers: range) -> list:
        return [lambda number=number: act(number) for number in numbers]

    with pytest.raises(Conflict):
        await fill_slots(slots, acts(range(10)))
    await fill_slots(slots, acts(range(20, 30)))
    assert [number for number in done if number >= 20] == list(range(20, 30))
    assert not slots.locked()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 1024**5, "3072.0 TiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
