"""No request to the S3 endpoint passes whose signature is not that of its sender for it and now (C09).

Every way to sign, every operation, every fault: 403, and nothing has changed.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import pytest

from tests.api.conftest import Api, new_client
from tidemill.db import storages
from tidemill.db.identity import principal_by_name
from tidemill.db.queries import inline
from tidemill.engine import sigv4
from tidemill.engine.object_rules import parse_rule
from tidemill.engine.sigv4 import EMPTY_SHA256, Keys, Request, Scope
from tidemill.model.object_address import Address
from tidemill.server import auth
from tidemill.server.s3 import credentials
from tidemill.server.s3.credentials import S3Credentials
from tidemill.server.s3.gateway import Gateway
from tidemill.stores.objects.port import ObjectInfo

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOST = "s3.tidemill.test"
REGION = "us-east-1"
UPLOAD = "018f0000-0000-7000-8000-000000000001"
DELETE = b"<Delete><Object><Key>there</Key></Object></Delete>"
TAGS = b"<Tagging><TagSet/></Tagging>"
COMPLETE = b'<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"0"</ETag></Part></CompleteMultipartUpload>'
COPY = {"x-amz-copy-source": "/_default_/there"}


@dataclass(frozen=True)
class Operation:
    """A request of S3, unsigned."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


B, K = "/_default_", "/_default_/there"
OPERATIONS = {
    "ListBuckets": Operation("GET", "/"),
    "CreateBucket": Operation("PUT", "/fresh"),
    "DeleteBucket": Operation("DELETE", "/empty"),
    "HeadBucket": Operation("HEAD", B),
    "GetBucketLocation": Operation("GET", B, {"location": ""}),
    "ListObjects": Operation("GET", B),
    "ListObjectsV2": Operation("GET", B, {"list-type": "2", "prefix": "t"}),
    "ListMultipartUploads": Operation("GET", B, {"uploads": ""}),
    "DeleteObjects": Operation("POST", B, {"delete": ""}, body=DELETE),
    "GetObject": Operation("GET", K),
    "GetObject (range)": Operation("GET", K, headers={"range": "bytes=0-1"}),
    "HeadObject": Operation("HEAD", K),
    "PutObject": Operation("PUT", K, body=b"other"),
    "PutObject (new)": Operation("PUT", "/_default_/new", body=b"other"),
    "CopyObject": Operation("PUT", "/_default_/new", headers=COPY),
    "DeleteObject": Operation("DELETE", K),
    "GetObjectTagging": Operation("GET", K, {"tagging": ""}),
    "PutObjectTagging": Operation("PUT", K, {"tagging": ""}, body=TAGS),
    "DeleteObjectTagging": Operation("DELETE", K, {"tagging": ""}),
    "CreateMultipartUpload": Operation("POST", K, {"uploads": ""}),
    "UploadPart": Operation("PUT", K, {"partNumber": "1", "uploadId": UPLOAD}, body=b"part"),
    "UploadPartCopy": Operation("PUT", K, {"partNumber": "1", "uploadId": UPLOAD}, COPY),
    "ListParts": Operation("GET", K, {"uploadId": UPLOAD}),
    "CompleteMultipartUpload": Operation("POST", K, {"uploadId": UPLOAD}, body=COMPLETE),
    "AbortMultipartUpload": Operation("DELETE", K, {"uploadId": UPLOAD}),
}


