"""B06: large objects pass through a running Tidemill without being held in memory; nothing stays of those cut off.

`TIDEMILL_SOAK=1` sends ten times as much.
"""

import hashlib
import http.client
import io
import json
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.running import Tidemill, running
from tests.processes import forget_peak, peak_bytes
from tests.reliability.harness import until

MIB = 1024 * 1024
SIZE = (10_240 if os.environ.get("TIDEMILL_SOAK") == "1" else 1024) * MIB
ALLOWED_BYTES = 64 * MIB
IN_PARTS = SIZE // 4
AT_ONCE, EACH = 20, 16 * MIB
CUT_OFF = 200 * MIB
TIMEOUT_S = 300
FORM_START = b"--x\r\nContent-Disposition: form-data; name=file; filename=large.bin\r\n\r\n"
FORM_END = b"\r\n--x--\r\n"


@pytest.fixture(scope="module")
def tidemill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidemill]:
    with running(tmp_path_factory.mktemp("large") / "data") as started:
        assert send(started, helper(started, "upload", "f/large/first"), MIB) == 200  # what is made once is there now
        yield started


def blocks(size: int) -> Iterator[bytes]:
    """Bytes of which no block is like another, made as they are asked for."""
    for number in range(size // MIB):
        yield number.to_bytes(8, "big") * (MIB // 8)


def digest_of(pieces: Iterator[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def helper(tidemill: Tidemill, name: str, key: str) -> str:
    return f"{tidemill.api}/job_helpers/{name}_s3_file?file_key={key}"


def signed(tidemill: Tidemill, operation: str, key: str) -> str:
    """The address of an object at the S3 endpoint."""
    client = tidemill.s3_client()
    url: str = client.generate_presigned_url(operation, Params={"Bucket": "_default_", "Key": key})
    return url


def headers_of(tidemill: Tidemill, url: str) -> dict[str, str]:
    """Who asks, unless the address says so, and the type of a form where one is sent."""
    who = {} if "X-Amz-Signature" in url else {"Authorization": f"Bearer {tidemill.token}"}
    return {**who, "Content-Type": "multipart/form-data; boundary=x"} if "/jobs/run/" in url else who


def request(
    tidemill: Tidemill, method: str, url: str, size: int | None = None, *, body: Iterable[bytes] | None = None
) -> http.client.HTTPConnection:
    """A connection whose answer is due; where there is a size it sent `body`, or else `blocks`."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_S)
    headers = headers_of(tidemill, url)
    if size is not None:
        headers["Content-Length"] = str(size)
        body = blocks(size) if body is None else body
    connection.request(method, f"{place.path}?{place.query}", body, headers)
    return connection


def send(tidemill: Tidemill, url: str, size: int) -> int:
    """The status of an upload."""
    with closing(request(tidemill, "PUT" if "X-Amz-Signature" in url else "POST", url, size)) as connection:
        return connection.getresponse().status


def received(tidemill: Tidemill, url: str) -> str:
    """The digest of what is there."""
    with closing(request(tidemill, "GET", url)) as connection:
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        return digest_of(iter(lambda: answer.read(MIB), b""))


class Blocks(io.RawIOBase):
    """`blocks` as a file that cannot seek."""

    def __init__(self, size: int) -> None:
        self._rest, self._blocks = b"", blocks(size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._blocks, b"")
        taken, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)


def form_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A form with these bytes as its file."""
    yield FORM_START
    yield from pieces
    yield FORM_END


def stored_bytes(tidemill: Tidemill) -> int:
    """What the storage takes up on disk."""
    files = [each for each in (tidemill.data_dir / "storage").rglob("*") if each.is_file()]
    sizes = 0
    for each in files:
        with suppress(FileNotFoundError):  # taken away while we look
            sizes += each.stat().st_size
    return sizes


def test_large_object_goes_in_and_out_in_bounded_memory(tidemill: Tidemill) -> None:
    """In by one door and out by the other."""
    forget_peak(tidemill.process.pid)
    before = peak_bytes(tidemill.process.pid)
    wanted = digest_of(blocks(SIZE))
    assert send(tidemill, helper(tidemill, "upload", "f/large/one"), SIZE) == 200
    assert received(tidemill, signed(tidemill, "get_object", "f/large/one")) == wanted
    assert send(tidemill, signed(tidemill, "put_object", "f/large/two"), SIZE) == 200
    assert received(tidemill, helper(tidemill, "download", "f/large/two")) == wanted
    assert peak_bytes(tidemill.process.pid) - before <= ALLOWED_BYTES


def test_parts_and_ranges_go_in_and_out_in_bounded_memory(tidemill: Tidemill) -> None:
    forget_peak(tidemill.process.pid)
    before = peak_bytes(tidemill.process.pid)
    client = tidemill.s3_client()
    client.upload_fileobj(io.BufferedReader(Blocks(IN_PARTS)), "_default_", "f/large/parts")
    assert "-" in client.head_object(Bucket="_default_", Key="f/large/parts")["ETag"]
    half = IN_PARTS // 2
    digest = hashlib.sha256()
    for wanted in (f"bytes=0-{half - 1}", f"bytes={half}-"):
        body = client.get_object(Bucket="_default_", Key="f/large/parts", Range=wanted)["Body"]
        for piece in body.iter_chunks(MIB):
            digest.update(piece)
    assert digest.hexdigest() == digest_of(blocks(IN_PARTS))
    assert peak_bytes(tidemill.process.pid) - before <= ALLOWED_BYTES


def test_file_of_a_form_goes_in_in_bounded_memory(tidemill: Tidemill) -> None:
    forget_peak(tidemill.process.pid)
    before = peak_bytes(tidemill.process.pid)
    url = f"{tidemill.api}/jobs/run/p/f/demo/watch_scripts"
    size = IN_PARTS + len(FORM_START) + len(FORM_END)
    with closing(request(tidemill, "POST", url, size, body=form_of(blocks(IN_PARTS)))) as connection:
        answer = connection.getresponse()
        job = answer.read().decode()
        assert answer.status == 201, job
    with closing(request(tidemill, "GET", f"{tidemill.api}/jobs_u/get_args/{job}")) as connection:
        (pointer,) = json.load(connection.getresponse())["file"]
    assert received(tidemill, helper(tidemill, "download", pointer["s3"])) == digest_of(blocks(IN_PARTS))
    assert peak_bytes(tidemill.process.pid) - before <= ALLOWED_BYTES


def test_uploads_at_once_are_bounded_together(tidemill: Tidemill) -> None:
    forget_peak(tidemill.process.pid)
    before = peak_bytes(tidemill.process.pid)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        urls = [helper(tidemill, "upload", f"f/large/at_once/{number}") for number in range(AT_ONCE)]
        assert list(threads.map(lambda url: send(tidemill, url, EACH), urls)) == [200] * AT_ONCE
    assert peak_bytes(tidemill.process.pid) - before <= 2 * ALLOWED_BYTES
    wanted = digest_of(blocks(EACH))
    assert received(tidemill, helper(tidemill, "download", "f/large/at_once/7")) == wanted


def doors(tidemill: Tidemill, key: str) -> dict[str, tuple[str, str]]:
    """Ways to put something: method and address."""
    return {
        "helper": ("POST", helper(tidemill, "upload", key)),
        "S3": ("PUT", signed(tidemill, "put_object", key)),
        "form": ("POST", f"{tidemill.api}/jobs/run/p/f/demo/watch_scripts"),
    }


@pytest.mark.parametrize("door", ["helper", "S3", "form"])
def test_nothing_stays_of_an_upload_whose_client_vanishes(tidemill: Tidemill, door: str) -> None:
    key, before = f"f/large/cut_off_by_{door}", stored_bytes(tidemill)
    method, url = doors(tidemill, key)[door]
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=TIMEOUT_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # gone, and not closed
        headers = {**headers_of(tidemill, url), "Host": place.netloc, "Content-Length": str(CUT_OFF)}
        lines = [f"{method} {place.path}?{place.query} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        sent = blocks(CUT_OFF * 9 // 10)
        for block in form_of(sent) if door == "form" else sent:
            if block != FORM_END:
                connection.sendall(block)
        until(lambda: stored_bytes(tidemill) > before + CUT_OFF // 2)
    until(lambda: stored_bytes(tidemill) < before + MIB)
    with closing(request(tidemill, "GET", helper(tidemill, "download", key))) as asked:
        assert asked.getresponse().status == 404
