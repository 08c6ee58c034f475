"""A load on an S3 endpoint by a published client, the same whether the endpoint is ours or the server behind it.

Arguments: client, endpoint, access key, secret key, bucket. Each line of stdin is an order (JSON: `work` with its
arguments); the answer is the seconds that it took. It needs nothing but the client, so that any interpreter runs it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

PIECE_BYTES = 1024 * 1024


class Boto3:
    """Amazon's client."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str) -> None:
        import boto3
        from botocore.config import Config

        self.bucket = bucket
        self.client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=32),
        )

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=content)

    def get(self, key: str) -> int:
        body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"]
        return sum(map(len, body.iter_chunks(PIECE_BYTES)))

    def put_file(self, key: str, path: str) -> None:
        self.client.upload_file(path, self.bucket, key)

    def count(self, prefix: str) -> int:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sum(len(page.get("Contents", ())) for page in pages)


class Obstore:
    """The client in Rust that we use ourselves."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str) -> None:
        from obstore.store import S3Store

        self.store = S3Store(
            bucket,
            endpoint=endpoint,
            access_key_id=access_key,
            secret_access_key=secret_key,
            region="us-east-1",
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )

    def put(self, key: str, content: bytes) -> None:
        self.store.put(key, content)

    def get(self, key: str) -> int:
        return sum(map(len, self.store.get(key).stream(min_chunk_size=PIECE_BYTES)))

    def put_file(self, key: str, path: str) -> None:
        from pathlib import Path

        self.store.put(key, Path(path))

    def count(self, prefix: str) -> int:
        return sum(map(len, self.store.list(prefix, chunk_size=1000)))


class S3fs:
    """The file system of pandas, Dask and their like."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, bucket: str) -> None:
        import s3fs

        self.bucket = bucket
        self.system = s3fs.S3FileSystem(
            key=access_key,
            secret=secret_key,
            endpoint_url=endpoint,
            client_kwargs={"region_name": "us-east-1"},
            use_listings_cache=False,
            skip_instance_cache=True,
        )

    def put(self, key: str, content: bytes) -> None:
        self.system.pipe_file(f"{self.bucket}/{key}", content)

    def get(self, key: str) -> int:
        return len(self.system.cat_file(f"{self.bucket}/{key}"))

    def put_file(self, key: str, path: str) -> None:
        self.system.put_file(path, f"{self.bucket}/{key}")

    def count(self, prefix: str) -> int:
        return len(self.system.find(f"{self.bucket}/{prefix}"))


Client = Boto3 | Obstore | S3fs
CLIENTS = {"boto3": Boto3, "obstore": Obstore, "s3fs": S3fs}


def put_many(client: Client, *, prefix: str, count: int, size_bytes: int, at_once: int) -> None:
    content = os.urandom(size_bytes)
    together(at_once, lambda number: client.put(f"{prefix}{number:06}", content), range(count))


def get_many(client: Client, *, prefix: str, count: int, size_bytes: int, at_once: int) -> None:
    def get(number: int) -> None:
        assert client.get(f"{prefix}{number:06}") == size_bytes

    together(at_once, get, range(count))


def put_file(client: Client, *, key: str, path: str) -> None:
    client.put_file(key, path)


def get_file(client: Client, *, key: str, path: str) -> None:
    assert client.get(key) == os.stat(path).st_size  # noqa: PTH116


def count_keys(client: Client, *, prefix: str, count: int) -> None:
    found = client.count(prefix)
    assert found == count, (found, count)


def together(at_once: int, act: Callable[[int], None], numbers: Iterable[int]) -> None:
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(act, numbers):
            pass


WORK: dict[str, Callable[..., None]] = {
    each.__name__: each for each in (put_many, get_many, put_file, get_file, count_keys)
}


def main(kind: str, *access: str) -> None:
    client = CLIENTS[kind](*access)
    print("ready", flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        work = WORK[order.pop("work")]
        start = time.perf_counter()
        work(client, **order)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
