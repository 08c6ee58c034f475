"""Previews of objects over HTTP, in the shapes that Windmill's clients know and in our own."""

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from tests.api.conftest import Api
from tidemill.db import identity
from tidemill.db.object_access import Access
from tidemill.model.object_address import Address
from tidemill.stores.objects.port import Attributes

W = "/api/w/main/job_helpers"
CSV = b"id;name\n1;Ann\n2;Bob\n3;Cy\n"


def parquet(rows: int) -> bytes:
    target = io.BytesIO()
    table = pa.table({"id": list(range(rows)), "big": pa.array([2**60] * rows), "name": [f"n{n}" for n in range(rows)]})
    pq.write_table(table, target, row_group_size=10_000)
    return target.getvalue()


async def put(api: Api, key: str, data: bytes, *, by: str = "dev", content_type: str = "") -> None:
    async def body() -> AsyncIterator[bytes]:
        yield data

    caller = await identity.principal_by_name(api.parts.database, f"{by}@x.org", "main")
    attributes = Attributes(content_type=content_type)
    await api.parts.objects.put(caller, Address(key=key), body(), attributes=attributes)


async def ask(client: httpx.AsyncClient, path: str, status: int = 200, **query: Any) -> Any:
    answer = await client.get(f"{W}/{path}", params=query)
    assert answer.status_code == status, answer.text
    return answer.json() if status == 200 else answer.text


async def test_tables_in_the_shape_of_windmill(api: Api) -> None:
    await put(api, "u/dev/a.parquet", parquet(25_000))
    query = {"offset": 20_000.0, "limit": "2.0", "sort_col": "id", "sort_desc": "false"}
    assert await ask(api.developer, "load_parquet_preview/u/dev/a.parquet", **query) == {
        "columns": ["id", "big", "name"],
        "column_types": ["Int64", "Int64", "Utf8"],
        "rows": [
            {"id": 20_000, "big": str(2**60), "name": "n20000"},
            {"id": 20_001, "big": str(2**60), "name": "n20001"},
        ],
        "next_offset": 20_002,
        "total": 25_000,
    }
    assert await ask(api.developer, "load_table_count/u/dev/a.parquet") == {"count": 25_000}
    search = {"search_col": "name", "search_term": "N2499"}
    assert await ask(api.developer, "load_table_count/u/dev/a.parquet", **search) == {"count": 11}


async def test_csv_tells_the_separator_that_it_found(api: Api) -> None:
    await put(api, "u/dev/a.csv", CSV)
    head = await ask(api.developer, "load_csv_preview/u/dev/a.csv", limit=0)
    assert (head["columns"], head["rows"], head["csv_separator"]) == (["id", "name"], [], ";")
    query = {"csv_separator": ";", "filters": '{"id": {"filterType": "number", "type": "greaterThan", "filter": 2}}'}
    assert (await ask(api.developer, "load_csv_preview/u/dev/a.csv", **query))["rows"] == [{"id": 3, "name": "Cy"}]
    wrong = await ask(api.developer, "load_csv_preview/u/dev/a.csv", csv_separator=",", csv_has_header=False)
    assert wrong["rows"][0] == {"column0": "id;name"}


async def test_our_own_shape_tells_how_the_table_was_understood(api: Api) -> None:
    await put(api, "u/dev/a.csv", CSV)
    assert await ask(api.developer, "preview_table/u/dev/a.csv", limit=2) == {
        "format": "csv",
        "columns": [{"name": "id", "type": "BIGINT"}, {"name": "name", "type": "VARCHAR"}],
        "rows": [[1, "Ann"], [2, "Bob"]],
        "next_offset": 2,
        "total": None,
        "csv_separator": ";",
        "has_header": True,
        "encoding": "utf-8",
        "sheet": None,
        "sheets": [],
        "size_in_bytes": len(CSV),
        "read_bytes": 2 * len(CSV),
    }


async def test_download_as_csv(api: Api) -> None:
    await put(api, "u/dev/köln.parquet", parquet(3))
    answer = await api.developer.get(f"{W}/download_s3_parquet_file_as_csv", params={"file_key": "u/dev/köln.parquet"})
    assert answer.text == f"id,big,name\n0,{2**60},n0\n1,{2**60},n1\n2,{2**60},n2\n"
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''k%C3%B6ln.csv"
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"
    await put(api, "u/dev/broken.parquet", b"PAR1" * 100)
    told = await ask(api.developer, "download_s3_parquet_file_as_csv", 422, file_key="u/dev/broken.parquet")
    assert "cannot be read as this format" in told


