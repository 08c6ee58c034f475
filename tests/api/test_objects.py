"""The object service: one decision for every way in, whatever the storage."""

from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

import pytest

from tests.api.conftest import JOB_SECRET, Api, run_job
from tidemill.db import identity, object_access
from tidemill.db.pool import Transaction
from tidemill.db.queries import inline
from tidemill.engine import job_token
from tidemill.engine.object_rules import DEFAULT_RULES, Access
from tidemill.model.errors import (
    Conflict,
    Denied,
    InvalidKey,
    InvalidPart,
    InvalidPath,
    LeaseLost,
    NotFound,
    PartTooSmall,
    PreconditionFailed,
)
from tidemill.model.identity import Principal
from tidemill.model.object_address import Address
from tidemill.server.objects.listing import MOST_PAGES
from tidemill.server.objects.service import Objects
from tidemill.stores.objects.port import CREATE, MIN_PART_BYTES, PAGE, Attributes, Condition, Folder, ObjectInfo

HERE = Address("", "u/dev/a")


async def body(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.fixture
def objects(api: Api) -> Objects:
    return api.parts.objects


@pytest.fixture
async def dev(api: Api) -> Principal:
    return await identity.principal_by_name(api.parts.database, "dev@x.org", "main")


@pytest.fixture
async def ada(api: Api) -> Principal:
    return await identity.principal_by_name(api.parts.database, "ada@x.org", "main")


async def fill(objects: Objects, who: Principal, *keys: str, storage: str = "") -> None:
    for key in keys:
        await objects.put(who, Address(storage, key), body(key.encode()))


async def content(objects: Objects, who: Principal, at: Address) -> bytes:
    reading = await objects.get(who, at)
    return b"".join([piece async for piece in reading.body])


async def test_what_was_put_is_read_again(objects: Objects, dev: Principal) -> None:
    attributes = Attributes(content_type="text/plain", metadata={"by": "dev"})
    put = await objects.put(dev, HERE, body(b"one", b"two"), size_bytes=6, attributes=attributes)
    assert (put.key, put.size_bytes) == ("u/dev/a", 6)
    head = await objects.head(dev, HERE)
    assert (head.etag, head.attributes) == (put.etag, attributes)
    assert await content(objects, dev, HERE) == b"onetwo"
    reading = await objects.get(dev, HERE, start=-3)
    assert (b"".join([piece async for piece in reading.body]), reading.start, reading.end) == (b"two", 3, 6)
    await objects.delete(dev, HERE)
    with pytest.raises(NotFound, match=r"Storage '_default_' \(instance\): .*u/dev/a"):
        await objects.head(dev, HERE)


DENIED: dict[str, Callable[[Objects, Principal, Address], object]] = {
    "head": lambda o, who, at: o.head(who, at),
    "get": lambda o, who, at: o.get(who, at),
    "put": lambda o, who, at: o.put(who, at, body(b"x")),
    "delete": lambda o, who, at: o.delete(who, at),
    "copy from": lambda o, who, at: o.copy(who, at, HERE),
    "copy to": lambda o, who, at: o.copy(who, HERE, at),
    "move from": lambda o, who, at: o.move(who, at, HERE),
    "move to": lambda o, who, at: o.move(who, HERE, at),
    "scan": lambda o, who, at: o.scan(who, at),
    "scan folder": lambda o, who, at: o.scan_folder(who, at),
    "sign": lambda o, who, at: o.sign(who, "GET", at, expires_s=60),
    "start": lambda o, who, at: o.uploads.start(who, at),
    "put part": lambda o, who, at: o.uploads.put_part(who, at, uuid4(), 1, body(b"x")),
    "complete": lambda o, who, at: o.uploads.complete(who, at, uuid4()),
    "abort": lambda o, who, at: o.uploads.abort(who, at, uuid4()),
    "parts": lambda o, who, at: o.uploads.parts(who, at, uuid4()),
    "upload": lambda o, who, at: o.uploads.find(who, at, uuid4()),
}


@pytest.mark.parametrize("key", ["u/ada/a", "u/dev2/a", "U/dev/a", "/u/dev/a", "u//dev/a", "u/ada/../dev/a"])
async def test_a_key_of_somebody_else_is_refused_in_every_way(
    objects: Objects, dev: Principal, ada: Principal, key: str
) -> None:
    """C08, D09: the decision is made on the very text that the store gets."""
    await fill(objects, ada, key, "u/dev/a")
    for act in DENIED.values():
        with pytest.raises(Denied, match="Storage '_default_'"):
            await act(objects, dev, Address("", key))  # type: ignore[misc]
    assert await content(objects, ada, Address("", key)) == key.encode()


async def test_a_copy_needs_the_right_to_read_its_source_when_it_is_made(
    objects: Objects, dev: Principal, ada: Principal
) -> None:
    await fill(objects, ada, "u/ada/secret")
    with pytest.raises(Denied, match="may not read 'u/ada/secret'"):
        await objects.copy(dev, Address("", "u/ada/secret"), Address("", "u/dev/mine"))
    with pytest.raises(NotFound):
        await objects.head(dev, Address("", "u/dev/mine"))


async def test_delete_many_keeps_what_the_caller_may_not_delete(
    objects: Objects, dev: Principal, ada: Principal
) -> None:
    await fill(objects, ada, "u/ada/a", "u/dev/a", "u/dev/b")
    failed = await objects.delete_many(dev, Address(), ["u/ada/a", "u/dev/a", "u/dev/b", "u/dev/none"])
    assert {key: type(error) for key, error in failed.items()} == {"u/ada/a": Denied}
    assert [entry.key for entry in (await objects.scan(ada, Address())).entries] == ["u/ada/a"]


async def test_a_move_takes_the_source_away(objects: Objects, dev: Principal) -> None:
    await fill(objects, dev, "u/dev/a")
    await objects.move(dev, HERE, Address("", "u/dev/b"))
    assert [entry.key for entry in (await objects.scan(dev, Address("", "u/dev/"))).entries] == ["u/dev/b"]
    await objects.move(dev, Address("", "u/dev/b"), Address("", "u/dev/b"))
    assert await content(objects, dev, Address("", "u/dev/b")) == b"u/dev/a"
    await fill(objects, dev, "u/dev/a")
    with pytest.raises(PreconditionFailed):
        await objects.move(dev, HERE, Address("", "u/dev/b"), condition=CREATE)
    assert await content(objects, dev, HERE) == b"u/dev/a"


async def test_a_source_that_is_written_while_it_moves_is_kept(
    objects: Objects, dev: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(objects, dev, "u/dev/a")
    copy = objects.copy

    async def copy_and_write(caller: Principal, source: Address, target: Address, **options: object) -> ObjectInfo:
        info = await copy(caller, source, target, **options)  # type: ignore[arg-type]
        await objects.put(dev, HERE, body(b"newer"))
        return info

    monkeypatch.setattr(objects, "copy", copy_and_write)
    with pytest.raises(Conflict, match="written while it was moved"):
        await objects.move(dev, HERE, Address("", "u/dev/b"))
    assert await content(objects, dev, HERE) == b"newer"


async def test_conditions_reach_the_store(objects: Objects, dev: Principal) -> None:
    first = await objects.put(dev, HERE, body(b"one"), condition=CREATE)
    with pytest.raises(PreconditionFailed, match="Storage '_default_'"):
        await objects.put(dev, HERE, body(b"two"), condition=CREATE)
    await objects.put(dev, HERE, body(b"three"), condition=Condition(etag=first.etag))
    assert await content(objects, dev, HERE) == b"three"


async def test_keys_are_never_changed(objects: Objects, dev: Principal) -> None:
    keys = ["u/dev//a", "u/dev/../ada/a", "u/dev/./a", "u/dev/a/", "u/dev/%2F", "u/dev/e\u0301", "u/dev/\u00e9"]
    await fill(objects, dev, *keys)
    assert sorted(entry.key for entry in (await objects.scan(dev, Address("", "u/dev/"))).entries) == sorted(keys)
    for key in keys:
        assert await content(objects, dev, Address("", key)) == key.encode()


@pytest.mark.parametrize("key", ["", "a\0b", "\ud800", "é" * 513])
async def test_what_is_no_key_is_refused(objects: Objects, ada: Principal, key: str) -> None:
    await fill(objects, ada, "u/dev/a")
    for act in DENIED.values():
        if act not in (DENIED["scan"], DENIED["scan folder"]):
            with pytest.raises(InvalidKey):
                await act(objects, ada, Address("", key))  # type: ignore[misc]


async def test_there_is_no_storage_that_was_not_made(objects: Objects, ada: Principal) -> None:
    for name in ("lake", "no\0", "../main", "x" * 1000, "_default_x"):
        with pytest.raises(NotFound, match="There is no storage"):
            await objects.head(ada, Address(name, "a"))
    for path in ("../x", "u/ada", "u/ada/no\0"):
        with pytest.raises(InvalidPath):
            await objects.head(ada, Address(key="a", resource=path))


async def test_workspaces_share_nothing(api: Api, objects: Objects, ada: Principal) -> None:
    await fill(objects, ada, "u/out/a")
    out = await identity.principal_by_name(api.parts.database, "out@x.org", "other")
    assert (await objects.scan(out, Address())).entries == []
    with pytest.raises(NotFound):
        await objects.get(out, Address("", "u/out/a"))


async def test_a_listing_leaves_out_what_is_not_open_and_says_so(
    objects: Objects, dev: Principal, ada: Principal
) -> None:
    await fill(objects, ada, "u/ada/a", "u/dev/a", "u/dev/b", "windmill_uploads/x")
    page = await objects.scan(dev, Address())
    assert ([entry.key for entry in page.entries], page.marker, page.restricted) == (["u/dev/a", "u/dev/b"], "", True)
    page = await objects.scan(dev, Address("", "u/dev/"))
    assert (len(page.entries), page.restricted) == (2, False)
    page = await objects.scan(ada, Address())
    assert (len(page.entries), page.restricted) == (4, False)
    folders = await objects.scan_folder(dev, Address("", "u/"))
    assert (folders.entries, folders.restricted) == ([Folder("u/dev/")], True)
    folders = await objects.scan_folder(dev, Address())
    assert [entry.prefix for entry in folders.entries if isinstance(entry, Folder)] == ["u/"]


async def test_pages_go_on_exactly_where_they_ended(objects: Objects, dev: Principal, ada: Principal) -> None:
    keys = sorted(f"u/{'dev' if number % 3 else 'ada'}/{number:03}" for number in range(50))
    await fill(objects, ada, *keys)
    found, marker, sizes = [], "", []
    while True:
        page = await objects.scan(dev, Address("", "u/"), after=marker, limit=7)
        found += [entry.key for entry in page.entries]
        sizes.append(len(page.entries))
        if not (marker := page.marker):
            break
    assert found == [key for key in keys if key.startswith("u/dev/")]
    assert sizes == [7, 7, 7, 7, 5]


async def test_a_full_last_page_has_no_marker(objects: Objects, dev: Principal) -> None:
    await fill(objects, dev, "u/dev/a", "u/dev/b")
    page = await objects.scan(dev, Address("", "u/dev/"), limit=2)
    assert (len(page.entries), page.marker) == (2, "")


async def test_one_request_reads_a_bounded_number_of_pages(objects: Objects, dev: Principal, ada: Principal) -> None:
    hidden = MOST_PAGES * PAGE + 5
    await fill(objects, ada, *(f"u/ada/{number:06}" for number in range(hidden)), "u/dev/z")
    first = await objects.scan(dev, Address("", "u/"))
    assert (first.entries, first.restricted, bool(first.marker)) == ([], True, True)
    second = await objects.scan(dev, Address("", "u/"), after=first.marker)
    assert ([entry.key for entry in second.entries], second.marker) == (["u/dev/z"], "")


async def test_an_upload_becomes_an_object_of_its_parts(objects: Objects, dev: Principal) -> None:
    attributes = Attributes(content_type="text/csv", metadata={"a": "b"})
    upload = await objects.uploads.start(dev, HERE, attributes=attributes)
    large = b"x" * MIN_PART_BYTES
    second = await objects.uploads.put_part(dev, HERE, upload, 2, body(b"end"), size_bytes=3)
    await objects.uploads.put_part(dev, HERE, upload, 1, body(b"replaced later"))
    first = await objects.uploads.put_part(dev, HERE, upload, 1, body(large))
    assert [(part.number, part.size_bytes) for part in await objects.uploads.parts(dev, HERE, upload)] == [
        (1, MIN_PART_BYTES),
        (2, 3),
    ]
    assert [part.number for part in await objects.uploads.parts(dev, HERE, upload, after=1)] == [2]
    info = await objects.uploads.complete(dev, HERE, upload, [(1, f'"{first.etag}"'), (2, second.etag)])
    assert info.etag.endswith("-2")
    assert await content(objects, dev, HERE) == large + b"end"
    head = await objects.head(dev, HERE)
    assert head.attributes == attributes
    again = await objects.uploads.complete(dev, HERE, upload)
    assert again.etag == info.etag
    with pytest.raises(NotFound):
        await objects.uploads.put_part(dev, HERE, upload, 3, body(b"late"))
    with pytest.raises(NotFound):
        await objects.uploads.abort(dev, HERE, upload)
    await objects.put(dev, HERE, body(b"other"))
    with pytest.raises(NotFound):
        await objects.uploads.complete(dev, HERE, upload)


async def test_an_upload_is_completed_with_what_is_there_only(objects: Objects, dev: Principal) -> None:
    upload = await objects.uploads.start(dev, HERE)
    with pytest.raises(InvalidPart, match="at least one part"):
        await objects.uploads.complete(dev, HERE, upload)
    first = await objects.uploads.put_part(dev, HERE, upload, 1, body(b"small"))
    second = await objects.uploads.put_part(dev, HERE, upload, 2, body(b"small too"))
    with pytest.raises(InvalidPart, match="Part 3 is not there"):
        await objects.uploads.complete(dev, HERE, upload, [(1, first.etag), (3, second.etag)])
    with pytest.raises(InvalidPart, match="has the ETag"):
        await objects.uploads.complete(dev, HERE, upload, [(1, second.etag)])
    with pytest.raises(InvalidPart, match="in the order"):
        await objects.uploads.complete(dev, HERE, upload, [(2, second.etag), (1, first.etag)])
    with pytest.raises(PartTooSmall, match="Part 1 has 5 bytes"):
        await objects.uploads.complete(dev, HERE, upload)
    await objects.uploads.complete(dev, HERE, upload, [(2, second.etag)])
    assert await content(objects, dev, HERE) == b"small too"


async def test_an_upload_belongs_to_its_key(objects: Objects, dev: Principal, ada: Principal) -> None:
    upload = await objects.uploads.start(ada, Address("", "u/ada/a"))
    for act in ("put part", "complete", "abort", "parts", "upload"):
        with pytest.raises(NotFound, match="no upload"):
            await {
                "put part": lambda: objects.uploads.put_part(dev, HERE, upload, 1, body(b"x")),
                "complete": lambda: objects.uploads.complete(dev, HERE, upload),
                "abort": lambda: objects.uploads.abort(dev, HERE, upload),
                "parts": lambda: objects.uploads.parts(dev, HERE, upload),
                "upload": lambda: objects.uploads.find(dev, HERE, upload),
            }[act]()  # type: ignore[misc,no-untyped-call]


async def test_uploads_are_listed_by_key_and_age_to_who_may_write_them(
    objects: Objects, dev: Principal, ada: Principal
) -> None:
    made = [await objects.uploads.start(dev, Address("", key)) for key in ("u/dev/b", "u/dev/a", "u/dev/a")]
    await objects.uploads.start(ada, Address("", "u/ada/a"))
    expected = [("u/dev/a", made[1]), ("u/dev/a", made[2]), ("u/dev/b", made[0])]
    found: list[tuple[str, UUID]] = []
    after: tuple[str, UUID] = ("", UUID(int=0))
    while page := await objects.uploads.page(dev, Address("", "u/"), after_key=after[0], after_id=after[1], limit=1):
        after = (page[-1].key, page[-1].id)
        found.append(after)
    assert found == expected
    assert len(await objects.uploads.page(ada, Address())) == 4
    assert len(await objects.uploads.page(ada, Address("", "u/dev/b"))) == 1
    await objects.uploads.abort(dev, Address("", "u/dev/b"), made[0])
    assert len(await objects.uploads.page(ada, Address())) == 3


async def test_uploads_that_nobody_goes_on_with_expire(api: Api, objects: Objects, dev: Principal) -> None:
    old, busy, new = [await objects.uploads.start(dev, Address("", f"u/dev/{name}")) for name in ("a", "b", "c")]
    await objects.uploads.put_part(dev, Address("", "u/dev/b"), busy, 1, body(b"x"))
    await api.parts.database.single.execute(
        inline("update object_upload set started_at = now() - interval '8 days' where id = any(:ids)"), ids=[old, busy]
    )
    await objects.uploads.expire()
    assert [each.id for each in await objects.uploads.page(dev, Address("", "u/dev/"))] == [busy, new]


async def test_explain_names_the_rule(objects: Objects, dev: Principal) -> None:
    verdict = await objects.explain(dev, Address("", "u/dev/x"), Access.WRITE)
    assert (verdict.allowed, verdict.index) == (True, 1)
    verdict = await objects.explain(dev, Address("", "u/ada/x"), Access.WRITE)
    assert (verdict.allowed, verdict.index) == (False, len(DEFAULT_RULES) - 1)


WRITES: dict[str, Callable[[Objects, Principal, UUID], object]] = {
    "put": lambda o, who, _: o.put(who, HERE, body(b"late")),
    "put of a known size": lambda o, who, _: o.put(who, HERE, body(b"la", b"te"), size_bytes=4),
    "put of nothing": lambda o, who, _: o.put(who, HERE, body(), size_bytes=0),
    "delete": lambda o, who, _: o.delete(who, HERE),
    "delete many": lambda o, who, _: o.delete_many(who, Address(), [HERE.key]),
    "copy": lambda o, who, _: o.copy(who, Address("", "u/dev/b"), HERE),
    "move": lambda o, who, _: o.move(who, HERE, Address("", "u/dev/c")),
    "start": lambda o, who, _: o.uploads.start(who, HERE),
    "put part": lambda o, who, upload: o.uploads.put_part(who, HERE, upload, 1, body(b"late")),
    "complete": lambda o, who, upload: o.uploads.complete(who, HERE, upload),
    "abort": lambda o, who, upload: o.uploads.abort(who, HERE, upload),
}


async def test_what_a_job_writes_after_it_lost_its_lease_is_refused(api: Api, objects: Objects, dev: Principal) -> None:
    await fill(objects, dev, "u/dev/a", "u/dev/b")
    upload = await objects.uploads.start(dev, HERE)
    await objects.uploads.put_part(dev, HERE, upload, 1, body(b"part"))
    token = job_token.read(JOB_SECRET, await run_job(api.parts, "dev", workspace="main"))
    assert token is not None
    job = await identity.principal_of_job(api.parts.database, token.job_id, 1, "main")
    await objects.put(job, Address("", "u/dev/fine"), body(b"x"), size_bytes=1)
    await api.parts.database.single.execute(
        inline("update job_queue set attempt = attempt + 1 where id = :id"), id=token.job_id
    )
    for act in WRITES.values():
        with pytest.raises(LeaseLost):
            await act(objects, job, upload)  # type: ignore[misc]
    assert await content(objects, dev, HERE) == b"u/dev/a"
    assert [part.size_bytes for part in await objects.uploads.parts(dev, HERE, upload)] == [4]
    assert len((await objects.scan(dev, Address("", "u/dev/"))).entries) == 3


async def accesses(api: Api) -> list[tuple[str, str, str, int | None]]:
    async def read(tx: Transaction) -> list[object_access.Record]:
        return await object_access.page(tx, "main", object_access.Filter(), before=None, limit=100)

    await api.parts.objects.flush_log()
    found = await api.parts.database.run("main", read)
    return [(each.actor, each.access, each.address, each.size_bytes) for each in reversed(found)]


async def test_each_access_to_the_bytes_is_noted(api: Api, objects: Objects, dev: Principal) -> None:
    await objects.put(dev, HERE, body(b"12345"))
    reading = await objects.get(dev, HERE, start=1, end=3)
    await reading.body.aclose()  # type: ignore[attr-defined]
    await objects.head(dev, HERE)
    await objects.flush_log()
    await objects.copy(dev, HERE, Address("", "u/dev/b"))
    await objects.delete_many(dev, Address(), ["u/dev/b", "u/ada/b"])
    with pytest.raises(Denied):
        await objects.get(dev, Address("", "u/ada/a"))
    assert await accesses(api) == [
        ("u/dev", "write", "s3:///u/dev/a", 5),
        ("u/dev", "read", "s3:///u/dev/a", 2),
        ("u/dev", "read", "s3:///u/dev/a", 5),
        ("u/dev", "write", "s3:///u/dev/b", 5),
        ("u/dev", "delete", "s3:///u/dev/b", None),
    ]


async def test_what_of_a_query_means_nothing_is_named(api: Api) -> None:
    """A misspelt filter filters nothing. It is no refusal: clients send what other servers know."""
    listing = "/api/w/main/job_helpers/list_stored_files"
    told = await api.developer.get(listing, params={"max_keys": 10, "prefx": "u/dev/", "später": ""})
    assert told.status_code == 200
    assert told.headers["x-tidemill-passed-over"] == "prefx, sp%C3%A4ter"
    fine = await api.developer.get(listing, params={"max_keys": 10, "prefix": "u/dev/"})
    assert "x-tidemill-passed-over" not in fine.headers
