"""What S3 clients do with a storage of Tidemill: each writes, reads, lists and removes as its users do.

S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY and S3_BUCKETS (separated by commas) say where; AT is a folder of its own. Not
below HTTPS: what each does differently there is signed and sent in other ways, which the tests of the API go through.
"""

import io
import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import boto3
import duckdb
import duckdb_extension_httpfs
import minio
import outcomes
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet
import rclone_api
import s3fs
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError
from minio.commonconfig import ComposeSource
from minio.deleteobjects import DeleteObject

# ruff: noqa: PT009  # pytest is not in the environments that this runs in

ENDPOINT, ACCESS_KEY, SECRET_KEY, AT = (
    os.environ[name] for name in ("S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "AT")
)
MIB = 1024 * 1024
ROWS = 50_000
LARGE = os.urandom(MIB) * 11 + b"odd"


def table() -> pa.Table:
    return pa.table({"n": range(ROWS), "name": [f"Zeile {number % 97} ü" for number in range(ROWS)]})


class Clients(unittest.TestCase):
    maxDiff = None
    bucket: str

    def setUp(self) -> None:
        self.folder = f"{AT}/{self.id().rpartition('.')[2]}"
        self.root = f"{self.bucket}/{self.folder}"
        self.s3 = boto3.client(
            "s3",
            endpoint_url=ENDPOINT,
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )

    def keys(self) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{self.folder}/")
        return [each["Key"].removeprefix(f"{self.folder}/") for page in pages for each in page.get("Contents", [])]

    # boto3: also with the checksums that need Amazon's runtime, whose client sends them itself

    def test_boto3_sends_every_checksum(self) -> None:
        for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
            with self.subTest(algorithm):
                key = f"{self.folder}/{algorithm}"
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"hello", ChecksumAlgorithm=algorithm)
                found = self.s3.get_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
                self.assertTrue(found[f"Checksum{algorithm}"])
                self.assertEqual(found["Body"].read(), b"hello")

    def test_boto3_uploads_in_parts_with_every_checksum(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            source, back = Path(folder, "source"), Path(folder, "back")
            source.write_bytes(LARGE)
            for algorithm in ("CRC32", "CRC32C", "CRC64NVME", "SHA256"):
                with self.subTest(algorithm):
                    key = f"{self.folder}/{algorithm}"
                    self.s3.upload_file(str(source), self.bucket, key, ExtraArgs={"ChecksumAlgorithm": algorithm})
                    head = self.s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
                    self.assertTrue(head[f"Checksum{algorithm}"])
                    self.s3.download_file(self.bucket, key, str(back))
                    self.assertEqual(back.read_bytes(), LARGE)

    def test_boto3_streams_what_cannot_seek(self) -> None:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as sink:
            sink.write(b"x" * 1000)
        with os.fdopen(reading, "rb") as source:
            self.s3.upload_fileobj(
                source, self.bucket, f"{self.folder}/piped", Config=TransferConfig(use_threads=False)
            )
        self.assertEqual(self.s3.head_object(Bucket=self.bucket, Key=f"{self.folder}/piped")["ContentLength"], 1000)

    def test_boto3_puts_lists_copies_and_deletes(self) -> None:
        bucket, a, b = self.bucket, f"{self.folder}/a", f"{self.folder}/b"
        self.s3.put_object(Bucket=bucket, Key=a, Body=b"hello", Metadata={"who": "ann"}, Tagging="x=1", IfNoneMatch="*")
        with self.assertRaises(ClientError) as caught:  # noqa: PT027
            self.s3.put_object(Bucket=bucket, Key=a, Body=b"again", IfNoneMatch="*")
        self.assertEqual(caught.exception.response["Error"]["Code"], "PreconditionFailed")
        upload = {"Bucket": bucket, "Key": b}
        upload["UploadId"] = self.s3.create_multipart_upload(**upload, ContentType="text/x")["UploadId"]
        etags = [
            self.s3.upload_part(**upload, PartNumber=1, Body=LARGE[: 5 * MIB])["ETag"],
            self.s3.upload_part_copy(**upload, PartNumber=2, CopySource=f"{bucket}/{a}")["CopyPartResult"]["ETag"],
        ]
        self.assertEqual([each["PartNumber"] for each in self.s3.list_parts(**upload)["Parts"]], [1, 2])
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)]
        self.s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        found = self.s3.get_object(Bucket=bucket, Key=b, Range=f"bytes={5 * MIB - 2}-")
        self.assertEqual(
            (found["Body"].read(), found["ContentType"]), (LARGE[5 * MIB - 2 : 5 * MIB] + b"hello", "text/x")
        )
        self.s3.copy_object(Bucket=bucket, Key=f"{self.folder}/c/d", CopySource=f"{bucket}/{a}")
        copied = self.s3.head_object(Bucket=bucket, Key=f"{self.folder}/c/d")
        self.assertEqual((copied["Metadata"], copied["ContentLength"]), ({"who": "ann"}, 5))
        tags = self.s3.get_object_tagging(Bucket=bucket, Key=f"{self.folder}/c/d")["TagSet"]
        self.assertEqual(tags, [{"Key": "x", "Value": "1"}])
        page = self.s3.list_objects_v2(Bucket=bucket, Prefix=f"{self.folder}/", Delimiter="/", MaxKeys=2)
        self.assertEqual([each["Key"] for each in page["Contents"]], [a, b])
        page = self.s3.list_objects_v2(
            Bucket=bucket, Prefix=f"{self.folder}/", Delimiter="/", ContinuationToken=page["NextContinuationToken"]
        )
        self.assertEqual([each["Prefix"] for each in page["CommonPrefixes"]], [f"{self.folder}/c/"])
        gone = [{"Key": f"{self.folder}/{key}"} for key in (*self.keys(), "never")]
        self.assertEqual(len(self.s3.delete_objects(Bucket=bucket, Delete={"Objects": gone})["Deleted"]), 4)
        self.assertEqual(self.keys(), [])

    # MinIO's client

    def test_minio(self) -> None:
        place = urlsplit(ENDPOINT)
        if place.path:
            self.skipTest("minio takes no address with a path")
        client = minio.Minio(
            place.netloc, access_key=ACCESS_KEY, secret_key=SECRET_KEY, secure=False, region="us-east-1"
        )
        bucket = "default" if self.bucket == "_default_" else self.bucket  # it takes no name with an underscore
        key = f"{self.folder}/of unknown size ü"
        self.assertTrue(client.bucket_exists(bucket_name=bucket))
        client.put_object(
            bucket_name=bucket,
            object_name=key,
            data=io.BytesIO(LARGE),
            length=-1,
            part_size=5 * MIB,
            metadata={"a": "b"},
        )
        found = client.stat_object(bucket_name=bucket, object_name=key)
        self.assertEqual((found.size, found.metadata["x-amz-meta-a"]), (len(LARGE), "b"))
        with client.get_object(bucket_name=bucket, object_name=key, offset=5 * MIB - 1, length=3) as answer:
            self.assertEqual(answer.read(), LARGE[5 * MIB - 1 : 5 * MIB + 2])
        source = ComposeSource(bucket_name=bucket, object_name=key)
        client.compose_object(bucket_name=bucket, object_name=f"{self.folder}/twice", sources=[source, source])
        self.assertEqual(
            client.stat_object(bucket_name=bucket, object_name=f"{self.folder}/twice").size, 2 * len(LARGE)
        )
        url = client.presigned_get_object(bucket_name=bucket, object_name=key)
        with urlopen(url) as answer:
            self.assertEqual(answer.read(), LARGE)
        listed = client.list_objects(bucket_name=bucket, prefix=f"{self.folder}/", recursive=True)
        names = [each.object_name for each in listed]
        self.assertEqual(names, [key, f"{self.folder}/twice"])
        errors = client.remove_objects(bucket_name=bucket, delete_object_list=[DeleteObject(name) for name in names])
        self.assertEqual((list(errors), self.keys()), ([], []))

    # s3fs

    def test_s3fs(self) -> None:
        fs = s3fs.S3FileSystem(
            key=ACCESS_KEY,
            secret=SECRET_KEY,
            endpoint_url=ENDPOINT,
            client_kwargs={"region_name": "us-east-1"},
            skip_instance_cache=True,
        )
        with fs.open(f"{self.root}/large", "wb") as file:
            file.write(LARGE)
        fs.pipe_file(f"{self.root}/deep/er/small", b"hello")
        self.assertEqual(fs.cat_file(f"{self.root}/large"), LARGE)
        with fs.open(f"{self.root}/large", "rb") as file:
            file.seek(10 * MIB)
            self.assertEqual(file.read(5), LARGE[10 * MIB : 10 * MIB + 5])
        self.assertEqual(sorted(fs.glob(f"{self.root}/**")), [
            self.root, f"{self.root}/deep", f"{self.root}/deep/er", f"{self.root}/deep/er/small", f"{self.root}/large",
        ])  # fmt: skip
        self.assertEqual(fs.info(f"{self.root}/large")["size"], len(LARGE))
        fs.copy(f"{self.root}/large", f"{self.root}/copy")
        fs.mv(f"{self.root}/deep/er/small", f"{self.root}/moved")
        self.assertEqual(self.keys(), ["copy", "large", "moved"])
        fs.rm(self.root, recursive=True)
        self.assertEqual(self.keys(), [])

    # Polars (object_store, in Rust)

    def test_polars(self) -> None:
        options = {
            "aws_endpoint_url": ENDPOINT,
            "aws_access_key_id": ACCESS_KEY,
            "aws_secret_access_key": SECRET_KEY,
            "aws_region": "us-east-1",
            "aws_allow_http": "true",
        }
        frame = pl.DataFrame(table())
        for number in range(3):
            frame.write_parquet(f"s3://{self.root}/part={number}/rows.parquet", storage_options=options)
        found = pl.scan_parquet(f"s3://{self.root}/**/*.parquet", storage_options=options, hive_partitioning=True)
        self.assertEqual(found.select(pl.len()).collect().item(), 3 * ROWS)
        total = found.filter(pl.col("part") == 1).select(pl.col("n").sum()).collect().item()
        self.assertEqual(total, sum(range(ROWS)))
        frame.lazy().sink_csv(f"s3://{self.root}/rows.csv", storage_options=options)
        self.assertEqual(pl.read_csv(f"s3://{self.root}/rows.csv", storage_options=options).height, ROWS)

    # DuckDB

    def test_duckdb(self) -> None:
        extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
        connection = duckdb.connect(
            config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
        )
        connection.execute(f"load '{extension}'")
        place = urlsplit(ENDPOINT)
        endpoint = place.netloc + place.path
        connection.execute(
            f"create secret (type s3, key_id '{ACCESS_KEY}', secret '{SECRET_KEY}', endpoint '{endpoint}', "
            "url_style 'path', use_ssl false, region 'us-east-1')"
        )
        rows = f"select range as n, 'row ' || range as name, range % 3 as part from range({ROWS})"
        connection.execute(f"copy ({rows}) to 's3://{self.root}/one.parquet'")
        connection.execute(f"copy ({rows}) to 's3://{self.root}/by' (format parquet, partition_by (part))")
        connection.execute(f"copy ({rows}) to 's3://{self.root}/rows.json'")
        count = f"select count(*), sum(n) from read_parquet('s3://{self.root}/%s')"
        wanted = (ROWS, sum(range(ROWS)))
        self.assertEqual(connection.execute(count % "one.parquet").fetchone(), wanted)
        self.assertEqual(connection.execute(count % "by/*/*.parquet").fetchone(), wanted)
        json_count = f"select count(*) from read_json('s3://{self.root}/*.json')"
        self.assertEqual(connection.execute(json_count).fetchone(), (ROWS,))
        files = connection.execute(f"select count(*) from glob('s3://{self.root}/**')").fetchone()
        self.assertEqual(files, (5,))

    # pyarrow (the AWS SDK for C++)

    def test_pyarrow(self) -> None:
        place = urlsplit(ENDPOINT)
        fs = pa.fs.S3FileSystem(
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            endpoint_override=place.netloc + place.path,
            scheme=place.scheme,
            region="us-east-1",
        )
        pa.parquet.write_table(table(), f"{self.root}/one.parquet", filesystem=fs)
        self.assertEqual(pa.parquet.read_table(f"{self.root}/one.parquet", filesystem=fs), table())
        pa.dataset.write_dataset(table(), f"{self.root}/set", format="parquet", filesystem=fs, max_rows_per_file=20_000,
                                 max_rows_per_group=20_000)  # fmt: skip
        self.assertEqual(pa.dataset.dataset(f"{self.root}/set", filesystem=fs).count_rows(), ROWS)
        with fs.open_output_stream(f"{self.root}/large") as stream:
            stream.write(LARGE)
        with fs.open_input_file(f"{self.root}/large") as file:
            self.assertEqual(file.read_at(5, 10 * MIB), LARGE[10 * MIB : 10 * MIB + 5])
        selector = pa.fs.FileSelector(self.root, recursive=True)
        names = [each.base_name for each in fs.get_file_info(selector) if each.is_file]
        self.assertEqual(sorted(names), ["large", "one.parquet", "part-0.parquet", "part-1.parquet", "part-2.parquet"])
        fs.delete_dir(self.root)
        self.assertNotIn("large", self.keys())

    # rclone (the AWS SDK for Go)

    def test_rclone(self) -> None:
        program = Path(rclone_api.__file__).parent / "bin" / "rclone"
        environment = {
            "PATH": os.environ["PATH"],
            "RCLONE_CONFIG": "/dev/null",
            "RCLONE_CONFIG_T_TYPE": "s3",
            "RCLONE_CONFIG_T_PROVIDER": "Other",
            "RCLONE_CONFIG_T_ENDPOINT": ENDPOINT,
            "RCLONE_CONFIG_T_ACCESS_KEY_ID": ACCESS_KEY,
            "RCLONE_CONFIG_T_SECRET_ACCESS_KEY": SECRET_KEY,
            "RCLONE_CONFIG_T_FORCE_PATH_STYLE": "true",
        }

        def rclone(*arguments: str) -> str:
            done = subprocess.run(
                [program, "--retries", "1", "--low-level-retries", "1", *arguments],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            self.assertEqual((done.returncode, done.stderr), (0, done.stderr), done.stderr)
            return done.stdout

        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "source")
            (source / "a b" / "ü").mkdir(parents=True)
            (source / "a b" / "ü" / "small+%.txt").write_text("hello")
            (source / "large").write_bytes(LARGE)
            cut = ("--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M")
            rclone("sync", str(source), f"t:{self.root}", *cut)
            rclone("check", "--download", str(source), f"t:{self.root}")
            self.assertEqual(self.keys(), ["a b/ü/small+%.txt", "large"])
            self.assertEqual(rclone("lsf", "-R", "--files-only", f"t:{self.root}").split("\n")[:2], self.keys())
            (source / "large").unlink()
            rclone("sync", str(source), f"t:{self.root}")
            rclone("moveto", f"t:{self.root}/a b/ü/small+%.txt", f"t:{self.root}/moved")
            self.assertEqual((self.keys(), rclone("cat", f"t:{self.root}/moved")), (["moved"], "hello"))
            rclone("purge", f"t:{self.root}")
            self.assertEqual(self.keys(), [])


if __name__ == "__main__":
    outcomes.tell(Clients, buckets=os.environ["S3_BUCKETS"].split(","))
