"""Every call of `wmill` about objects, from outside of jobs, in each of the workspaces that WORKSPACES names.

It runs with the release that its environment has; AT is a folder of its own. Each workspace keeps its
objects elsewhere; those that STRICT names are on servers that cannot keep every key.
"""

import inspect
import io
import os
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import outcomes
import wmill
from wmill import S3Object
from wmill.client import Windmill

# ruff: noqa: PT009, PT027  # pytest is not in the environments that this runs in

AT = os.environ["AT"]
LARGE = bytes(range(256)) * 4096 * 6 + b"odd"
ODD_NAMES = ["ä b+c%25.txt", "a//b", "x/../y", "q?a=b&c#d", "~", "日本"]

Check = Callable[["Objects", Windmill, str], None]


def everywhere(check: Check) -> Callable[["Objects"], None]:
    """The check in each workspace: it gets a client of it, and the start of its keys."""

    def checks(self: "Objects") -> None:
        for workspace in os.environ["WORKSPACES"].split(","):
            with self.subTest(workspace):
                check(self, Windmill(workspace=workspace), f"{AT}/{check.__name__}/")

    checks.__name__ = check.__name__
    return checks


def write(client: Windmill, obj: Any, content: Any, **more: str) -> Any:
    return client.write_s3_file(obj, content, None, more.get("content_type"), more.get("content_disposition"))


def opened(url: str) -> httpx.Response:
    """What somebody gets who has nothing but the address."""
    with httpx.Client() as anybody:
        return anybody.get(url)


