"""Checksums of objects that are gone, or that were replaced past the S3 endpoint, are forgotten in time."""

from dataclasses import replace

import pytest

from tests.api.conftest import Api
from tests.contracts.objects.bytes_of import body
from tidemill.db import identity, object_checksums
from tidemill.db.object_checksums import KeptChecksum
from tidemill.db.queries import inline
from tidemill.model.errors import Unavailable
from tidemill.model.object_address import Address
from tidemill.server.objects.stale_checksums import StaleChecksums

CHECKSUM = KeptChecksum("crc32", "FULL_OBJECT", "AAAAAA==")


async def kept(api: Api) -> list[str]:
    rows = await api.parts.database.single.fetch_all(
        inline("select place || key as at from object_checksum order by 1")
    )
    return [row["at"] for row in rows]


async def put(api: Api, key: str, content: bytes = b"1") -> str:
    ada = await identity.principal_by_name(api.parts.database, "ada@x.org", "main")
    return (await api.parts.objects.put(ada, Address(key=key), body(content))).etag


async def note(api: Api, key: str, etag: str, *, place: str = "s3:///") -> None:
    await object_checksums.keep(api.parts.database.single, "main", place, key, etag=etag, checksum=CHECKSUM)


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_what_is_stale_is_forgotten(api: Api, limit: int) -> None:
    await note(api, "whole", await put(api, "whole"))
    await note(api, "replaced", await put(api, "replaced"))
    await put(api, "replaced", b"2")
    await note(api, "gone", "0" * 32)
    await note(api, "k", "0" * 32, place="s3://never_there/")
    stale = StaleChecksums(api.parts.database, api.parts.objects, limit=limit)
    assert sum([await stale.go_on() for _ in range(5)]) == 3
    assert await kept(api) == ["s3:///whole"]


async def test_a_storage_that_does_not_answer_keeps_its_checksums(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await note(api, "gone", "0" * 32)
    storage = await api.parts.objects._opener.instance("main", "_default_")

    async def fails(_: str) -> None:
        raise Unavailable("not now")

    monkeypatch.setattr(storage, "head", fails)
    stale = StaleChecksums(api.parts.database, api.parts.objects)
    assert await stale.go_on() == 0
    monkeypatch.undo()
    assert await stale.go_on() == 1


async def test_a_checksum_that_was_kept_meanwhile_stays(api: Api) -> None:
    await note(api, "k", "0" * 32)
    (row,) = await object_checksums.page(api.parts.database.single, after=None, limit=10)
    await note(api, "k", await put(api, "k"))
    assert await object_checksums.forget_these(api.parts.database.single, [row, replace(row, key="other")]) == 0
    assert await kept(api) == ["s3:///k"]
