"""Listings by folder agree with a plain definition of them, for any keys, prefixes, delimiters and pages."""

import sqlite3
from datetime import UTC, datetime
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidemill.stores.objects import folding
from tidemill.stores.objects.local import rows
from tidemill.stores.objects.port import PAGE, Folder, ObjectInfo

LETTERS = st.sampled_from(["a", "b", "/", "-", "\x01", "\ud7ff", "\ue000", "\U0010ffff"])
TEXTS = st.text(LETTERS, max_size=6)
KEYS = st.lists(st.text(LETTERS, min_size=1, max_size=6), unique=True, max_size=30)


def expected(keys: list[str], prefix: str, *, delimiter: str, after: str) -> list[str]:
    """Written down as one would say it, without any thought of speed."""
    skipped = folding.skipped_folder(after, prefix, delimiter)
    found: list[str] = []
    for key in sorted(keys):
        if not key.startswith(prefix) or key <= after or (skipped is not None and key.startswith(skipped)):
            continue
        behind, has, _ = key.removeprefix(prefix).partition(delimiter)
        entry = prefix + behind + delimiter if delimiter and has else key
        if entry not in found[-1:] or entry == key:
            found.append(entry)
    return found


def names(page: list[ObjectInfo | Folder]) -> list[str]:
    return [entry.prefix if isinstance(entry, Folder) else entry.key for entry in page]


@settings(deadline=None)
@given(keys=KEYS, prefix=TEXTS, delimiter=st.sampled_from(["/", "-", "//", "a"]), after=TEXTS, limit=st.integers(1, 8))
def test_the_index_lists_folders_as_they_are_defined(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> None:
    connection = sqlite3.connect(":memory:")
    connection.executescript(files("tidemill.stores.objects.local").joinpath("schema.sql").read_text())
    connection.executemany(
        "insert into object (key, content, size_bytes, modified_us, etag) values (?, 1, 0, 0, '')",
        [(key,) for key in keys],
    )
    page = rows.scan_folder(connection, prefix, delimiter=delimiter, after=after, limit=limit)
    whole = rows.scan(connection, prefix, after=after, limit=PAGE)
    connection.close()
    assert names(page) == expected(keys, prefix, delimiter=delimiter, after=after)[:limit]
    assert [info.key for info in whole] == sorted(key for key in keys if key.startswith(prefix) and key > after)


@settings(deadline=None)
@given(keys=KEYS, prefix=TEXTS, delimiter=st.sampled_from(["/", "-", "//", "a"]), after=TEXTS, limit=st.integers(1, 8))
async def test_folding_over_pages_lists_folders_as_they_are_defined(
    keys: list[str], prefix: str, delimiter: str, after: str, limit: int
) -> None:
    async def scan(prefix: str, *, after: str = "", limit: int = PAGE) -> list[ObjectInfo]:
        wanted = sorted(key for key in keys if key.startswith(prefix) and key > after)
        return [ObjectInfo(key=key, size_bytes=0, modified_at=datetime.now(UTC), etag="") for key in wanted[:limit]]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folding, "PAGE", 2)
        page = await folding.scan_folder(scan, prefix, delimiter=delimiter, after=after, limit=limit)
    assert names(page) == expected(keys, prefix, delimiter=delimiter, after=after)[:limit]


@settings(deadline=None)
@given(prefix=TEXTS, text=TEXTS)
def test_what_is_behind_a_prefix_is_greater_than_all_that_start_with_it(prefix: str, text: str) -> None:
    behind = rows.behind(prefix)
    if behind is None:
        assert set(prefix) <= {"\U0010ffff"}
        return
    assert prefix + text < behind
    assert behind.encode() > (prefix + text).encode()
    assert not behind.startswith(prefix) or not prefix