@dataclass(frozen=True)
class Sent:
    """A request as it goes out. `query` may hold a name twice."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


def chunked(body: bytes, *, key: bytes, claim: str, scope: Scope, moment: str, trailer: str) -> bytes:
    """The body in signed chunks of two bytes."""
    previous, sent = claim, b""
    for chunk in (*(body[place : place + 2] for place in range(0, len(body), 2)), b""):
        text = sigv4.chunk_to_sign(moment, scope, previous=previous, sha256=hashlib.sha256(chunk).hexdigest())
        previous = sigv4.signature(key, text)
        sent += b"%x;chunk-signature=%s\r\n%s" % (len(chunk), previous.encode(), chunk + b"\r\n" if chunk else b"")
    if trailer:
        hashed = hashlib.sha256(f"{trailer}\n".encode()).hexdigest()
        signature = sigv4.signature(key, sigv4.trailer_to_sign(moment, scope, previous=previous, sha256=hashed))
        sent += f"{trailer}\r\nx-amz-trailer-signature:{signature}\r\n".encode()
    return sent + b"\r\n"


def sha256_trailer(body: bytes) -> str:
    return f"x-amz-checksum-sha256:{base64.b64encode(hashlib.sha256(body).digest()).decode()}"


def by_header(payload: str) -> Callable[..., Sent]:
    """Signs in the `Authorization` header, with the body sent as `payload` says ("": its hash)."""

    def sign(operation: Operation, keys: Keys, *, moment: datetime = NOW) -> Sent:
        headers = {"host": HOST, **operation.headers}
        streamed = payload.startswith("STREAMING")
        if streamed:
            headers |= {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(operation.body))}
        if payload.endswith("TRAILER"):
            headers["x-amz-trailer"] = "x-amz-checksum-sha256"
        hashed = payload or hashlib.sha256(operation.body).hexdigest()
        request = Request(operation.method, operation.path, list(operation.query.items()), list(headers.items()))
        added = sigv4.sign(request, keys, region=REGION, moment=moment, payload_hash=hashed)
        body = operation.body
        if payload == sigv4.STREAMING_UNSIGNED_TRAILER:
            body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
            body += f"0\r\n{sha256_trailer(operation.body)}\r\n\r\n".encode()
        elif streamed:
            scope = Scope(sigv4.time_text(moment)[:8], REGION)
            body = chunked(
                body, key=sigv4.signing_key(keys.secret_key, scope), claim=added["authorization"][-64:], scope=scope,
                moment=added["x-amz-date"], trailer=sha256_trailer(body) if payload.endswith("TRAILER") else "",
            )  # fmt: skip
        return Sent(operation.method, operation.path, list(operation.query.items()), {**headers, **added}, body)

    return sign


def by_query(operation: Operation, keys: Keys, *, moment: datetime = NOW) -> Sent:
    headers = {"host": HOST, **operation.headers}
    request = Request(operation.method, operation.path, list(operation.query.items()), list(headers.items()))
    query = sigv4.presign(request, keys, region=REGION, moment=moment, expires_s=60)
    return Sent(operation.method, operation.path, parse_qsl(query, keep_blank_values=True), headers, operation.body)


WAYS: dict[str, Callable[..., Sent]] = {
    "sha256": by_header(""),
    "unsigned": by_header(sigv4.UNSIGNED),
    "chunks": by_header(sigv4.STREAMING),
    "chunks and trailer": by_header(sigv4.STREAMING_TRAILER),
    "unsigned chunks and trailer": by_header(sigv4.STREAMING_UNSIGNED_TRAILER),
    "query": by_query,
}


@dataclass
class World:
    """The endpoint with two objects and an empty storage, of which an admin has the keys."""

    api: Api
    keys: Keys
    http: httpx.AsyncClient

    async def send(self, sent: Sent) -> httpx.Response:
        query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sent.query)
        url = f"http://{HOST}{quote(sent.path)}" + (f"?{query}" if query else "")
        return await self.http.request(sent.method, url, headers=sent.headers, content=sent.body)

    async def state(self) -> tuple[list[ObjectInfo], list[str], int]:
        """All that a request could change."""
        admin = await principal_by_name(self.api.parts.database, "ada@x.org", "main")
        objects = self.api.parts.objects
        found = await objects.scan(admin, Address())
        made = [each.name for each in await storages.all_of(self.api.parts.database.single, "main")]
        return found.entries, made, len(await objects.uploads.page(admin, Address()))


@pytest.fixture
async def world(api: Api) -> World:
    made = await keys_of(api, "ada")
    http = await new_client(api.stack, Gateway(api.parts, clock=lambda: NOW), "")
    world = World(api, made, http)
    for path in ("/_default_/there", "/_default_/deny/there", "/empty"):
        answer = await world.send(WAYS["sha256"](Operation("PUT", path, body=b""), made))
        assert answer.status_code == 200, answer.text
    return world


async def keys_of(api: Api, username: str, **options: Any) -> Keys:
    token = await api.token(f"{username}@x.org", **options)
    return keys_from(credentials.of_token(api.parts, auth.hash_of(token), "main"))


def keys_from(made: S3Credentials) -> Keys:
    return Keys(made.access_key, made.secret_key)


def edited(sent: Sent) -> Sent:
    """The last digit of the signature is another."""

    def other(text: str) -> str:
        return text[:-1] + ("0" if text[-1] != "0" else "1")

    query = [(name, other(value) if name == "X-Amz-Signature" else value) for name, value in sent.query]
    headers = {name: other(value) if name == "authorization" else value for name, value in sent.headers.items()}
    return replace(sent, query=query, headers=headers)


def faults(way: str, operation: Operation, keys: Keys) -> Iterator[tuple[str, Sent]]:
    """What must not pass: its name, and the request."""
    sign = WAYS[way]
    sent = sign(operation, keys)
    yield "wrong secret", sign(operation, replace(keys, secret_key="wrong"))
    yield "unknown key", sign(operation, replace(keys, access_key="TMKUNKNOWN"))
    yield "edited signature", edited(sent)
    yield "other method", replace(sent, method="PUT" if operation.method == "GET" else "GET")
    yield "other path", replace(sent, path=sent.path + "x")
    yield "other query", replace(sent, query=[*sent.query, ("versionId", "null")])
    yield "other host", replace(sent, headers={**sent.headers, "host": "evil.test"})
    yield "unsigned header", replace(sent, headers={**sent.headers, "x-amz-meta-a": "1"})
    yield "16 minutes ahead", sign(operation, keys, moment=NOW + timedelta(minutes=16))
    if way == "query":
        yield "expired", sign(operation, keys, moment=NOW - timedelta(seconds=61))
        longer = [(name, "600" if name == "X-Amz-Expires" else value) for name, value in sent.query]
        yield "longer than signed", replace(sent, query=longer)
    else:
        yield "16 minutes behind", sign(operation, keys, moment=NOW - timedelta(minutes=16))
        bare = {name: value for name, value in sent.headers.items() if name != "authorization"}
        yield "no header", replace(sent, headers=bare)
        other = {**sent.headers, "x-amz-content-sha256": EMPTY_SHA256 if operation.body else sigv4.UNSIGNED}
        if way == "sha256":
            yield "other hash of the body", replace(sent, headers=other)


def test_there_are_enough_cases() -> None:
    count = sum(1 for way in WAYS for each in OPERATIONS.values() for _ in faults(way, each, Keys("k", "s")))
    assert count >= 300


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_not_signed_rightly_is_refused_and_changes_nothing(world: World, way: str) -> None:
    before = await world.state()
    wrong = []
    for name, operation in OPERATIONS.items():
        for fault, sent in faults(way, operation, world.keys):
            answer = await world.send(sent)
            if answer.status_code != 403:
                wrong.append(f"{name}, {fault}: {answer.status_code} {answer.text[:200]}")
    assert wrong == []
    assert await world.state() == before


@pytest.mark.parametrize("way", WAYS)
async def test_what_is_signed_rightly_is_not(world: World, way: str) -> None:
    """Else the test above would prove nothing."""
    for name, operation in OPERATIONS.items():
        answer = await world.send(WAYS[way](operation, world.keys))
        assert answer.status_code != 403, (name, answer.text)
        assert answer.status_code < 300 or answer.status_code == 404, (name, answer.text)  # deleted, or never begun


async def test_a_credential_in_the_query_without_its_signature_is_refused(world: World) -> None:
    """An endpoint that takes "there is a credential" for "it is signed" lets everybody write."""
    before = await world.state()
    for name, operation in OPERATIONS.items():
        sent = by_query(operation, world.keys)
        for left_out in ("X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Algorithm", "X-Amz-Date", "X-Amz-Expires"):
            query = [pair for pair in sent.query if pair[0] != left_out]
            answer = await world.send(replace(sent, query=query))
            assert answer.status_code in {400, 403}, (name, left_out)
        bare = [(n, v) for n, v in sent.query if n == "X-Amz-Credential"] + list(operation.query.items())
        chunks = {**operation.headers, "x-amz-content-sha256": sigv4.STREAMING_UNSIGNED_TRAILER,
                  "x-amz-decoded-content-length": str(len(operation.body)), "host": HOST}  # fmt: skip
        answer = await world.send(Sent(operation.method, operation.path, bare, chunks, operation.body))
        assert answer.status_code in {400, 403}, name
    assert await world.state() == before


@pytest.mark.parametrize("payload", [sigv4.STREAMING, sigv4.STREAMING_TRAILER])
@pytest.mark.parametrize("name", ["PutObject", "PutObject (new)", "UploadPart", "DeleteObjects", "PutObjectTagging"])
async def test_a_wrong_signature_of_the_second_chunk_writes_nothing(world: World, payload: str, name: str) -> None:
    before = await world.state()
    operation = OPERATIONS[name]
    if "uploadId" in operation.query:
        begun = await world.send(WAYS["sha256"](OPERATIONS["CreateMultipartUpload"], world.keys))
        upload = begun.text.partition("<UploadId>")[2].partition("<")[0]
        operation = replace(operation, query={**operation.query, "uploadId": upload})
        before = await world.state()
    sent = by_header(payload)(operation, world.keys)
    lines = sent.body.split(b"\r\n")
    assert b"chunk-signature=" in lines[2]
    lines[2] = lines[2][:-1] + (b"0" if lines[2][-1:] != b"0" else b"1")
    answer = await world.send(replace(sent, body=b"\r\n".join(lines)))
    assert (answer.status_code, "SignatureDoesNotMatch" in answer.text) == (403, True)
    cut = b"\r\n".join(sent.body.split(b"\r\n")[:2]) + b"\r\n"
    assert (await world.send(replace(sent, body=cut))).status_code == 400
    assert await world.state() == before


async def test_a_trailer_that_is_wrong_or_unsigned_writes_nothing(world: World) -> None:
    before = await world.state()
    for name in ("PutObject", "PutObject (new)"):
        sent = by_header(sigv4.STREAMING_TRAILER)(OPERATIONS[name], world.keys)
        place = sent.body.index(b"x-amz-trailer-signature:") + len(b"x-amz-trailer-signature:")
        answer = await world.send(replace(sent, body=sent.body[:place] + b"0" * 64 + b"\r\n\r\n"))
        assert answer.status_code == 403
        without = sent.body[: sent.body.index(b"x-amz-trailer-signature:")] + b"\r\n"
        assert (await world.send(replace(sent, body=without))).status_code == 403
        unsigned = by_header(sigv4.STREAMING_UNSIGNED_TRAILER)(OPERATIONS[name], world.keys)
        assert (await world.send(replace(unsigned, body=unsigned.body.replace(b"other", b"0ther")))).status_code == 400
    assert await world.state() == before


async def test_a_rule_that_denies_wins_over_a_signature(world: World) -> None:
    """And over a rule further down that allows."""
    rules = (parse_rule("deny/**", ""), parse_rule("**", "read,write,delete,list"))
    async with world.api.parts.database.transaction("main") as tx:
        await storages.replace(
            tx, "main", [storages.Setting(name="_default_", rules=rules), storages.Setting(name="empty")], actor="u/ada"
        )
    keys = await keys_of(world.api, "dev")
    before = await world.state()
    for way, sign in WAYS.items():
        for name, operation in OPERATIONS.items():
            if operation.path != K:
                continue
            answer = await world.send(sign(replace(operation, path="/_default_/deny/there"), keys))
            assert answer.status_code == 403, (way, name, answer.text)
        listing = replace(OPERATIONS["ListObjectsV2"], query={"list-type": "2", "prefix": "deny/"})
        assert (await world.send(sign(listing, keys))).status_code == 403
    assert await world.state() == before
    assert (await world.send(WAYS["sha256"](OPERATIONS["GetObject"], keys))).status_code == 200


READS_ONLY = ("HeadBucket", "GetBucketLocation", "ListObjects", "ListObjectsV2", "GetObject", "HeadObject")
WRITES = [name for name, operation in OPERATIONS.items() if operation.method in {"PUT", "POST", "DELETE"}]


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"read_only": True}, WRITES),
        ({"scopes": ["job_helpers:read"]}, WRITES),
        ({"scopes": ["job_helpers:write"]}, READS_ONLY),
        ({"scopes": []}, list(OPERATIONS)),
        ({"scopes": ["variables:read"]}, list(OPERATIONS)),
    ],
    ids=str,
)  # fmt: skip
async def test_a_token_reaches_no_further_here(world: World, options: dict[str, Any], refused: list[str]) -> None:
    keys = await keys_of(world.api, "ada", **options)
    before = await world.state()
    for name in refused:
        for way in ("sha256", "query"):
            assert (await world.send(WAYS[way](OPERATIONS[name], keys))).status_code == 403, (name, way)
    assert await world.state() == before


async def test_who_is_gone_is_refused(world: World) -> None:
    """A revoked token, a disabled member, another workspace, a job that has ended or lost its lease: at once."""
    api, operation = world.api, OPERATIONS["GetObject"]
    elsewhere = await keys_of(api, "out")
    assert (await world.send(WAYS["sha256"](operation, elsewhere))).status_code == 403
    developer = await api.client(await api.token("dev@x.org"))
    token = developer.headers["authorization"].removeprefix("Bearer ")
    revoked = keys_from(credentials.of_token(api.parts, auth.hash_of(token), "main"))
    assert (await developer.delete(f"/api/users/tokens/delete/{token[:10]}")).status_code == 200
    assert "InvalidAccessKeyId" in (await world.send(WAYS["sha256"](operation, revoked))).text
    disabled = await keys_of(api, "op")
    assert (await api.admin.post("/api/w/main/users/update/op", json={"disabled": True})).status_code == 200
    assert (await world.send(WAYS["sha256"](operation, disabled))).status_code == 403
    job = (await api.job("ada")).headers["authorization"].removeprefix("Bearer ")
    keys = keys_from(credentials.of_job(job))
    assert (await world.send(WAYS["sha256"](operation, keys))).status_code == 200
    await api.parts.database.single.execute(inline("delete from job_queue"))
    answer = await world.send(WAYS["sha256"](operation, keys))
    assert (answer.status_code, "ExpiredToken" in answer.text) == (400, True)


async def test_the_workspace_of_the_address_is_that_of_the_key(world: World) -> None:
    operation = OPERATIONS["GetObject"]
    app = await world.api.client()
    for workspace, wanted in (("main", 200), ("other", 403), ("none", 403)):
        at = replace(operation, path=f"/api/w/{workspace}/s3_proxy{operation.path}")
        sent = WAYS["sha256"](at, world.keys, moment=datetime.now(UTC))
        answer = await app.request("GET", f"http://{HOST}{at.path}", headers=sent.headers)
        assert answer.status_code == wanted, answer.text


@pytest.mark.parametrize("change", ["secret", "expired", "other key", "too large", "other field", "no policy"])
async def test_a_form_is_taken_as_its_policy_says(world: World, change: str) -> None:
    before = await world.state()
    answer = await world.send(form(world.keys, change=change))
    assert answer.status_code == (400 if change == "too large" else 403), answer.text
    assert await world.state() == before
    assert (await world.send(form(world.keys))).status_code == 204
    assert await world.state() != before


def form(keys: Keys, *, change: str = "") -> Sent:
    """A form that uploads `formed`; `change` says what is wrong with it."""
    scope = Scope(sigv4.time_text(NOW)[:8], REGION)
    expiration = NOW + timedelta(seconds=-1 if change == "expired" else 60)
    named = {"x-amz-algorithm": sigv4.ALGORITHM, "x-amz-credential": f"{keys.access_key}/{scope}",
             "x-amz-date": sigv4.time_text(NOW)}  # fmt: skip
    conditions: list[object] = [
        {"bucket": "_default_"},
        ["starts-with", "$key", "form"],
        ["content-length-range", 1, 5],
    ]
    conditions += [{name: value} for name, value in named.items()]
    policy = base64.b64encode(
        json.dumps({"expiration": expiration.isoformat(), "conditions": conditions}).encode()
    ).decode()
    secret = "wrong" if change == "secret" else keys.secret_key
    fields = {
        "key": "other" if change == "other key" else "formed",
        **named,
        **({"x-amz-meta-a": "1"} if change == "other field" else {}),
        **({} if change == "no policy" else {"policy": policy}),
        "x-amz-signature": sigv4.signature(sigv4.signing_key(secret, scope), policy),
    }
    parts = "".join(f'--bb\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    file = "123456" if change == "too large" else "12345"
    parts += f'--bb\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n{file}\r\n--bb--\r\n'
    headers = {"host": HOST, "content-type": "multipart/form-data; boundary=bb"}
    return Sent("POST", "/_default_", [], headers, parts.encode())
