"""What a Python script needs: inline metadata, blocks, imports, and scripts of the workspace."""

import pytest

from tidemill.languages.python import Python
from tidemill.languages.requirements import declared
from tidemill.model.errors import InvalidScript


def specifiers(content: str) -> list[str]:
    return list(declared(content, path="f/a/b").specifiers)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", []),
        ("import os, sys, json, asyncio.subprocess, xml.etree.ElementTree as E", []),
        ("from __future__ import annotations\nimport __main__", []),
        ("import wmill\nfrom wmill import Windmill\nimport tidemill_client.lease", []),
        ("import requests", ["requests"]),
        ("import requests as r", ["requests"]),
        ("import requests.adapters", ["requests"]),
        ("from requests.adapters import HTTPAdapter", ["requests"]),
        ("import requests, httpx", ["requests", "httpx"]),
        ("import requests\nfrom requests import get", ["requests"]),
        ("import yaml", ["PyYAML"]),
        ("from PIL import Image", ["pillow"]),
        ("import cv2", ["opencv-python-headless"]),
        ("from sklearn.linear_model import Ridge", ["scikit-learn"]),
        ("from bs4 import BeautifulSoup as S", ["beautifulsoup4"]),
        ("from dateutil import parser", ["python-dateutil"]),
        ("import psycopg2.extras", ["psycopg2-binary"]),
        ("import psycopg", ["psycopg[binary]"]),
        ("import jwt, Crypto.Cipher.AES", ["PyJWT", "pycryptodome"]),
        ("import pymongo, bson", ["pymongo"]),
        ("from google.cloud import storage, bigquery", ["google-cloud-storage", "google-cloud-bigquery"]),
        ("import google.cloud.some_thing.v1", ["google-cloud-some-thing"]),
        ("from google.cloud import pubsub_v1", ["google-cloud-pubsub"]),
        ("from google.oauth2 import service_account", ["google-auth"]),
        ("import google.generativeai as genai", ["google-generativeai"]),
        ("from azure.storage.blob import BlobServiceClient", ["azure-storage-blob"]),
        ("from azure.mgmt.web import WebSiteManagementClient", ["azure-mgmt-web"]),
        ("import snowflake.connector", ["snowflake-connector-python"]),
        ("import google", []),
        ("import some_package.x", ["some-package"]),
        ("def f():\n    if x:\n        import requests", ["requests"]),
        ("try:\n    import tomllib\nexcept ImportError:\n    import tomli", ["tomli"]),
        ("class A:\n    import requests", ["requests"]),
        ("if TYPE_CHECKING:\n    import pandas\nelse:\n    import polars", ["polars"]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import pandas", []),
        ("from . import x\nfrom .y import z\nfrom .. import w", []),
        ("from f.shared.lib import x\nimport u.bob.lib", []),
        ("s = 'import requests'\n# import requests\n'''\nimport requests\n'''", []),
        ("import pandas # pin: pandas==2.0.1", ["pandas==2.0.1"]),
        ("import yaml  # repin: ruamel.yaml>=0.18", ["ruamel.yaml>=0.18"]),
        ("import os # pin: six", []),
        ("#requirements:\n#six==1.16.0\n# idna\nimport requests", ["six==1.16.0", "idna"]),
        ("# requirements:\n# six\n\n# httpx", ["six"]),
        ("#requirements:\n#six # why\n#\n#idna\nimport requests", ["six", "idna"]),
        ("#requirements:\nimport requests", []),
        ("x = 1\n#requirements:\n#six", ["six"]),
        ("#extra_requirements:\n#six>=1\nimport requests", ["requests", "six>=1"]),
        ("#requirements:\n#six\n#extra_requirements:\n#idna\nimport requests", ["six"]),
        ("#requirements: six\nimport requests", ["requests"]),
        ("#requirements:\n#Requests [socks] >= 2, < 3 ; python_version > '3.8'", None),
        ("#requirements:\n#six @ https://example.com/six.tar.gz", ["six@ https://example.com/six.tar.gz"]),
        ('# /// script\n# dependencies = ["six<2", "idna"]\n# ///\nimport requests', ["six<2", "idna"]),
        ('# /// script\n# dependencies = [\n#   "six", # why\n# ]\n# ///', ["six"]),
        ("# /// script\n# ///\nimport requests", []),
        ('# /// script\n# requires-python = ">=3.11"\n# [tool.uv]\n# index-url = "https://e.com"\n# ///', []),
        ('# /// other\n# dependencies = ["six"]\n# ///\nimport requests', ["requests"]),
        ('# /// script\n# dependencies = ["six"]\nimport requests', ["requests"]),
        ('# /// script\n# dependencies = ["six"]\n# ///\n#requirements:\n#idna', ["six"]),
    ],
)
def test_requirements_are_found(content: str, expected: list[str] | None) -> None:
    found = specifiers(content)
    if expected is None:
        assert found == ['Requests[socks]<3,>=2; python_version > "3.8"']
    else:
        assert [each.replace(" @ ", "@ ") for each in found] == expected


@pytest.mark.parametrize(
    "requirement",
    [
        "-r /etc/passwd",
        "--index-url https://example.com/simple",
        "-e .",
        "-i https://example.com",
        "--config-settings x",
        "./local",
        "/etc/passwd",
        "../x.whl",
        "file:///etc/passwd",
        "six @ file:///etc/passwd",
        "six @ /etc/passwd",
        "six @ http://example.com/six.tar.gz",
        "six @ git+https://example.com/six",
        "six @ git+ssh://example.com/six",
        "six @ https://user:secret@example.com/six.tar.gz",
        "six @ https://example.com/${UV_INDEX_URL}",
        "https://example.com/six.tar.gz",
        "six; python_version > '3' or ${X}",
        "six --hash=sha256:00",
        "six\x0b-r x",
        "two words",
        "six==",
        "é",
        "x" * 2000,
    ],
)
def test_what_is_no_plain_requirement_is_refused(requirement: str) -> None:
    with pytest.raises(InvalidScript):
        specifiers(f"#requirements:\n#{requirement}")
    with pytest.raises(InvalidScript):
        specifiers(f"# /// script\n# dependencies = ['''{requirement}''']\n# ///")