async def test_parts_of_texts(api: Api) -> None:
    await put(api, "u/dev/a.txt", "äöü\n".encode() * 1000)
    query = {"file_key": "u/dev/a.txt", "read_bytes_from": 1, "read_bytes_length": 6}
    assert await ask(api.developer, "load_file_preview", **query) == {
        "content_type": "RawText",
        "content": "öü\n",
        "msg": "Bytes 2 to 7 of 7000, read as utf-8.",
    }
    await put(api, "u/dev/a.csv", CSV)
    found = await ask(api.developer, "load_file_preview", file_key="u/dev/a.csv", file_mime_type="image/png")
    assert (found["content_type"], found["content"]) == ("Csv", CSV.decode())
    await ask(api.developer, "load_file_preview", 400, file_key="u/dev/a.txt", read_bytes_from=8000)
    await ask(api.developer, "load_file_preview", 400, file_key="u/dev/a.txt", read_bytes_length=2**40)


async def test_what_is_no_text_is_described(api: Api) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\x80\0\0\1\xe0" + b"\0" * 50
    for key, data in {"a.png": png, "a.bin": b"\0\1\2A", "a.parquet": parquet(3), "empty": b""}.items():
        await put(api, f"u/dev/{key}", data, content_type="text/html")
    shown = {
        key: await ask(api.developer, "load_file_preview", file_key=f"u/dev/{key}")
        for key in ("a.png", "a.bin", "a.parquet", "empty")
    }
    assert shown["a.png"] == {"content_type": "Unknown", "msg": f"image/png, 640 x 480 pixels, {len(png)} bytes."}
    assert shown["a.bin"]["content"] == "00000000  00 01 02 41" + " " * 36 + "  ...A"
    assert shown["a.parquet"]["content_type"] == "Parquet"
    assert shown["empty"]["content"] == ""
    described = await ask(api.developer, "describe_object", file_key="u/dev/a.png")
    assert described.pop("last_modified")
    assert described.pop("etag")
    assert described == {
        "kind": "image",
        "format": None,
        "media_type": "image/png",
        "encoding": None,
        "size_in_bytes": len(png),
        "width": 640,
        "height": 480,
    }


async def test_rules_of_the_storage_decide_and_the_access_is_noted_once(api: Api) -> None:
    await put(api, "u/ada/a.parquet", parquet(25_000), by="ada")
    for path in ("load_parquet_preview", "load_csv_preview", "preview_table", "load_table_count"):
        assert "you may not read" in await ask(api.developer, f"{path}/u/ada/a.parquet", 403)
    for path in ("load_file_preview", "describe_object", "download_s3_parquet_file_as_csv"):
        assert "you may not read" in await ask(api.developer, path, 403, file_key="u/ada/a.parquet")
    await ask(api.admin, "load_parquet_preview/u/ada/a.parquet", order_by="id")
    await api.parts.objects.flush_log()
    listed = await api.admin.get("/api/w/main/storage_access/list", params={"address": "s3:///u/ada/a.parquet"})
    kinds: list[Access] = [each["access"] for each in listed.json()["accesses"]]
    assert kinds == ["read", "write"]


async def test_what_makes_no_sense_is_said(api: Api) -> None:
    await put(api, "u/dev/a.csv", CSV)
    await put(api, "u/dev/a.txt", b"text")
    path = "preview_table/u/dev/a.csv"
    assert "no column" in await ask(api.developer, path, 400, sort_col="x")
    assert "whole number" in await ask(api.developer, path, 400, offset="nan")
    assert "whole number" in await ask(api.developer, path, 400, limit=1.5)
    assert "from 0 to 10000" in await ask(api.developer, path, 400, limit=10_001)
    assert "one character" in await ask(api.developer, path, 400, csv_separator='"')
    assert "encoding is one of" in await ask(api.developer, path, 400, encoding="rot13")
    assert "is no table" in await ask(api.developer, "preview_table/u/dev/a.txt", 422)
    await ask(api.developer, "preview_table/u/dev/absent.csv", 404)
    await ask(api.developer, path, 404, storage="absent")
    await ask(api.developer, path, 404, s3_resource_path="u/dev/absent")


async def test_keys_are_taken_as_they_are(api: Api) -> None:
    for key in ("u/dev/a b+%2F.csv", "u/dev//x.csv", "u/dev/../x.csv", "u/dev/ü?#.csv"):
        await put(api, key, b"key\n" + key.encode() + b"\n")
        answer = await api.admin.get(f"{W}/preview_table/{_escaped(key)}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["rows"] == [[key]]


def _escaped(key: str) -> str:
    return "".join(f"%{byte:02X}" for byte in key.encode())
