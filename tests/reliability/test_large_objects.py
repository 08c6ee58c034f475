"""B06: large objects pass through a running Tidemill without being held in memory; nothing stays of those cut off.

`TIDEMILL_SOAK=1` sends ten times as much.
"""

import hashlib
import http.client
import os
import socket
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from tests.end_to_end.running import Tidemill, running
from tests.processes import forget_peak, peak_bytes
from tests.reliability.harness import until

MIB = 1024 * 1024
SIZE = (10_240 if os.environ.get("TIDEMILL_SOAK") == "1" else 1024) * MIB
ALLOWED_BYTES = 64 * MIB
AT_ONCE, EACH = 20, 16 * MIB
CUT_OFF = 200 * MIB
TIMEOUT_S = 300


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


def request(tidemill: Tidemill, method: str, url: str, size: int | None = None) -> http.client.HTTPConnection:
    """A connection whose answer is due, with `blocks` as the body of the request."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=TIMEOUT_S)
    headers = {} if "X-Amz-Signature" in url else {"Authorization": f"Bearer {tidemill.token}"}
    if size is not None:
        headers["Content-Length"] = str(size)
    connection.request(method, f"{place.path}?{place.query}", None if size is None else blocks(size), headers)
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


def stored_bytes(tidemill: Tidemill) -> int:
    """What the storage takes up on disk."""
    files = [each for each in (tidemill.data_dir / "storage").rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)


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


def test_uploads_at_once_are_bounded_together(tidemill: Tidemill) -> None:
    forget_peak(tidemill.process.pid)
    before = peak_bytes(tidemill.process.pid)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        urls = [helper(tidemill, "upload", f"f/large/at_once/{number}") for number in range(AT_ONCE)]
        assert list(threads.map(lambda url: send(tidemill, url, EACH), urls)) == [200] * AT_ONCE
    assert peak_bytes(tidemill.process.pid) - before <= 2 * ALLOWED_BYTES
    wanted = digest_of(blocks(EACH))
    assert received(tidemill, helper(tidemill, "download", "f/large/at_once/7")) == wanted


@pytest.mark.parametrize("door", ["upload", "put_object"])
def test_nothing_stays_of_an_upload_whose_client_vanishes(tidemill: Tidemill, door: str) -> None:
    key, before = f"f/large/cut_off_{door}", stored_bytes(tidemill)
    url = helper(tidemill, door, key) if door == "upload" else signed(tidemill, door, key)
    place = urlsplit(url)
    with socket.create_connection((place.hostname, place.port), timeout=TIMEOUT_S) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # gone, and not closed
        method, credential = (
            ("POST", f"Authorization: Bearer {tidemill.token}\r\n") if door == "upload" else ("PUT", "")
        )
        head = f"{method} {place.path}?{place.query} HTTP/1.1\r\nHost: {place.netloc}\r\n{credential}"
        connection.sendall(f"{head}Content-Length: {CUT_OFF}\r\n\r\n".encode())
        for block in blocks(CUT_OFF * 9 // 10):
            connection.sendall(block)
        assert stored_bytes(tidemill) > before + CUT_OFF // 2
    until(lambda: stored_bytes(tidemill) < before + MIB)
    with closing(request(tidemill, "GET", helper(tidemill, "download", key))) as asked:
        assert asked.getresponse().status == 404