@pytest.mark.parametrize(
    "block",
    [
        "dependencies = 'six'",
        "dependencies = [1]",
        "requires-python = 3",
        "requires-python = 'three'",
        "not toml",
        "dependencies = [" + "[" * 2000,
    ],
)
def test_bad_metadata_is_refused(block: str) -> None:
    with pytest.raises(InvalidScript):
        declared(f"# /// script\n# {block}\n# ///", path="")


def test_two_metadata_blocks_are_refused() -> None:
    with pytest.raises(InvalidScript, match="more than one"):
        specifiers("# /// script\n# ///\n\n# /// script\n# ///\n")


@pytest.mark.parametrize(
    ("content", "path", "expected"),
    [
        ("from . import x", "f/a/b", [("f/a/x",)]),
        ("from . import x, y as z", "f/a/b", [("f/a/x",), ("f/a/y",)]),
        ("from .x import y", "f/a/b", [("f/a/x", "f/a/x/y")]),
        ("from .x import *", "f/a/b", [("f/a/x",)]),
        ("from .x.y import z", "f/a/b", [("f/a/x/y", "f/a/x/y/z")]),
        ("from .. import x", "f/a/b", []),
        ("from ..other.lib import x", "f/a/b", [("f/other/lib", "f/other/lib/x")]),
        ("from ..x import y", "f/a/b/c", [("f/a/x", "f/a/x/y")]),
        ("from ....... import x", "f/a/b", []),
        ("from .x import y", "", []),
        ("from .x import y", "f/a/name.with.dots", [("f/a/x", "f/a/x/y")]),
        ("from f.a import b", "", [("f/a/b",)]),
        ("from f.a.b import c", "u/x/y", [("f/a/b", "f/a/b/c")]),
        ("from u.bob.lib import a, b", "", [("u/bob/lib", "u/bob/lib/a"), ("u/bob/lib", "u/bob/lib/b")]),
        ("import u.bob.lib", "", [("u/bob/lib",)]),
        ("import u.bob.lib.deep as d", "", [("u/bob/lib/deep", "u/bob/lib")]),
        ("import u.bob", "", []),
        ("import f, u", "", []),
        ("from f import a", "", []),
        ("import requests, json", "f/a/b", []),
        ("def g():\n    from .x import y", "f/a/b", [("f/a/x", "f/a/x/y")]),
        ("#requirements:\n#six\nfrom . import x", "f/a/b", [("f/a/x",)]),
    ],
)
def test_imports_of_workspace_scripts(content: str, path: str, expected: list[tuple[str, ...]]) -> None:
    assert list(declared(content, path=path).imports) == expected


class Workspace:
    """Scripts by path; remembers what was read."""

    def __init__(self, **scripts: str) -> None:
        self.scripts = {path.replace("__", "/"): content for path, content in scripts.items()}
        self.read_paths: list[str] = []

    async def read(self, path: str) -> str | None:
        self.read_paths.append(path)
        return self.scripts.get(path)


async def test_requirements_of_imported_scripts_are_added() -> None:
    workspace = Workspace(
        f__a__x="import requests\nfrom .y import z",
        f__a__y="#requirements:\n#six==1.16\n",
        f__a__z="import never",
    )
    found = await Python().requirements("import idna\nfrom .x import g", path="f/a/main", read=workspace.read)
    assert found.specifiers == ("idna", "requests", "six==1.16")
    assert found.modules == {path: workspace.scripts[path] for path in ("f/a/x", "f/a/y")}
    assert found.missing == ()


async def test_scripts_that_import_each_other_are_read_once() -> None:
    workspace = Workspace(f__a__x="from .y import z\nfrom . import main", f__a__y="from .x import q\nimport six")
    found = await Python().requirements("from .x import g\nfrom .y import h", path="f/a/main", read=workspace.read)
    assert found.specifiers == ("six",)
    assert sorted(workspace.read_paths) == ["f/a/x", "f/a/y"]


async def test_script_below_another_name_is_found_by_the_longer_path() -> None:
    workspace = Workspace(f__a__lib__deep="import six")
    found = await Python().requirements("from f.a.lib import deep", path="", read=workspace.read)
    assert list(found.modules) == ["f/a/lib/deep"]


async def test_missing_script_is_told_but_no_error() -> None:
    found = await Python().requirements("from f.a.gone import x", path="", read=Workspace().read)
    assert found.missing == ("f/a/gone",)


async def test_error_in_an_imported_script_names_it() -> None:
    with pytest.raises(InvalidScript, match=r"f/a/x: Line 1: "):
        await Python().requirements("from .x import y", path="f/a/main", read=Workspace(f__a__x="def (").read)


async def test_python_versions_are_combined() -> None:
    block = '# /// script\n# requires-python = "{}"\n# ///\n'
    workspace = Workspace(f__a__x=block.format("<4"))
    content = block.format(">=3.9") + "from .x import y"
    found = await Python().requirements(content, path="f/a/main", read=workspace.read)
    assert found.requires_python == "<4,>=3.9"


async def test_endless_chain_of_scripts_is_refused() -> None:
    async def read(path: str) -> str | None:
        return f"from .{'x' * (len(path) - 3)} import y"

    with pytest.raises(InvalidScript, match="more than 200"):
        await Python().requirements("from .x import y", path="f/a/main", read=read)
