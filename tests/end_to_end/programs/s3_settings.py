"""What `wmill` says of how S3 libraries are set up, and whether they get along with it.

Runs in each of the workspaces that WORKSPACES names, from outside of jobs; AT is a folder of its own.
"""

import os
import shutil
import tempfile
import unittest
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path

import boto3
import duckdb
import duckdb_extension_httpfs
import outcomes
import polars as pl
import s3fs
from wmill.client import Windmill

# ruff: noqa: PT009  # pytest is not in the environments that this runs in

AT = os.environ["AT"]
RESOURCE = os.environ["RESOURCE"]
ROWS = 10_000

Check = Callable[["Settings", Windmill, str], None]


def everywhere(check: Check) -> Callable[["Settings"], None]:
    """The check in each workspace: it gets a client of it, and the start of its keys."""

    def checks(self: "Settings") -> None:
        for workspace in os.environ["WORKSPACES"].split(","):
            with self.subTest(workspace):
                check(self, Windmill(workspace=workspace), f"{AT}/{check.__name__}")

    checks.__name__ = check.__name__
    return checks


class Settings(unittest.TestCase):
    maxDiff = None

    @everywhere
    def test_boto3(self, client: Windmill, at: str) -> None:
        s3 = boto3.client("s3", **client.get_boto3_connection_settings())
        s3.put_object(Bucket="_default_", Key=f"{at}/x", Body=b"hello")
        self.assertEqual(s3.get_object(Bucket="_default_", Key=f"{at}/x")["Body"].read(), b"hello")
        found = s3.list_objects_v2(Bucket="_default_", Prefix=f"{at}/")["Contents"]
        self.assertEqual([each["Key"] for each in found], [f"{at}/x"])
        self.assertEqual(client.load_s3_file({"s3": f"{at}/x"}, None), b"hello")

    @everywhere
    def test_duckdb(self, client: Windmill, at: str) -> None:
        settings = client.get_duckdb_connection_settings()
        extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
        with tempfile.TemporaryDirectory() as folder, chdir(folder):
            platform = duckdb.sql("pragma platform").fetchone()
            assert platform is not None
            installed = Path(".duckdb/extensions", f"v{duckdb.__version__}", platform[0])
            installed.mkdir(parents=True)
            shutil.copy(extension, installed)  # so that INSTALL finds it: no test asks DuckDB's own server
            connection = duckdb.connect()
            connection.execute(settings["connection_settings_str"])
            place = f"s3://{settings['s3_bucket']}/{at}/rows.parquet"
            connection.execute(f"copy (select range as n from range({ROWS})) to '{place}'")
            total = connection.execute(f"select count(*), sum(n) from read_parquet('{place}')").fetchone()
            self.assertEqual(total, (ROWS, sum(range(ROWS))))

    @everywhere
    def test_polars_and_s3fs(self, client: Windmill, at: str) -> None:
        settings = client.get_polars_connection_settings()
        frame = pl.DataFrame({"n": range(ROWS)})
        place = f"s3://_default_/{at}/rows.parquet"
        frame.write_parquet(place, storage_options=settings["storage_options"])
        found = pl.scan_parquet(place, storage_options=settings["storage_options"])
        self.assertEqual(found.select(pl.col("n").sum()).collect().item(), sum(range(ROWS)))
        fs = s3fs.S3FileSystem(**settings["s3fs_args"], skip_instance_cache=True)
        self.assertEqual(fs.ls(f"_default_/{at}"), [f"_default_/{at}/rows.parquet"])
        with fs.open(f"_default_/{at}/rows.parquet", "rb") as file:
            self.assertTrue(pl.read_parquet(file).equals(frame))

    def test_resource_leads_to_the_bucket_itself(self) -> None:
        if not RESOURCE:
            self.skipTest("there is no S3 server here")
        workspace, _, path = RESOURCE.partition(":")
        client = Windmill(workspace=workspace)
        value = client.get_resource(path)
        settings = client.get_boto3_connection_settings(path)
        self.assertEqual(settings["aws_secret_access_key"], value["secretKey"])
        s3 = boto3.client("s3", **settings)
        s3.put_object(Bucket=value["bucket"], Key=f"{AT}/direct", Body=b"direct")
        self.assertEqual(client.load_s3_file({"s3": f"{AT}/direct"}, path), b"direct")
        self.assertIn(value["bucket"], str(client.get_duckdb_connection_settings(path)["s3_bucket"]))
        self.assertTrue(client.get_polars_connection_settings(path)["s3fs_args"]["endpoint_url"].startswith("http://"))


if __name__ == "__main__":
    outcomes.tell(Settings)