class Objects(unittest.TestCase):
    maxDiff = None

    @everywhere
    def test_bytes_come_back(self, client: Windmill, at: str) -> None:
        for content in (b"", b"hello", LARGE):
            obj = S3Object(s3=f"{at}file")
            self.assertEqual(write(client, obj, content)["s3"], obj["s3"])
            self.assertEqual(client.load_s3_file(obj, None), content)

    @everywhere
    def test_every_key_is_kept(self, client: Windmill, at: str) -> None:
        for name in ODD_NAMES:
            if name in {"a//b", "x/../y"} and client.workspace in os.environ["STRICT"].split(","):
                continue
            obj = S3Object(s3=at + name)
            write(client, obj, name.encode())
            self.assertEqual(client.load_s3_file(obj, None).decode(), name)

    @everywhere
    def test_object_without_a_key_gets_one(self, client: Windmill, at: str) -> None:
        made = write(client, None, b"made")
        self.assertRegex(made["s3"], r"^windmill_uploads/")
        self.assertEqual(client.load_s3_file(made, None), b"made")

    @everywhere
    def test_texts_name_objects(self, client: Windmill, at: str) -> None:
        made = write(client, f"s3:///{at}named", b"named")
        self.assertEqual(made["s3"], f"{at}named")
        self.assertEqual(client.load_s3_file(f"s3:///{at}named", None), b"named")
        self.assertEqual(client.load_s3_file(S3Object(s3=f"{at}named", storage="_default_"), None), b"named")

    @everywhere
    def test_files_are_streamed(self, client: Windmill, at: str) -> None:
        obj = S3Object(s3=f"{at}streamed")
        with tempfile.NamedTemporaryFile() as file:
            file.write(LARGE)
            file.flush()
            with Path(file.name).open("rb") as source:
                write(client, obj, source)
        write(client, S3Object(s3=f"{at}buffered"), io.BufferedReader(io.BytesIO(b"buffered")))
        self.assertEqual(client.load_s3_file(S3Object(s3=f"{at}buffered"), None), b"buffered")
        with client.load_s3_file_reader(obj, None) as reader:
            first = reader.read(7)
            self.assertEqual(first + reader.read(), LARGE)

    @everywhere
    def test_type_and_name_are_kept(self, client: Windmill, at: str) -> None:
        obj = S3Object(s3=f"{at}typed")
        write(client, obj, b"a,b", content_type="text/csv", content_disposition='attachment; filename="x.csv"')
        answer = client.get(f"/w/{client.workspace}/job_helpers/download_s3_file", params={"file_key": obj["s3"]})
        self.assertEqual(answer.headers["content-type"].partition(";")[0], "text/csv")
        self.assertEqual(answer.headers["content-disposition"], 'attachment; filename="x.csv"')

    @everywhere
    def test_failures_say_why(self, client: Windmill, at: str) -> None:
        with self.assertRaisesRegex(Exception, "404.*nothing_here"):
            client.load_s3_file(S3Object(s3=f"{at}nothing_here"), None)
        with self.assertRaisesRegex(Exception, "storage 'unknown'"):
            client.load_s3_file(S3Object(s3=f"{at}x", storage="unknown"), None)
        with self.assertRaisesRegex(Exception, "u/admin/no_such_bucket"):
            client.load_s3_file(S3Object(s3=f"{at}x"), "u/admin/no_such_bucket")
        with self.assertRaisesRegex(Exception, "Could not write"):
            write(client, S3Object(s3=f"{at}x", storage="unknown"), b"x")

    @everywhere
    def test_object_is_deleted(self, client: Windmill, at: str) -> None:
        if not hasattr(client, "delete_s3_object"):
            self.skipTest("this release cannot")
        obj = S3Object(s3=f"{at}deleted")
        write(client, obj, b"x")
        client.delete_s3_object(obj)
        with self.assertRaisesRegex(Exception, "404"):
            client.load_s3_file(obj, None)

    @everywhere
    def test_signed_objects_keep_their_order(self, client: Windmill, at: str) -> None:
        objects = [write(client, S3Object(s3=f"{at}{number}"), str(number).encode()) for number in range(3)]
        signed = client.sign_s3_objects(objects)
        self.assertEqual([each["s3"] for each in signed], [each["s3"] for each in objects])
        for number, each in enumerate(signed):
            self.assertNotIn("storage", {name for name, value in each.items() if value is None})
            url = f"{os.environ['WM_BASE_URL']}/api/w/{client.workspace}/s3_proxy/_default_/{each['s3']}"
            self.assertEqual(opened(f"{url}?{each['presigned']}").text, str(number))
            self.assertIn(opened(url).status_code, {401, 403})
        self.assertIn("presigned", client.sign_s3_object(objects[0]))

    @everywhere
    def test_links_are_opened_by_anybody(self, client: Windmill, at: str) -> None:
        if not hasattr(client, "get_presigned_s3_public_urls"):
            self.skipTest("this release cannot")
        write(client, S3Object(s3=f"{at}one"), b"one", content_type="text/plain")
        write(client, S3Object(s3=f"{at}two"), b"two")
        urls = client.get_presigned_s3_public_urls([S3Object(s3=f"{at}one"), f"s3:///{at}two"])
        self.assertEqual([opened(url).text for url in urls], ["one", "two"])
        self.assertIn("sandbox", opened(urls[0]).headers["content-security-policy"])
        url = client.get_presigned_s3_public_url(S3Object(s3=f"{at}one"))
        self.assertEqual(opened(url).text, "one")
        self.assertEqual(opened(url.replace(f"{at}one", f"{at}two")).status_code, 403)
        if "expiry_secs" in inspect.signature(client.get_presigned_s3_public_url).parameters:
            self.assertEqual(opened(client.get_presigned_s3_public_url(f"s3:///{at}two", expiry_secs=60)).text, "two")

    def test_functions_of_the_module(self) -> None:
        obj = wmill.write_s3_file(S3Object(s3=f"{AT}/module"), b"module")
        self.assertEqual(wmill.load_s3_file(obj), b"module")
        with wmill.load_s3_file_reader(obj) as reader:
            self.assertEqual(reader.read(), b"module")
        self.assertIn("presigned", wmill.sign_s3_object(obj))


if __name__ == "__main__":
    outcomes.tell(Objects)
