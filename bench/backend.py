"""The S3 server that the object measurements put behind Tidemill, and speak to directly: Ceph, in memory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

import boto3
from botocore.config import Config

from tests import object_servers_ceph as ceph
from tests.processes import Processes

BUCKET = "bench"


@dataclass(frozen=True)
class Access:
    """How a client reaches a bucket."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str

    @property
    def resource(self) -> dict[str, object]:
        """As the value of a resource of the type `s3`."""
        return {
            "bucket": self.bucket,
            "region": "us-east-1",
            "useSSL": False,
            "endPoint": self.endpoint,
            "accessKey": self.access_key,
            "secretKey": self.secret_key,
            "pathStyle": True,
        }


@contextmanager
def backend() -> Iterator[Access]:
    """A running server with an empty bucket.

    Raises:
        RuntimeError: its programs are not on this machine.
    """
    if missing := ceph.missing_programs():
        raise RuntimeError(f"{', '.join(missing)} not here (Debian: apt-get install ceph-mon ceph-osd radosgw)")
    folder = Path(tempfile.mkdtemp(prefix="tidemill-ceph-"))
    processes = Processes(folder)
    try:
        access = Access(ceph.start(folder, processes), ceph.ACCESS_KEY, ceph.SECRET_KEY, BUCKET)
        client = boto3.client(
            "s3",
            endpoint_url=access.endpoint,
            aws_access_key_id=access.access_key,
            aws_secret_access_key=access.secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket=BUCKET)
        yield access
    finally:
        processes.stop()
        rmtree(folder, ignore_errors=True)
